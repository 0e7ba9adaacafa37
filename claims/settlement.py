"""The only door to `ledger`: which accounts an award and a goodwill bonus move, under which reference."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from claims.models import Claim
from ledger.journal import COMPENSATION, GOODWILL, PAYABLE_COMPENSATION, PAYABLE_GOODWILL, Draft, Move
from ledger.models import JournalEntry
from ledger.posting import PostingError, post

__all__ = ["PostingError", "award", "goodwill"]


def award(claim: Claim, amounts: dict[str, Decimal], *, number: int, by, now: datetime) -> dict[str, JournalEntry]:
    """Owe the customer an approved compensation: the entry of each asset. `number` counts the claim's approvals."""
    drafts = {
        asset: Draft(
            reference=f"{claim.reference}/award-{number}/{asset}",
            category=JournalEntry.Category.OUTAGE_COMPENSATION,
            effective_on=now.date(),
            description=f"Compensation approved, {claim.incident.reference}",
            moves=(Move(COMPENSATION, PAYABLE_COMPENSATION, amount, asset),),
        )
        for asset, amount in sorted(amounts.items())
    }
    entries = post(list(drafts.values()), by=by, now=now)
    return {asset: entries[draft.reference] for asset, draft in drafts.items()}


def goodwill(claims: list[Claim], *, amount: Decimal, asset: str, by, now: datetime) -> dict[int, JournalEntry]:
    """Owe each claim's customer the goodwill bonus, apart from any verdict: the entries by claim id."""
    drafts = {
        claim.pk: Draft(
            reference=f"{claim.reference}/goodwill",
            category=JournalEntry.Category.GOODWILL_BONUS,
            effective_on=now.date(),
            description=f"Goodwill bonus, {claim.incident.reference}",
            moves=(Move(GOODWILL, PAYABLE_GOODWILL, amount, asset),),
        )
        for claim in claims
    }
    entries = post(list(drafts.values()), by=by, now=now)
    return {pk: entries[draft.reference] for pk, draft in drafts.items()}
