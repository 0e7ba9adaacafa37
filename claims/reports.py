"""Questions about what was decided, held against what was booked."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import DecimalField, F, Q, Sum, Value
from django.db.models.functions import Coalesce

from claims import settlement
from claims.models import Award, Bonus, Compensation, Verdict


def unposted_or_mismatched() -> list[str]:
    """Where decisions and books disagree, as 'reference: what is wrong': every award and bonus is posted once, nothing else."""
    return [*_wrongly_booked(), *_wrongly_summed(), *_wrongly_compensated(), *_unexplained()]


def counted() -> dict[str, int]:
    """How many awards and bonuses there are to hold against the books."""
    return {"awards": Award.objects.count(), "bonuses": Bonus.objects.count()}


def _wrongly_booked() -> Iterator[str]:
    for rows, word in ((Award.objects.all(), "award"), (Bonus.objects.all(), "goodwill bonus")):
        for row in settlement.mismatched(rows).select_related("claim").order_by("pk"):
            said = settlement.booked(row.entry_id)
            yield f"{_reference(row)}: the {word} of {row} to {row.claim.reference} is booked as {said}"


def _wrongly_summed() -> Iterator[str]:
    nothing = Value(0, output_field=DecimalField())
    summed = Award.objects.annotate(total=Coalesce(Sum("compensations__amount"), nothing))
    for award in summed.exclude(total=F("amount")).order_by("pk"):
        yield f"{_reference(award)}: awards {award}, its orders sum to {award.total.normalize():f}"


def _wrongly_compensated() -> Iterator[str]:
    """An order's compensation is what its verdict said, in the award's asset and claim."""
    right = Q(
        amount=F("verdict__amount"),
        verdict__outcome=Verdict.Outcome.PAY,
        verdict__order=F("order"),
        verdict__asset=F("award__asset"),
        verdict__claim=F("award__claim"),
    )
    rows = Compensation.objects.exclude(pk__in=Compensation.objects.filter(right).values("pk"))
    for row in rows.select_related("award", "verdict", "order").order_by("pk"):
        said = f"{row.verdict.get_outcome_display()}, {row.verdict.amount.normalize():f} {row.verdict.asset}"
        yield f"{_reference(row.award)}: order {row.order} is compensated with {row} {row.award.asset}, its verdict said {said}"


def _unexplained() -> Iterator[str]:
    for entry in settlement.unexplained().order_by("pk"):
        yield f"{entry.reference}: {entry.get_category_display()} without an award or a bonus"


def _reference(row: Award | Bonus) -> str:
    """The entry's reference, even where the entry is gone."""
    return settlement.reference_of(row.entry_id)
