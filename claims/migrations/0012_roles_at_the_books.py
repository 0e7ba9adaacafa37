"""What each role may do at the books: managers close periods and enter rates, both they and auditors read and verify everything."""

from django.apps.registry import apps as live
from django.contrib.auth.management import create_permissions
from django.db import migrations

BOOKS = ("balance", "closingbalance", "period", "rate", "seal", "sealing", "verification")
READ = [*(f"ledger.view_{name}" for name in BOOKS), "ledger.add_verification", "incidents.export_liquidation"]
ROLES = {
    "manager": [*READ, "ledger.close_period", "ledger.add_rate", "incidents.import_liquidation"],
    "auditor": READ,
}


def grant(apps, schema_editor):
    for room in ("incidents", "ledger"):  # Django makes permissions only after all migrations; these are needed now
        create_permissions(live.get_app_config(room), verbosity=0, apps=apps, using=schema_editor.connection.alias)
    permissions = apps.get_model("auth", "Permission").objects
    for role, names in ROLES.items():
        pairs = (name.split(".") for name in names)
        apps.get_model("auth", "Group").objects.get(name=role).permissions.add(
            *(permissions.get(content_type__app_label=room, codename=codename) for room, codename in pairs)
        )


class Migration(migrations.Migration):
    dependencies = [
        ("claims", "0011_history_at_once"),
        ("incidents", "0006_liquidation_surplus"),
        ("ledger", "0004_laws"),
    ]

    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]
