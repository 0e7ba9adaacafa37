"""The ratios at which accounts were stopped out, with their history (S3-1; docs/decisions.md, "Forced liquidation")."""

from datetime import UTC, datetime
from decimal import Decimal

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

RATIOS = {
    datetime(2017, 1, 1, tzinfo=UTC): ("0.20", "In force in 2022; since when is not published: taken as the first."),
    datetime(2023, 11, 3, tzinfo=UTC): ("0.30", "The exchange's notice: 30 % from 3 November 2023."),
    datetime(2025, 1, 1, tzinfo=UTC): (
        "0.40",
        "The rules of forced liquidation (S3-1). They are not dated; their footer says 2011-2025: taken as the first day of 2025.",
    ),
}


def known_ratios(apps, schema_editor):
    model = apps.get_model("incidents", "LiquidationRatio")
    for effective_at, (ratio, source) in RATIOS.items():
        row = {"ratio": Decimal(ratio), "source": source}
        model.objects.get_or_create(effective_at=effective_at, defaults=row)


class Migration(migrations.Migration):

    dependencies = [
        ('incidents', '0004_prices_and_liquidations'),
        ('pghistory', '0007_auto_20250421_0444'),
    ]

    operations = [
        migrations.CreateModel(
            name='LiquidationRatioEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('effective_at', models.DateTimeField(verbose_name='in force from')),
                ('ratio', models.DecimalField(decimal_places=6, max_digits=7, verbose_name='ratio')),
                ('source', models.TextField(blank=True, verbose_name='source')),
            ],
            options={
                'abstract': False,
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='liquidationratio',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "incidents_liquidationratioevent" ("effective_at", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "ratio", "source") VALUES (NEW."effective_at", NEW."id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."ratio", NEW."source"); RETURN NULL;', hash='5c643bc1d9802ad6282c391c549a8c4542f55b4d', operation='INSERT', pgid='pgtrigger_insert_insert_2cc60', table='incidents_liquidationratio', when='AFTER')),
        ),
        migrations.AddField(
            model_name='liquidationratioevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='liquidationratioevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='incidents.liquidationratio'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='liquidationratioevent',
            trigger=pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='1bafd718a3273efac9c49184bde31c5bed7b9491', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_3d8cd', table='incidents_liquidationratioevent', when='BEFORE')),
        ),
        migrations.RunPython(known_ratios, migrations.RunPython.noop),
    ]
