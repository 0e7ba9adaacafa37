"""History in one table, written by triggers on every table that people change; who may read it and take it away."""

import claims.models.history
import django.contrib.postgres.indexes
import django.db.models.deletion
from django.apps.registry import apps as live
from django.conf import settings
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

from claims import recording

READERS = {"manager": ["view_history"], "auditor": ["view_history", "export_history"]}


def grant(apps, schema_editor):
    # Django makes permissions only after all migrations; these are needed now.
    create_permissions(live.get_app_config("claims"), verbosity=0, apps=apps, using=schema_editor.connection.alias)
    permissions = apps.get_model("auth", "Permission").objects.filter(content_type__app_label="claims")
    for role, names in READERS.items():
        group = apps.get_model("auth", "Group").objects.get(name=role)
        group.permissions.add(*permissions.filter(codename__in=names))


class Migration(migrations.Migration):

    dependencies = [
        ('claims', '0018_contact_files'),
        ('auth', '0012_alter_user_first_name_max_length'),
        ('incidents', '0006_liquidation_surplus'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Change',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(verbose_name='at')),
                ('action', models.CharField(help_text='what was done in one go: a request, a command, a task, a transaction', max_length=36, verbose_name='action')),
                ('kind', models.CharField(help_text='the table', max_length=63, verbose_name='kind')),
                ('operation', models.CharField(choices=[('insert', 'added'), ('update', 'changed'), ('delete', 'removed')], max_length=6, verbose_name='operation')),
                ('object_id', models.BigIntegerField(verbose_name='row')),
                ('source', models.JSONField(help_text='what the screen, command or task said of itself', verbose_name='source')),
                ('role', models.CharField(max_length=63, verbose_name='database role')),
                ('client', models.GenericIPAddressField(help_text='empty: on the same machine', null=True, verbose_name='database client')),
                ('application', models.CharField(blank=True, max_length=63, verbose_name='program')),
                ('old', models.JSONField(decoder=claims.models.history.ExactNumbers, null=True, verbose_name='old')),
                ('new', models.JSONField(decoder=claims.models.history.ExactNumbers, null=True, verbose_name='new')),
                ('claim', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='changes', to='claims.claim', verbose_name='claim')),
                ('user', models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='person')),
            ],
            options={
                'verbose_name': 'change',
                'verbose_name_plural': 'history',
                'ordering': ['-id'],
                'permissions': [('view_history', 'Can view the history'), ('export_history', 'Can export the history')],
                'default_permissions': (),
                'indexes': [models.Index(condition=models.Q(('claim__isnull', False)), fields=['claim', 'id'], name='change_of_claim'), models.Index(condition=models.Q(('user__isnull', False)), fields=['user', 'id'], name='change_by_person'), models.Index(fields=['kind', 'object_id'], name='change_of_row'), django.contrib.postgres.indexes.BrinIndex(autosummarize=True, fields=['at'], name='change_by_day')],
            },
        ),
        migrations.RunSQL(recording.INSTALL, recording.REMOVE),
        migrations.RunPython(grant, migrations.RunPython.noop),
    ]
