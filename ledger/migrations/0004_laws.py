"""The laws of the books in the database itself; the balances of what is in them already."""

from django.db import migrations

from ledger import laws

BALANCES = """
    INSERT INTO ledger_balance (account_id, part, debits, credits)
    SELECT account, 0, sum(debit), sum(credit)
      FROM (SELECT debit_id AS account, amount AS debit, 0 AS credit FROM ledger_transfer
            UNION ALL SELECT credit_id, 0, amount FROM ledger_transfer) AS leg
     GROUP BY account
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_books_that_nobody_bends")]

    operations = [
        migrations.RunSQL(laws.INSTALL, laws.REMOVE),
        # Each row is rewritten with every posting of its transaction: room on its page keeps that cheap.
        migrations.RunSQL("ALTER TABLE ledger_balance SET (fillfactor = 25)", "ALTER TABLE ledger_balance RESET (fillfactor)"),
        migrations.RunSQL(BALANCES, migrations.RunSQL.noop),
    ]
