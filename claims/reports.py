"""Questions about what was decided, held against what was booked."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from django.db.models import Case, DecimalField, F, OuterRef, Q, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce

from claims import assessment as facts
from claims import inflows, settlement
from claims.models import Award, Bonus, Compensation, PayoutLine, Remedy, Verdict


def unposted_or_mismatched() -> list[str]:
    """Where decisions, liquidations and books disagree, as 'reference: what is wrong': each is posted once, nothing else."""
    return [
        *_wrongly_booked(),
        *_wrongly_paid(),
        *_wrongly_summed(),
        *_wrongly_compensated(),
        *_unexplained(),
        *inflows.mismatched(facts.liquidations()),
    ]


def counted() -> dict[str, int]:
    """How many awards, bonuses and payments there are to hold against the books."""
    paid = PayoutLine.objects.filter(status=PayoutLine.Status.PAID)
    return {"awards": Award.objects.count(), "bonuses": Bonus.objects.count(), "payments": paid.count()}


def _wrongly_booked() -> Iterator[str]:
    for rows, word in ((Award.objects.all(), "award"), (Bonus.objects.all(), "goodwill bonus")):
        for row in settlement.mismatched(rows).select_related("claim").order_by("pk"):
            said = settlement.booked(row.entry_id)
            yield f"{_reference(row)}: the {word} of {row} to {row.claim.reference} is booked as {said}"


def _wrongly_paid() -> Iterator[str]:
    """Each paid line's entry pays exactly its award or bonus; nothing is paid without a line."""
    paid = PayoutLine.objects.filter(status=PayoutLine.Status.PAID)
    for line in settlement.mispaid(paid).select_related("batch", "claim").order_by("pk"):
        said = settlement.booked(line.entry_id)
        owed = f"{plain(line.amount)} {line.asset} to {line.claim.reference}"
        yield f"{settlement.reference_of(line.entry_id)}: {line} pays {owed}, it is booked as {said}"
    for line in settlement.undone(paid).select_related("batch", "entry").order_by("pk"):
        yield (
            f"{line.entry.reference}: {line} is paid, its entry was reversed: what came back is recorded on the payout's page"
        )
    came_back = PayoutLine.objects.filter(returned_at__isnull=False)
    for line in came_back.exclude(pk__in=settlement.undone(came_back).values("pk")).select_related("batch", "entry"):
        yield f"{line.entry.reference}: {line} came back, its entry is not reversed"
    for entry in settlement.paid_without_line().order_by("pk"):
        yield f"{entry.reference}: pays a customer without a payout"


def _wrongly_summed() -> Iterator[str]:
    nothing = Value(0, output_field=DecimalField())
    summed = Award.objects.annotate(total=Coalesce(Sum("compensations__amount"), nothing))
    for award in summed.exclude(total=F("amount")).order_by("pk"):
        yield f"{_reference(award)}: awards {award}, its orders sum to {award.total.normalize():f}"


def _wrongly_compensated() -> Iterator[str]:
    """With each part an order has had what the verdict behind that part said, in the award's asset and claim."""
    earlier = Compensation.objects.filter(order=OuterRef("order"), number__lte=OuterRef("number"))
    said = Case(
        When(remedy=Remedy.RESTORE_ORDER, then=F("verdict__restore_amount")),
        default=F("verdict__amount"),
        output_field=DecimalField(),
    )
    parts = Compensation.objects.annotate(
        said=said, had=Subquery(earlier.order_by().values("order").annotate(sum=Sum("amount")).values("sum"))
    )
    right = Q(
        had=F("said"),
        verdict__order=F("order"),
        verdict__asset=F("award__asset"),
        verdict__claim=F("award__claim"),
    ) & (Q(verdict__outcome=Verdict.Outcome.PAY) | Q(remedy=Remedy.RESTORE_ORDER))
    rows = parts.exclude(pk__in=parts.filter(right).values("pk"))
    for row in rows.select_related("award", "verdict", "order").order_by("pk"):
        told = f"{row.verdict.get_outcome_display()}, {plain(row.said)} {row.verdict.asset}"
        had = f"{plain(row.had)} {row.award.asset}"
        yield f"{_reference(row.award)}: order {row.order} is compensated with {had}, its verdict said {told}"


def plain(amount: Decimal | None) -> str:
    return "nothing" if amount is None else f"{amount.normalize():f}"


def _unexplained() -> Iterator[str]:
    for entry in settlement.unexplained().order_by("pk"):
        yield f"{entry.reference}: {entry.get_category_display()} without an award or a bonus"


def _reference(row: Award | Bonus) -> str:
    """The entry's reference, even where the entry is gone."""
    return settlement.reference_of(row.entry_id)
