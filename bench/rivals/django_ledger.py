"""django-ledger: its own `commit_txs`, a journal entry of two lines that is verified, locked and posted.

`python -m bench.rivals.django_ledger VERB ...`; the same verbs as bench.rivals.hordak.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from statistics import median

import django

django.setup()

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from django_ledger.io import roles
from django_ledger.models import AccountModel, EntityModel, LedgerModel, TransactionModel

from bench.books.pace import Post, crew

CASH, FEES = "1010", "4010"
QUESTIONS = 3
SAMPLE = 1_000  # of a bulk file, one by one: there is no bulk call
LOAD = """
WITH entry AS (
    INSERT INTO django_ledger_journalentrymodel
           (uuid, created, je_number, timestamp, description, activity, posted, locked, is_closing_entry, ledger_id)
    SELECT gen_random_uuid(), now(), 'JE-' || n, '2022-11-16 12:00Z', 'Liquidation ' || n, 'op', true, true, false, %(ledger)s
      FROM generate_series(1, %(count)s) AS n
    RETURNING uuid, description
)
INSERT INTO django_ledger_transactionmodel
       (uuid, created, tx_type, amount, description, account_id, journal_entry_id, cleared, reconciled)
SELECT gen_random_uuid(), now(), side, 8.25, description, account, entry.uuid, false, false
  FROM entry, (VALUES ('debit', %(cash)s::uuid), ('credit', %(fees)s::uuid)) AS leg (side, account)
"""


def make() -> None:
    """The tables, an entity with a chart of two accounts, and a ledger."""
    call_command("migrate", verbosity=0)
    admin = User.objects.create_superuser("bench")
    entity = EntityModel.create_entity("Fund", use_accrual_method=True, admin=admin, fy_start_month=1)
    entity.create_chart_of_accounts(assign_as_default=True, commit=True)
    entity.create_account(CASH, roles.ASSET_CA_CASH, "Cash", "debit", active=True)
    entity.create_account(FEES, roles.INCOME_OPERATIONAL, "Liquidation fees", "credit", active=True)
    entity.create_ledger("Fund", posted=True)


def fill(transactions: str) -> None:
    """So many posted entries, written by the database itself for speed."""
    make()
    values = {
        "ledger": LedgerModel.objects.get().pk,
        "cash": AccountModel.objects.get(code=CASH).pk,
        "fees": AccountModel.objects.get(code=FEES).pk,
        "count": int(transactions),
    }
    with connection.cursor() as cursor:
        cursor.execute(LOAD, values)
        cursor.execute("VACUUM (ANALYZE)")


def post(writers: str, seconds: str) -> None:
    crew(_ready, writers, seconds)


def _ready() -> Post:
    ledger = LedgerModel.objects.select_related("entity").get()
    cash, fees = (AccountModel.objects.select_related("coa_model").get(code=code) for code in (CASH, FEES))

    def one(name: str, amount: Decimal = Decimal("8.25")) -> None:
        words = f"Liquidation {name}"
        legs = [
            {"account": account, "tx_type": side, "amount": amount, "description": words}
            for account, side in ((cash, "debit"), (fees, "credit"))
        ]
        ledger.commit_txs(je_timestamp=timezone.now(), je_txs=legs, je_posted=True, je_desc=words)

    return one


def take_in(path: str) -> None:
    """A sample of the file, one by one."""
    one = _ready()
    with open(path, newline="") as file:
        rows = list(islice(csv.DictReader(file), SAMPLE))
    began = time.perf_counter()
    for row in rows:
        one(row["liquidation_id"], Decimal(row["fee"]))
    print(json.dumps({"seconds": time.perf_counter() - began, "rows": len(rows)}))


def balance() -> None:
    entity, taken = EntityModel.objects.get(), []
    for _nth in range(QUESTIONS):
        began = time.perf_counter()
        digest = entity.digest(to_date=datetime.now(UTC), accounts=[CASH])
        [found] = digest.get_io_data()["accounts"]
        taken.append(1000 * (time.perf_counter() - began))
    print(json.dumps({"milliseconds": median(taken), "balance": str(found["balance"])}))


def export(path: str) -> None:
    """The lines of the account, with what a reader needs to know of their entries."""
    lines = TransactionModel.objects.filter(account__code=CASH).values_list(
        "journal_entry__je_number", "journal_entry__timestamp", "description", "account__name", "tx_type", "amount"
    )
    began = time.perf_counter()
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows(lines.iterator(chunk_size=10_000))
    print(json.dumps({"seconds": time.perf_counter() - began}))


VERBS = {verb.__name__: verb for verb in (make, fill, post, take_in, balance, export)}

if __name__ == "__main__":
    VERBS[sys.argv[1]](*sys.argv[2:])
