"""An offer that nobody answered in time expires; after that, or after a no, another may be made on the same assessment."""

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("claims", "0016_payouts_go_forward")]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='offer',
            name='insert_insert',
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='offer',
            name='update_update',
        ),
        migrations.RemoveConstraint(
            model_name='offer',
            name='one_offer_per_claim_and_assessment',
        ),
        migrations.RemoveConstraint(
            model_name='offer',
            name='offer_answer_is_recorded',
        ),
        migrations.RemoveConstraint(
            model_name='offer',
            name='offer_accepted_before_it_expires',
        ),
        migrations.AddField(
            model_name='offer',
            name='reminded_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='reminded at'),
        ),
        migrations.AddField(
            model_name='offerevent',
            name='reminded_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='reminded at'),
        ),
        migrations.AlterField(
            model_name='offer',
            name='answer',
            field=models.CharField(blank=True, choices=[('', 'waits for the customer'), ('accepted', 'accepted'), ('declined', 'declined'), ('expired', 'expired')], default='', max_length=8, verbose_name='answer'),
        ),
        migrations.AlterField(
            model_name='offer',
            name='answered_at',
            field=models.DateTimeField(blank=True, help_text='or, without an answer, seen to have expired', null=True, verbose_name='answered at'),
        ),
        migrations.AlterField(
            model_name='offerevent',
            name='answer',
            field=models.CharField(blank=True, choices=[('', 'waits for the customer'), ('accepted', 'accepted'), ('declined', 'declined'), ('expired', 'expired')], default='', max_length=8, verbose_name='answer'),
        ),
        migrations.AlterField(
            model_name='offerevent',
            name='answered_at',
            field=models.DateTimeField(blank=True, help_text='or, without an answer, seen to have expired', null=True, verbose_name='answered at'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='offer',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "claims_offerevent" ("answer", "answered_at", "assessment_id", "claim_id", "expires_at", "id", "made_at", "made_by_id", "note", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "recorded_by_id", "reminded_at") VALUES (NEW."answer", NEW."answered_at", NEW."assessment_id", NEW."claim_id", NEW."expires_at", NEW."id", NEW."made_at", NEW."made_by_id", NEW."note", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."recorded_by_id", NEW."reminded_at"); RETURN NULL;', hash='613e10f09ded32140e0c02ac3e88c558ce621448', operation='INSERT', pgid='pgtrigger_insert_insert_70273', table='claims_offer', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='offer',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "claims_offerevent" ("answer", "answered_at", "assessment_id", "claim_id", "expires_at", "id", "made_at", "made_by_id", "note", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "recorded_by_id", "reminded_at") VALUES (NEW."answer", NEW."answered_at", NEW."assessment_id", NEW."claim_id", NEW."expires_at", NEW."id", NEW."made_at", NEW."made_by_id", NEW."note", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."recorded_by_id", NEW."reminded_at"); RETURN NULL;', hash='da61bf6ee81aef731bb720b36cc5bcc89b56d5cc', operation='UPDATE', pgid='pgtrigger_update_update_2e926', table='claims_offer', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='offer',
            constraint=models.UniqueConstraint(condition=models.Q(('answer__in', ['', 'accepted'])), fields=('claim', 'assessment'), name='one_offer_per_claim_and_assessment'),
        ),
        migrations.AddConstraint(
            model_name='offer',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('answer', ''), ('answered_at__isnull', True)), models.Q(('answer', 'expired'), ('answered_at__isnull', False), ('recorded_by__isnull', True)), models.Q(models.Q(('answer__in', ['', 'expired']), _negated=True), ('answered_at__isnull', False), ('recorded_by__isnull', False), models.Q(('note', ''), _negated=True)), _connector='OR'), name='offer_answer_is_recorded', violation_error_message='An answer needs its time, who recorded it, and how the customer gave it.'),
        ),
        migrations.AddConstraint(
            model_name='offer',
            constraint=models.CheckConstraint(condition=models.Q(('answered_at__isnull', True), ('expires_at__isnull', True), ('answered_at__lte', models.F('expires_at')), ('answer__in', ['declined', 'expired']), _connector='OR'), name='offer_accepted_before_it_expires'),
        ),
    ]
