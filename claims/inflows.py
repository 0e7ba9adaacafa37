"""What liquidations bring the fund and cost it, in the books: fees and surplus in, bankruptcy cover out (S3-3, rules §5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db.models import Max, Min, QuerySet, Sum

from ledger.journal import FEE_RECEIVED, LOSS_COVERED, SURPLUS_RECEIVED, TOPPED_UP
from ledger.models import JournalEntry, Period, Transfer
from ledger.posting import PostingError, post_selected

__all__ = ["Inflow", "PostingError", "post_liquidations"]
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
    closed = Period.objects.closed().aggregate(last=Max("last_day"))["last"]
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
