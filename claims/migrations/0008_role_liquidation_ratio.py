"""Managers enter a new liquidation ratio."""

from django.apps.registry import apps as live
from django.contrib.auth.management import create_permissions
from django.db import migrations


def grant(apps, schema_editor):
    # Django makes permissions only after all migrations; this one is needed now
    create_permissions(live.get_app_config("incidents"), verbosity=0, apps=apps, using=schema_editor.connection.alias)
    permission = apps.get_model("auth", "Permission").objects.get(
        content_type__app_label="incidents", codename="add_liquidationratio"
    )
    apps.get_model("auth", "Group").objects.get(name="manager").permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        ("claims", "0007_roles_at_the_new_desks"),
        ("incidents", "0005_liquidation_ratios"),
    ]

    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]
