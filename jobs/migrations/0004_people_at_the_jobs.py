"""Jobs are cancelled and tried again by people, who are named; a job names its worker, a cluster when it began."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("jobs", "0003_parts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="job",
            name="state",
            field=models.CharField(
                choices=[
                    ("queued", "waiting"),
                    ("running", "running"),
                    ("paused", "paused"),
                    ("done", "done"),
                    ("failed", "failed"),
                    ("cancelled", "cancelled"),
                ],
                default="queued",
                max_length=9,
                verbose_name="state",
            ),
        ),
        migrations.AddField(
            model_name="job",
            name="worker",
            field=models.CharField(
                blank=True, default="", help_text="who took it last", max_length=100, verbose_name="worker"
            ),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="job",
            name="handled_by",
            field=models.ForeignKey(
                blank=True,
                help_text="who cancelled it or had it tried again last",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="handled by",
            ),
        ),
        migrations.AddField(
            model_name="job",
            name="handled_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="handled at"),
        ),
        migrations.AlterField(
            model_name="heartbeat",
            name="cluster",
            field=models.CharField(
                help_text="its machine and process",
                max_length=100,
                primary_key=True,
                serialize=False,
                verbose_name="cluster",
            ),
        ),
        migrations.AddField(
            model_name="heartbeat",
            name="since",
            field=models.DateTimeField(default=django.utils.timezone.now, verbose_name="at work since"),
            preserve_default=False,
        ),
        # What the page asks of django-q2's own table: the latest failures of each schedule.
        migrations.RunSQL(
            "CREATE INDEX jobs_task_failed ON django_q_task (func, stopped) WHERE NOT success",
            "DROP INDEX jobs_task_failed",
        ),
    ]
