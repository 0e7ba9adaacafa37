"""A payout goes one way and no line of it is changed or deleted; files to and from treasury are recorded."""

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('claims', '0015_the_queue'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='PayoutFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('way', models.CharField(choices=[('to', 'to treasury'), ('from', 'from treasury')], max_length=4, verbose_name='way')),
                ('line_count', models.PositiveIntegerField(verbose_name='lines')),
                ('sha256', models.CharField(blank=True, help_text='of a file that came in', max_length=64, verbose_name='SHA-256')),
                ('at', models.DateTimeField(verbose_name='at')),
            ],
            options={
                'verbose_name': 'payout file',
                'verbose_name_plural': 'payout files',
                'ordering': ['at', 'id'],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='payoutbatch',
            trigger=pgtrigger.compiler.Trigger(name='never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='174d30168c567458d1727c22993c9002c0339da0', operation='DELETE', pgid='pgtrigger_never_deleted_a38bc', table='claims_payoutbatch', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='payoutbatch',
            trigger=pgtrigger.compiler.Trigger(name='proposed_once', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."incident_id" IS DISTINCT FROM (NEW."incident_id") OR OLD."asset" IS DISTINCT FROM (NEW."asset") OR OLD."line_count" IS DISTINCT FROM (NEW."line_count") OR OLD."total" IS DISTINCT FROM (NEW."total") OR OLD."proposed_by_id" IS DISTINCT FROM (NEW."proposed_by_id") OR OLD."proposed_at" IS DISTINCT FROM (NEW."proposed_at"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='fe2542b52579b4cb6d7c47a56f0f989981c515fd', operation='UPDATE', pgid='pgtrigger_proposed_once_89533', table='claims_payoutbatch', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='payoutbatch',
            trigger=pgtrigger.compiler.Trigger(name='goes_forward', sql=pgtrigger.compiler.UpsertTriggerSql(declare='DECLARE _is_valid_transition BOOLEAN;', func='SELECT CONCAT(OLD."status", \':\', NEW."status") = ANY(\'{proposed:released,proposed:cancelled,released:settled}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."status" IS DISTINCT FROM NEW."status") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "status" from "%" to "%" on table %\', OLD."status", NEW."status", TG_TABLE_NAME; ELSE RETURN NEW; END IF;', hash='9be4a8744112f33f28e155df9db955b3139c8cfc', operation='UPDATE', pgid='pgtrigger_goes_forward_9fa44', table='claims_payoutbatch', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='payoutline',
            trigger=pgtrigger.compiler.Trigger(name='never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='b3fc1787468d9fc909028574a8285b6032884716', operation='DELETE', pgid='pgtrigger_never_deleted_79967', table='claims_payoutline', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='payoutline',
            trigger=pgtrigger.compiler.Trigger(name='proposed_once', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."batch_id" IS DISTINCT FROM (NEW."batch_id") OR OLD."number" IS DISTINCT FROM (NEW."number") OR OLD."claim_id" IS DISTINCT FROM (NEW."claim_id") OR OLD."award_id" IS DISTINCT FROM (NEW."award_id") OR OLD."bonus_id" IS DISTINCT FROM (NEW."bonus_id") OR OLD."account" IS DISTINCT FROM (NEW."account") OR OLD."amount" IS DISTINCT FROM (NEW."amount") OR OLD."asset" IS DISTINCT FROM (NEW."asset"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='2f97f5135427e15effe49a1d2b8e69bb8d3a9028', operation='UPDATE', pgid='pgtrigger_proposed_once_53e8c', table='claims_payoutline', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='payoutline',
            trigger=pgtrigger.compiler.Trigger(name='ends_once', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NOT (OLD."status" = \'waits\'))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='98abb995b72196d095af2bd4ad3a09a09e62f664', operation='UPDATE', pgid='pgtrigger_ends_once_8c03a', table='claims_payoutline', when='BEFORE')),
        ),
        migrations.AddField(
            model_name='payoutfile',
            name='batch',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='files', to='claims.payoutbatch', verbose_name='payout batch'),
        ),
        migrations.AddField(
            model_name='payoutfile',
            name='by',
            field=models.ForeignKey(help_text='empty: the console', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='by'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='payoutfile',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='89da3785cffa79b6e16b93f94fc274a67448fe17', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_c36db', table='claims_payoutfile', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='payoutfile',
            trigger=pgtrigger.compiler.Trigger(name='never_truncated', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot truncate % table', TG_TABLE_NAME;", hash='07e0af72fe49116d959ddec3266823d2c7b6ef06', level='STATEMENT', operation='TRUNCATE', pgid='pgtrigger_never_truncated_2adca', table='claims_payoutfile', when='BEFORE')),
        ),
    ]
