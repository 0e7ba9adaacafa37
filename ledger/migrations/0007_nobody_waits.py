"""Eight writers do not wait for one another, and posting keeps its speed while the books grow under an open session (laws.py)."""

from django.db import migrations

from ledger.laws import INSTALL

SIDES = ("debit", "credit")


class Migration(migrations.Migration):
    dependencies = [("ledger", "0006_whole_by_a_key")]

    operations = [
        migrations.RunSQL(
            [f"ALTER TABLE ledger_transfer DROP CONSTRAINT transfer_{side}_of_its_asset" for side in SIDES],
            [
                f"ALTER TABLE ledger_transfer ADD CONSTRAINT transfer_{side}_of_its_asset FOREIGN KEY ({side}_id, asset_id)"
                " REFERENCES ledger_account (id, asset_id) DEFERRABLE INITIALLY DEFERRED"
                for side in SIDES
            ],
        ),
        migrations.RemoveConstraint(model_name="account", name="account_with_its_asset"),
        migrations.RunSQL(INSTALL, migrations.RunSQL.noop),
    ]
