"""Managers cancel jobs and have them tried again."""

from django.apps.registry import apps as live
from django.contrib.auth.management import create_permissions
from django.db import migrations


def grant(apps, schema_editor):
    # Django makes permissions only after all migrations; this one is needed now.
    create_permissions(live.get_app_config("jobs"), verbosity=0, apps=apps, using=schema_editor.connection.alias)
    permission = apps.get_model("auth", "Permission").objects.get(
        content_type__app_label="jobs", codename="change_job"
    )
    apps.get_model("auth", "Group").objects.get(name="manager").permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [("jobs", "0004_people_at_the_jobs"), ("claims", "0003_roles")]

    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]
