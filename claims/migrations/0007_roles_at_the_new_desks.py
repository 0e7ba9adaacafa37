"""What each role may do with prices by hand, abnormal ranges, offers and previews."""

from django.apps.registry import apps as live
from django.contrib.auth.management import create_permissions
from django.db import migrations

READ = [
    "incidents.view_abnormalrange",
    "incidents.view_liquidationratio",
    "incidents.view_liquidation",
    "claims.view_givenprice",
    "claims.view_offer",
    "claims.view_offerline",
    "claims.view_preview",
]
ROLES = {
    "agent": [*READ, "claims.record_offer"],
    "manager": [
        *READ,
        "incidents.mark_abnormal",
        "claims.enter_price",
        "claims.confirm_price",
        "claims.record_offer",
        "claims.add_preview",
    ],
    "auditor": READ,
}


def grant(apps, schema_editor):
    for room in ("incidents", "claims"):  # Django makes permissions only after all migrations; these are needed now
        create_permissions(live.get_app_config(room), verbosity=0, apps=apps, using=schema_editor.connection.alias)
    permissions = apps.get_model("auth", "Permission").objects
    for role, names in ROLES.items():
        pairs = (name.split(".") for name in names)
        apps.get_model("auth", "Group").objects.get(name=role).permissions.add(
            *(permissions.get(content_type__app_label=room, codename=codename) for room, codename in pairs)
        )


class Migration(migrations.Migration):
    dependencies = [
        ("claims", "0006_offers_prices_previews"),
        ("incidents", "0004_prices_and_liquidations"),
    ]

    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]
