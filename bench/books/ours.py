"""The portal's own books, through Django: `python -m bench.books.ours VERB ...` on the database of DATABASE_URL; prints JSON.

`make`; `fill TRANSFERS`; `post WRITERS SECONDS [TAKERS]`: every TAKERS-th posting takes from the fund; `take_in FILE`; `balance`;
`export FILE`; `query`: the SQL of the export; `verify`.
"""

from __future__ import annotations

import io
import json
import resource
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from decimal import Decimal
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median

import django

django.setup()

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from bench.books import facts
from bench.books.pace import Post, crew
from claims import assessment, inflows, liquidations
from incidents.models import Asset, Instrument
from ledger import closing, posting, sealing
from ledger.exports.table import JOURNAL
from ledger.journal import CASH, COMPENSATION_APPROVED, FEE_RECEIVED, SEED_PAID_IN, Draft, Fact
from ledger.models import Transfer

FEE, CLAIM, SEED = Decimal("8.25"), Decimal("35.50"), Decimal(10_000_000)
QUESTIONS = 200

# Each tenth covers a loss, all others bring a fee; over a quarter.
LIQUIDATIONS = """
INSERT INTO incidents_liquidation
       (liquidation_id, instrument_id, account, side, price, quantity, fee, bankruptcy_cover, surplus, liquidated_at)
SELECT n, (SELECT id FROM incidents_instrument WHERE symbol = %(symbol)s), 'A-' || n %% 5000, 'long', 16500, 1,
       CASE WHEN covers THEN 0 ELSE amount END, CASE WHEN covers THEN amount ELSE 0 END, 0,
       timestamptz '2022-10-01Z' + interval '92 days' * n / (%(count)s + 1)
  FROM (SELECT n, n %% 10 = 0 AS covers, (1 + n * 7919 %% 5000) / 100.0 AS amount FROM generate_series(1::bigint, %(count)s) AS n)
       AS happened ORDER BY n
"""


def draft(reference: str, fact: Fact, amount: Decimal) -> Draft:
    return Draft(reference, fact.category, facts.DAY, f"Liquidation {reference}", (fact.move(amount, "USDT"),))


def make() -> None:
    """The tables, an instrument, a first fee and a seed that is enough: nobody has to ask the company."""
    call_command("migrate", verbosity=0)
    base, quote = (Asset.objects.get_or_create(code=code)[0] for code in ("BTC", "USDT"))
    Instrument.objects.create(
        symbol=facts.SYMBOL, product="standard", margin="linear", base=base, quote=quote, settle=quote,
        contract_value=1, liquidation_fee_rate=facts.RATE,
    )  # fmt: skip
    kinds = ((SEED_PAID_IN, SEED), (FEE_RECEIVED, FEE))
    posting.post([draft(f"first/{fact.category}", fact, amount) for fact, amount in kinds], by=None, now=timezone.now())


def fill(transfers: str) -> None:
    """So many transfers over a quarter, two months of it closed, all under seals: nothing that `verify_ledger` could mind."""
    make()
    count = int(transfers) - Transfer.objects.count()
    with connection.cursor() as cursor:
        cursor.execute(LIQUIDATIONS, {"symbol": facts.SYMBOL, "count": count})
        cursor.execute("ANALYZE")
    inflows.post_liquidations(assessment.liquidations(), by=None, now=timezone.now())
    mia, max_ = (User.objects.create_superuser(name) for name in ("mia", "max"))
    for day in (date(2022, 10, 31), date(2022, 11, 30)):
        now = timezone.now()
        closing.close(closing.propose(day, by=mia, now=now).pk, by=max_, now=now)
    sealing.seal(now=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")


def post(writers: str, seconds: str, takers: str = "0") -> None:
    crew(partial(_ready, int(takers)), writers, seconds)


def _ready(takers: int) -> Post:
    nth = count(1)

    def one(name: str) -> None:
        taker = takers and next(nth) % takers == 0
        fact, amount = (COMPENSATION_APPROVED, CLAIM) if taker else (FEE_RECEIVED, FEE)
        posting.post([draft(name, fact, amount)], by=None, now=timezone.now())

    return one


def take_in(path: str) -> None:
    """The same file twice: the second time there is nothing to add."""
    taken, found = [], []
    for _again in range(2):
        began = time.perf_counter()
        found.append(liquidations.take_in(Path(path), now=timezone.now()))
        taken.append(time.perf_counter() - began)
    first, second = found
    assert not first["errors"] and first["posted"] == first["rows"] == second["unchanged"] and not second["posted"], (
        found
    )
    print(json.dumps({"seconds": taken[0], "again": taken[1], "megabytes": _megabytes()}))


def balance() -> None:
    print(json.dumps({
        "transfers": Transfer.objects.count(),
        "available": _milliseconds(lambda: posting.available("USDT")),
        "balance": _milliseconds(lambda: posting.balance(CASH, "USDT")),
    }))  # fmt: skip


def _milliseconds(question: Callable[[], object]) -> float:
    """The median of what the question takes."""
    taken = []
    for _nth in range(QUESTIONS):
        began = time.perf_counter()
        question()
        taken.append(1000 * (time.perf_counter() - began))
    return median(taken)


def export(path: str) -> None:
    before, began = _megabytes(), time.perf_counter()
    call_command("export_ledger", output=path, json=True, stdout=io.StringIO())
    print(json.dumps({"seconds": time.perf_counter() - began, "before": before, "megabytes": _megabytes()}))


def query() -> None:
    """What the export asks the database."""
    with connection.cursor() as cursor:
        print(json.dumps({"query": cursor.mogrify(JOURNAL, {"first": None, "last": None})}))


def verify() -> None:
    told = io.StringIO()
    began = time.perf_counter()
    with suppress(SystemExit):  # with problems; they are told below
        call_command("verify_ledger", json=True, stdout=told)
    seconds = time.perf_counter() - began
    found = json.loads(told.getvalue())
    found["problems"] = found["problems"][:3]
    print(json.dumps({"seconds": seconds, "megabytes": _megabytes(), "told": found}))


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


VERBS = {verb.__name__: verb for verb in (make, fill, post, take_in, balance, export, query, verify)}

if __name__ == "__main__":
    VERBS[sys.argv[1]](*sys.argv[2:])
