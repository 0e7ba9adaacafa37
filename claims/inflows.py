"""What liquidations bring the fund and cost it, in the books: fees in, bankruptcy cover out (S3-3, rules §5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from typing import Protocol

from ledger.journal import FEE_RECEIVED, LOSS_COVERED, Draft, Fact
from ledger.posting import PostingError, post

__all__ = ["Liquidated", "PostingError", "post_liquidations"]
PORTION = 2_000  # entries in one statement


class Liquidated(Protocol):
    """A liquidation: `asset` is what its fee and cover are counted in."""

    liquidation_id: str
    asset: str
    fee: Decimal
    bankruptcy_cover: Decimal
    liquidated_at: datetime


def post_liquidations(liquidations: Iterable[Liquidated], *, by, now: datetime) -> tuple[dict, dict]:
    """Post each liquidation's fee and cover under its own reference, so that neither is ever posted twice.

    In the order given, which is that of the company's top-ups where a cover is more than the fund has. Returns the fees and the
    covers by asset.
    """
    fees: dict[str, Decimal] = defaultdict(Decimal)
    covers: dict[str, Decimal] = defaultdict(Decimal)
    drafts = _drafts(liquidations, fees, covers)
    while portion := list(islice(drafts, PORTION)):
        post(portion, by=by, now=now)
    return dict(fees), dict(covers)


def _drafts(liquidations: Iterable[Liquidated], fees: dict, covers: dict) -> Iterator[Draft]:
    for row in liquidations:
        if row.fee:
            fees[row.asset] += row.fee
            yield _draft(row, "", FEE_RECEIVED, row.fee)
        if row.bankruptcy_cover:
            covers[row.asset] += row.bankruptcy_cover
            yield _draft(row, "/cover", LOSS_COVERED, row.bankruptcy_cover)


def _draft(row: Liquidated, suffix: str, fact: Fact, amount: Decimal) -> Draft:
    return Draft(
        reference=f"LIQ-{row.liquidation_id}{suffix}",
        category=fact.category,
        effective_on=row.liquidated_at.astimezone(UTC).date(),
        description=f"Liquidation {row.liquidation_id}",
        moves=(fact.move(amount, row.asset),),
    )
