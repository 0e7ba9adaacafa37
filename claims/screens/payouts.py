"""Payouts on screen: what could be proposed, what a batch comes to, and what of a claim's grants was paid."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from django.db.models import Count, QuerySet, Sum

from claims import payables, settlement
from claims.models import Award, Bonus, Claim, PayoutBatch, PayoutFile, PayoutLimit, PayoutLine

STATUS, LINE = PayoutBatch.Status, PayoutLine.Status
COLOURS = {  # of a badge: what a status is in the words of the stylesheet
    STATUS.PROPOSED: "draft",
    STATUS.RELEASED: "running",
    STATUS.SETTLED: "done",
    STATUS.CANCELLED: "denied",
    LINE.WAITS: "running",
    LINE.PAID: "done",
    LINE.FAILED: "failed",
}
PAGE = 50  # lines at a time


@dataclass(frozen=True)
class Proposal:
    """What a payout of one asset would be, beside its limits and the fund."""

    due: payables.Due
    limit: PayoutLimit | None
    cash: Decimal
    available: Decimal

    @property
    def cash_after(self) -> Decimal:
        return self.cash - self.due.total

    @property
    def line_too_large(self) -> bool:
        return self.limit is not None and self.due.largest > self.limit.per_line

    @property
    def batch_too_large(self) -> bool:
        return self.limit is not None and self.due.total > self.limit.per_batch


def proposals(incident) -> list[Proposal]:
    """By asset, everything that the incident owes and no payout has."""
    found, limits = payables.by_asset(incident), payables.limits()
    fund = settlement.balances(due.asset for due in found)
    return [
        Proposal(due, limits.get(due.asset), cash=available + committed, available=available)
        for due in found
        for available, committed in [fund[due.asset]]
    ]


@dataclass(frozen=True)
class Subtotal:
    """Lines of one status: how many, and what they come to."""

    status: str
    words: object
    colour: str
    lines: int
    amount: Decimal


class Batch:
    """A batch's page; each part is asked for once, whatever the number of lines."""

    def __init__(self, batch: PayoutBatch, user, *, status: str = ""):
        self.batch, self.user = batch, user
        self.status = status if status in LINE.values else ""

    @property
    def colour(self) -> str:
        return COLOURS[STATUS(self.batch.status)]

    @cached_property
    def sums(self) -> list[Subtotal]:
        rows = self.batch.lines.order_by().values_list("status").annotate(Count("pk"), Sum("amount"))
        found = {status: figures for status, *figures in rows}
        return [
            Subtotal(status, LINE(status).label, COLOURS[LINE(status)], *found[status])
            for status in LINE.values
            if status in found
        ]

    @cached_property
    def without_account(self) -> int:
        """Lines for which no account of the customer's is certain: treasury will ask, or fail them."""
        return self.batch.lines.filter(account="").exclude(status=LINE.PAID).count()

    @cached_property
    def largest(self) -> PayoutLine:
        return self.batch.lines.select_related("claim").order_by("-amount", "number")[0]

    @cached_property
    def limit(self) -> PayoutLimit | None:
        return payables.limits().get(self.batch.asset)

    @cached_property
    def fund(self) -> dict[str, Decimal]:
        """The fund's cash now and once every waiting line is paid, and what is available: a payout leaves that as it is."""
        [(available, committed)] = settlement.balances([self.batch.asset]).values()
        waits = next((sum.amount for sum in self.sums if sum.status == LINE.WAITS), Decimal(0))
        cash = available + committed
        return {"cash": cash, "after": cash - waits, "available": available}

    @property
    def lines(self) -> QuerySet[PayoutLine]:
        """The lines that the page shows, in their order."""
        lines = self.batch.lines.select_related("claim__customer", "entry", "confirmed_by", "batch").order_by("number")
        return lines.filter(status=self.status) if self.status else lines

    @cached_property
    def files(self) -> list[PayoutFile]:
        return list(self.batch.files.select_related("by"))

    @property
    def proposed(self) -> bool:
        return self.batch.status == STATUS.PROPOSED

    @property
    def handed_out(self) -> bool:
        """Whether treasury has it, or had it."""
        return self.batch.status in (STATUS.RELEASED, STATUS.SETTLED)

    @property
    def may_release(self) -> bool:
        """The second person's form. `proposed_it` tells the first why it is not theirs."""
        return self.proposed and not self.proposed_it and self.user.has_perm("claims.release_payout")

    @property
    def proposed_it(self) -> bool:
        return self.batch.proposed_by_id == self.user.pk

    @property
    def may_cancel(self) -> bool:
        return self.proposed and self.user.has_perm("claims.propose_payout")

    @property
    def may_confirm(self) -> bool:
        return self.batch.status == STATUS.RELEASED and self.user.has_perm("claims.confirm_payout")

    @property
    def may_return(self) -> bool:
        """Whether they may record what came back: whoever released the payout does not."""
        return self.batch.released_by_id != self.user.pk and self.user.has_perm("claims.confirm_payout")

    @property
    def may_export(self) -> bool:
        return self.handed_out and self.user.has_perm("claims.export_payoutbatch")


@dataclass(frozen=True)
class Owed:
    """An award or a goodwill bonus of a claim, and what became of it: the lines that were to pay it, the last one first."""

    granted: Award | Bonus
    lines: list[PayoutLine]

    @property
    def is_bonus(self) -> bool:
        return isinstance(self.granted, Bonus)

    @property
    def last(self) -> PayoutLine | None:
        return self.lines[0] if self.lines else None

    @property
    def colour(self) -> str:
        return COLOURS[LINE(self.last.status)] if self.last else "draft"


def of_claim(claim: Claim) -> list[Owed]:
    """What the claim was granted, and how far each is on its way. Nothing is asked of a claim that was granted nothing."""
    bonus = getattr(claim, "bonus", None)
    awards = [award for decision in claim.decisions.all() for award in decision.awards.all()]
    granted: list[Award | Bonus] = [*awards, *([bonus] if bonus else [])]
    if not granted:
        return []
    lines = claim.payouts.select_related("batch", "entry").order_by("-pk")
    by_thing: dict[tuple[int | None, int | None], list[PayoutLine]] = {}
    for line in lines:
        by_thing.setdefault((line.award_id, line.bonus_id), []).append(line)
    return [
        Owed(row, by_thing.get((None, row.pk) if isinstance(row, Bonus) else (row.pk, None), [])) for row in granted
    ]
