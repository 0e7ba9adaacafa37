"""A payment may come back after it was confirmed: why, who recorded it, and that the line keeps what was said of it."""

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('claims', '0023_letters_without_an_address'),
        ('ledger', '0007_nobody_waits'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='payoutline',
            name='ends_once',
        ),
        migrations.RemoveConstraint(
            model_name='payoutline',
            name='payout_line_says_how_it_ended',
        ),
        migrations.AddField(
            model_name='payoutline',
            name='came_back',
            field=models.CharField(blank=True, db_default='', help_text='why, of a payment that came back', max_length=200, verbose_name='came back'),
        ),
        migrations.AddField(
            model_name='payoutline',
            name='returned_at',
            field=models.DateTimeField(null=True, verbose_name='return recorded at'),
        ),
        migrations.AddField(
            model_name='payoutline',
            name='returned_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='return recorded by'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='payoutline',
            trigger=pgtrigger.compiler.Trigger(name='ends_once', sql=pgtrigger.compiler.UpsertTriggerSql(condition="WHEN (OLD.status <> 'waits' AND NOT (\n        OLD.status = 'paid' AND NEW.returned_at IS NOT NULL\n        AND (NEW.said, NEW.entry_id, NEW.confirmed_by_id, NEW.confirmed_at)\n            IS NOT DISTINCT FROM (OLD.said, OLD.entry_id, OLD.confirmed_by_id, OLD.confirmed_at)))", func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='fd7bde49e4686833406dabecc669346939ebef63', operation='UPDATE', pgid='pgtrigger_ends_once_8c03a', table='claims_payoutline', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='payoutline',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('confirmed_at__isnull', True), ('entry__isnull', True), ('status', 'waits')), models.Q(('confirmed_at__isnull', False), ('entry__isnull', False), ('status', 'paid'), models.Q(('said', ''), _negated=True)), models.Q(('confirmed_at__isnull', False), ('entry__isnull', True), ('returned_at__isnull', True), ('status', 'failed'), models.Q(('said', ''), _negated=True)), models.Q(('confirmed_at__isnull', False), ('entry__isnull', False), ('returned_at__isnull', False), ('status', 'failed'), models.Q(('said', ''), _negated=True)), _connector='OR'), name='payout_line_says_how_it_ended'),
        ),
        migrations.AddConstraint(
            model_name='payoutline',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('came_back', ''), ('returned_at__isnull', True), ('returned_by__isnull', True)), models.Q(('returned_at__isnull', False), ('returned_by__isnull', False), ('status', 'failed'), models.Q(('came_back', ''), _negated=True)), _connector='OR'), name='payout_line_says_what_came_back'),
        ),
    ]
