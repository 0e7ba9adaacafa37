"""What liquidations bring the fund and cost it, in the books: fees and surplus in, bankruptcy cover out (S3-3, rules §5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db import connection
from django.db.models import Max, Min, QuerySet, Sum

from ledger.journal import FEE_RECEIVED, LOSS_COVERED, SURPLUS_RECEIVED, TOPPED_UP
from ledger.models import JournalEntry, Period, Transfer
from ledger.posting import PostingError, post_selected

__all__ = ["Inflow", "PostingError", "mismatched", "post_liquidations"]
PORTION = 25_000  # liquidations in one statement, of two entries each at most
PREFIX = "LIQ-"
FACTS = (  # what a liquidation moves, in the order in which it is posted: its field, the end of the reference, the fact
    ("fee", "", FEE_RECEIVED),
    ("surplus", "/surplus", SURPLUS_RECEIVED),
    ("bankruptcy_cover", "/cover", LOSS_COVERED),
)
FIELDS = ("id", "liquidation_id", "liquidated_at", "asset", *(field for field, _end, _fact in FACTS))
# A row an entry that there is to be. Of each fact: the end of the reference, category, debit, credit.
ENTRIES = f"""
    SELECT liquidated.id, nth, '{PREFIX}' || liquidation_id || ending AS reference, category, debit, credit, amount, asset,
           liquidation_id, (liquidated_at AT TIME ZONE 'UTC')::date AS day
      FROM ({{}}) AS liquidated CROSS JOIN LATERAL (
           VALUES {", ".join(f"({nth}, {field}, %s, %s, %s, %s)" for nth, (field, _end, _fact) in enumerate(FACTS))}
      ) AS fact (nth, amount, ending, category, debit, credit)
     WHERE amount > 0
"""  # noqa: S608 our own text
MOVES = [text for _field, end, fact in FACTS for text in (end, fact.category, fact.debit, fact.credit)]
POSTED = f"""
    SELECT reference, category, greatest(day, %s) AS effective_on,
           CASE WHEN day < %s THEN 'Liquidation ' || liquidation_id || ' of ' || day
                ELSE 'Liquidation ' || liquidation_id END AS description, debit, credit, amount, asset
      FROM ({ENTRIES}) AS entry ORDER BY id, nth
"""  # noqa: S608

# What the books have of liquidations beside what there is to be; corrections are held against their originals elsewhere.
MISMATCHED = f"""
    WITH wanted AS ({ENTRIES}), booked AS (
        SELECT reference, category, effective_on, transfer_count, debit.name AS debit, credit.name AS credit, amount,
               transfer.asset_id AS asset
          FROM ledger_journalentry entry LEFT JOIN ledger_transfer transfer ON transfer.entry_id = entry.id
          LEFT JOIN ledger_account debit ON debit.id = debit_id LEFT JOIN ledger_account credit ON credit.id = credit_id
         WHERE starts_with(reference, '{PREFIX}') AND reverses_id IS NULL AND category <> %s
    )
    SELECT coalesce(booked.reference, wanted.reference), wanted.amount, wanted.asset, booked.category, booked.debit,
           booked.credit, booked.amount, booked.asset, booked.effective_on
      FROM wanted FULL JOIN booked ON booked.reference = wanted.reference
     WHERE (booked.category, booked.debit, booked.credit, booked.amount, booked.asset, booked.transfer_count)
           IS DISTINCT FROM (wanted.category, wanted.debit, wanted.credit, wanted.amount, wanted.asset, 1)
        OR booked.effective_on < wanted.day
     ORDER BY 1
"""  # noqa: S608
# A top-up is for the entry that its reference begins with.
TOPUPS_FOR_NOTHING = f"""
    SELECT reference FROM ledger_journalentry topup
     WHERE starts_with(reference, '{PREFIX}') AND category = %s AND NOT EXISTS (
           SELECT FROM ledger_journalentry entry
            WHERE entry.reference = regexp_replace(topup.reference, '/topup-[A-Z0-9]+$', '') AND entry.id > topup.id)
     ORDER BY id
"""  # noqa: S608


@dataclass(frozen=True)
class Inflow:
    """What came into the fund and what it paid, by asset."""

    fees: dict[str, Decimal]
    surplus: dict[str, Decimal]
    covers: dict[str, Decimal]
    topups: dict[str, Decimal]  # what the company brought, where the covers were more than the fund had


def post_liquidations(liquidations: QuerySet, *, by, now: datetime) -> Inflow:
    """Post each liquidation's fee, surplus and cover under its own reference, so that none is ever posted twice.

    In the order of their keys, which is that of the company's top-ups. `liquidations` have `asset`, in which their amounts are.
    One of a day that is closed counts from the first open day and says of which day it is. Raises PostingError.
    """
    last = JournalEntry.objects.aggregate(last=Max("pk"))["last"] or 0
    opens = _first_open_day()
    for portion in _portions(liquidations):
        rows, params = portion.values(*FIELDS).order_by().query.sql_with_params()
        post_selected(POSTED.format(rows), [opens, opens, *params, *MOVES], by=by, now=now)
    sums = liquidations.order_by().values("asset").annotate(*(Sum(field) for field, _end, _fact in FACTS))
    fees, surplus, covers = (
        {row["asset"]: row[f"{field}__sum"] for row in sums if row[f"{field}__sum"]} for field, _end, _fact in FACTS
    )
    return Inflow(fees, surplus, covers, _topped_up(last, now) if covers else {})


def _portions(liquidations: QuerySet) -> Iterator[QuerySet]:
    ends = liquidations.aggregate(first=Min("pk"), last=Max("pk"))
    if ends["last"] is not None:
        for first in range(ends["first"], ends["last"] + 1, PORTION):
            yield liquidations.filter(pk__gte=first, pk__lt=first + PORTION)


def _first_open_day() -> date | None:
    """The day after the last closed one; None while every day is open."""
    closed = Period.objects.closed_through()
    return closed and closed + timedelta(days=1)


def _topped_up(last: int, now: datetime) -> dict[str, Decimal]:
    """What the company brought for liquidations since that entry, at this instant."""
    brought = Transfer.objects.filter(
        entry__gt=last,
        entry__posted_at=now,
        entry__category=TOPPED_UP.category,
        entry__reference__startswith=PREFIX,
    )
    return dict(brought.order_by().values_list("asset").annotate(Sum("amount")))


def mismatched(liquidations: QuerySet) -> Iterator[str]:
    """Where liquidations and books disagree, as 'reference: what is wrong'.

    Each fee, surplus and cover has exactly its entry, on no day before it; nothing else is booked as a liquidation's.
    """
    rows, params = liquidations.values(*FIELDS).order_by().query.sql_with_params()
    for reference, amount, asset, *entry in _asked(MISMATCHED.format(rows), [*params, *MOVES, TOPPED_UP.category]):
        yield f"{reference}: {_wrong(amount, asset, *entry)}"
    for (reference,) in _asked(TOPUPS_FOR_NOTHING, [TOPPED_UP.category]):
        yield f"{reference}: a top-up for a liquidation that is not in the books"


def _asked(sql: str, params: Sequence) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def _wrong(amount, asset, category, debit, credit, booked, booked_asset, day) -> str:
    if category is None:
        return f"{amount.normalize():f} {asset} of a liquidation is not in the books"
    label = JournalEntry.Category(category).label
    if amount is None:
        return f"{label} without a liquidation"
    said = "no transfer" if booked is None else f"{debit} ← {credit} {booked.normalize():f} {booked_asset}"
    return f"{amount.normalize():f} {asset} of a liquidation is booked as {label} on {day}, {said}"
