"""A schedule has one row: without this, two machines that start together would each make one."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0001_initial"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]

    operations = [
        migrations.RunSQL(
            "CREATE UNIQUE INDEX jobs_schedule_once ON django_q_schedule (name)", "DROP INDEX jobs_schedule_once"
        )
    ]
