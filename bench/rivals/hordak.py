"""django-hordak: `transfer_to`, two legs in one transaction that the database holds against each other when it commits.

`python -m bench.rivals.hordak VERB ...`: `make`; `fill TRANSACTIONS`; `post WRITERS SECONDS`; `take_in FILE`; `balance`;
`export FILE`. Prints JSON.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Callable
from statistics import median

import django

django.setup()

from django.core.management import call_command
from django.db import connection, transaction
from hordak.models import Account, AccountType, Leg, Transaction
from moneyed import Money

from bench.books.pace import Post, crew

CASH, FEES = "Cash", "Liquidation fees"
QUESTIONS = 10
LOAD = """
WITH header AS (
    INSERT INTO hordak_transaction (uuid, timestamp, date, description)
    SELECT gen_random_uuid(), now(), '2022-11-16', 'Liquidation ' || n FROM generate_series(1, %(count)s) AS n
    RETURNING id
)
INSERT INTO hordak_leg (uuid, transaction_id, account_id, debit, credit, currency, description)
SELECT gen_random_uuid(), id, account, debit, credit, 'USD', ''
  FROM header, (VALUES (%(cash)s, 8.25, NULL), (%(fees)s, NULL, 8.25)) AS leg (account, debit, credit)
"""


def make() -> None:
    """The tables and two accounts."""
    call_command("migrate", verbosity=0)
    Account.objects.create(name=CASH, type=AccountType.asset, code="1", currencies=["USD"])
    Account.objects.create(name=FEES, type=AccountType.income, code="2", currencies=["USD"])


def fill(transactions: str) -> None:
    """So many transactions, written by the database itself, its checks at rest, for speed."""
    make()
    cash, fees = _accounts()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE hordak_leg DISABLE TRIGGER USER")
        cursor.execute(LOAD, {"cash": cash.pk, "fees": fees.pk, "count": int(transactions)})
        cursor.execute("ALTER TABLE hordak_leg ENABLE TRIGGER USER")
        cursor.execute("VACUUM (ANALYZE)")


def _accounts() -> tuple[Account, Account]:
    return Account.objects.get(name=CASH), Account.objects.get(name=FEES)


def post(writers: str, seconds: str) -> None:
    crew(_ready, writers, seconds)


def _ready() -> Post:
    cash, fees = _accounts()
    amount = Money("8.25", "USD")
    return lambda name: fees.transfer_to(cash, amount, description=f"Liquidation {name}")


def take_in(path: str) -> None:
    """All in one transaction by Django's bulk_create; hordak documents no bulk call."""
    cash, fees = _accounts()
    began = time.perf_counter()
    with open(path, newline="") as file, transaction.atomic():
        rows = list(csv.DictReader(file))
        headers = [Transaction(date=row["liquidated_at"][:10], description=row["liquidation_id"]) for row in rows]
        Transaction.objects.bulk_create(headers, batch_size=5_000)
        legs = []
        for row, header in zip(rows, headers, strict=True):
            fee = Money(row["fee"], "USD")
            legs += Leg(transaction=header, account=cash, debit=fee), Leg(transaction=header, account=fees, credit=fee)
        Leg.objects.bulk_create(legs, batch_size=5_000)
    print(json.dumps({"seconds": time.perf_counter() - began, "rows": len(rows)}))


def balance() -> None:
    """The faster of the two ways that its documentation offers."""
    cash, _fees = _accounts()
    ways = (
        lambda: Account.objects.with_balances().get(pk=cash.pk).balance,
        cash.get_balance,
    )
    print(json.dumps({"milliseconds": min(map(_milliseconds, ways)), "balance": str(cash.get_balance())}))


def _milliseconds(question: Callable[[], object]) -> float:
    taken = []
    for _nth in range(QUESTIONS):
        began = time.perf_counter()
        question()
        taken.append(1000 * (time.perf_counter() - began))
    return median(taken)


def export(path: str) -> None:
    """The legs of the account, with what a reader needs to know of their transactions."""
    legs = Leg.objects.filter(account__name=CASH).values_list(
        "transaction_id",
        "transaction__date",
        "transaction__description",
        "account__name",
        "debit",
        "credit",
        "currency",
    )
    began = time.perf_counter()
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows(legs.iterator(chunk_size=10_000))
    print(json.dumps({"seconds": time.perf_counter() - began}))


VERBS = {verb.__name__: verb for verb in (make, fill, post, take_in, balance, export)}

if __name__ == "__main__":
    VERBS[sys.argv[1]](*sys.argv[2:])
