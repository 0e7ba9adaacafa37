"""The assets whose decimals we know; any other is a coin (rules §1: 8)."""

from django.db import migrations

DECIMALS = {"USDT": 2, "USDC": 2, "USD": 2, "EUR": 2, "GBP": 2, "CHF": 2, "AUD": 2, "CNY": 2, "HKD": 2, "SGD": 2, "JPY": 0}


def known_assets(apps, schema_editor):
    asset = apps.get_model("incidents", "Asset")
    asset.objects.bulk_create([asset(code=code, decimals=decimals) for code, decimals in DECIMALS.items()], ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = [("incidents", "0001_initial")]

    operations = [migrations.RunPython(known_assets, migrations.RunPython.noop)]
