"""The three roles: agents work on claims, managers decide, auditors read and export."""

from django.apps.registry import apps as live
from django.contrib.auth.management import create_permissions
from django.db import migrations

ROOMS = ("incidents", "claims", "ledger", "jobs")
FACTS = ("asset", "instrument", "customer", "account", "order", "quote", "importedfile", "incident", "outagewindow")
CASES = ("policy", "claim", "contact", "evidence", "assessment", "verdict", "decision", "award", "compensation", "bonus")
BOOKS = ("asset", "account", "journalentry", "transfer")

READ_CASES = [f"incidents.view_{name}" for name in FACTS] + [f"claims.view_{name}" for name in CASES] + ["jobs.view_job"]
READ_BOOKS = [f"ledger.view_{name}" for name in BOOKS]
EXPORTS = [
    "incidents.export_incident",
    "claims.export_policy",
    "claims.export_claim",
    "claims.export_verdict",
    "claims.export_bonus",
    "ledger.export_account",
    "ledger.export_journalentry",
]
ROLES = {
    "agent": [*READ_CASES, "claims.add_claim", "claims.add_contact", "claims.add_evidence", "claims.review_evidence", "claims.assess_claim"],
    "manager": [
        *READ_CASES,
        *READ_BOOKS,
        *EXPORTS,
        "incidents.add_incident",
        "incidents.change_incident",
        "incidents.add_outagewindow",
        "incidents.change_outagewindow",
        "incidents.delete_outagewindow",
        "incidents.publish_incident",
        "claims.add_policy",
        "claims.publish_policy",
        "claims.add_claim",
        "claims.add_contact",
        "claims.add_evidence",
        "claims.review_evidence",
        "claims.assess_claim",
        "claims.approve_claim",
        "claims.deny_claim",
        "claims.grant_bonus",
        "ledger.post_journalentry",
    ],
    "auditor": [*READ_CASES, *READ_BOOKS, *EXPORTS],
}  # fmt: skip


def grant(apps, schema_editor):
    for room in ROOMS:  # Django makes permissions only after all migrations; these are needed now
        create_permissions(live.get_app_config(room), verbosity=0, apps=apps, using=schema_editor.connection.alias)
    permissions = apps.get_model("auth", "Permission").objects
    for role, names in ROLES.items():
        group, _created = apps.get_model("auth", "Group").objects.get_or_create(name=role)
        pairs = (name.split(".") for name in names)
        group.permissions.set([permissions.get(content_type__app_label=room, codename=codename) for room, codename in pairs])


class Migration(migrations.Migration):
    dependencies = [
        ("claims", "0002_initial"),
        ("incidents", "0002_known_assets"),
        ("ledger", "0002_books"),
        ("jobs", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]
