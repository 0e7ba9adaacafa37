"""What each role may do at the claims desk, the first payout limits, and that older evidence was looked at when it came in."""

from datetime import UTC, datetime

from django.apps.registry import apps as live
from django.contrib.auth.management import create_permissions
from django.db import migrations

NEW = ("step", "team", "presence", "savedfilter", "frame", "letter", "lettertemplate", "payoutlimit", "payoutbatch", "payoutline")
READ = [f"claims.view_{name}" for name in NEW]
DESK = [*READ, "claims.ask_customer", "claims.withdraw_claim", "claims.appeal_claim", "claims.assign_claim", "claims.import_claim"]
ROLES = {
    "agent": [*DESK, "claims.hold_claim"],
    "manager": [
        *DESK,
        "claims.hold_claim",
        "claims.add_team",
        "claims.change_team",
        "claims.change_lettertemplate",
        "claims.send_letter",
        "claims.set_payout_limit",
        "claims.propose_payout",
        "claims.release_payout",
        "claims.confirm_payout",
        "claims.export_payoutbatch",
    ],
    "auditor": [*READ, "claims.export_payoutbatch"],
}  # fmt: skip
LIMITS = {"USDT": ("100000", "5000000"), "BTC": ("5", "250")}  # asset: per line, per batch
FROM_THE_START = datetime(2022, 1, 1, tzinfo=UTC)


def grant(apps, schema_editor):
    # Django makes permissions only after all migrations; these are needed now.
    create_permissions(live.get_app_config("claims"), verbosity=0, apps=apps, using=schema_editor.connection.alias)
    permissions = apps.get_model("auth", "Permission").objects.filter(content_type__app_label="claims")
    for role, names in ROLES.items():
        wanted = [permissions.get(codename=name.removeprefix("claims.")) for name in names]
        apps.get_model("auth", "Group").objects.get(name=role).permissions.add(*wanted)


def first_limits(apps, schema_editor):
    for asset, (line, batch) in LIMITS.items():
        apps.get_model("claims", "PayoutLimit").objects.create(
            asset=asset, per_line=line, per_batch=batch, reason="To begin with", set_at=FROM_THE_START
        )


class Migration(migrations.Migration):
    dependencies = [("claims", "0013_the_claims_desk")]

    operations = [
        migrations.RunPython(grant, migrations.RunPython.noop),
        migrations.RunPython(first_limits, migrations.RunPython.noop),
        migrations.RunSQL(
            "UPDATE claims_evidence SET inspected_at = received_at WHERE inspected_at IS NULL", migrations.RunSQL.noop
        ),
    ]
