"""A transfer's accounts are of its own asset; the assets whose decimals we know."""

from django.db import migrations

DECIMALS = {"USDT": 2, "USDC": 2, "USD": 2, "EUR": 2, "GBP": 2, "CHF": 2, "AUD": 2, "CNY": 2, "HKD": 2, "SGD": 2, "JPY": 0}


def known_assets(apps, schema_editor):
    asset = apps.get_model("ledger", "Asset")
    asset.objects.bulk_create([asset(code=code, decimals=decimals) for code, decimals in DECIMALS.items()], ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]

    operations = [
        migrations.RunSQL(
            [
                f"""ALTER TABLE ledger_transfer ADD CONSTRAINT transfer_{side}_of_its_asset
                    FOREIGN KEY ({side}_id, asset_id) REFERENCES ledger_account (id, asset_id)"""
                for side in ("debit", "credit")
            ],
            [f"ALTER TABLE ledger_transfer DROP CONSTRAINT transfer_{side}_of_its_asset" for side in ("debit", "credit")],
        ),
        migrations.RunPython(known_assets, migrations.RunPython.noop),
    ]
