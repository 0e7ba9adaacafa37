"""A policy compiles to a query (rules §2–4).

`verdicts` takes orders already joined to their claim and to their reference price, and annotates each with the answer of
every clause, the deciding clause, the outcome and the amount. One claim on a screen and a million orders in a sweep run the
same query. What the query stands on (which claims were in touch in time, whose evidence is accepted) comes in as `Facts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    BooleanField,
    Case,
    CharField,
    DecimalField,
    ExpressionWrapper,
    F,
    Func,
    Q,
    QuerySet,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce, Greatest
from django.db.models.lookups import Exact

from claims.deadlines import Outage
from claims.terms import Anchor, Clause, Terms

ALWAYS, NEVER = Q(pk__isnull=False), Q(pk__isnull=True)
WIDE = DecimalField(max_digits=60, decimal_places=30)  # every intermediate result; rounded once, at the end
CODES = ArrayField(TextField())


@dataclass(frozen=True)
class Facts:
    """Conditions on an order's claim, and the names under which the order's claim and reference price are joined."""

    in_contact: Q
    evidence_accepted: Q
    evidence_waits: Q  # none yet, or not all reviewed
    already_compensated: Q
    reference: str  # prefix of the joined reference price, such as "best"


class Existing(Func):
    """The array of those values that are not null."""

    template = "array_remove(ARRAY[%(expressions)s]::text[], NULL)"
    output_field = CODES


def condition(clause: Clause, outage: Outage, facts: Facts) -> Q:
    """All that the clause asks of an order, its evidence apart."""
    parts = [
        _close_reason(clause.close_reasons),
        RESULTS[clause.result],
        _closed(clause, outage),
        _either(clause.open_in_outage, open_in_outage(outage)),
        _either(clause.tpsl_active, tpsl_active(outage)),
        _either(clause.in_contact, facts.in_contact),
    ]
    if clause.products:
        parts.append(Q(instrument__product__in=clause.products))
    if clause.instruments:
        parts.append(Q(instrument__symbol__in=clause.instruments))
    return _all(parts)


def _all(parts: list[Q]) -> Q:
    whole = Q()
    for part in parts:
        whole &= part
    return whole or ALWAYS


def _either(wanted: bool | None, fact: Q) -> Q:
    return Q() if wanted is None else fact if wanted else _not(fact)


def _not(fact: Q) -> Q:
    """True wherever the fact is not true, unknown (NULL) included."""
    return Q(Exact(Case(When(fact, then=Value(True)), default=Value(False), output_field=BooleanField()), Value(False)))


def _close_reason(reasons: tuple[str, ...]) -> Q:
    """`open` stands for an order that is still open; its close reason is empty."""
    return Q(close_reason__in=["" if reason == "open" else reason for reason in reasons]) if reasons else Q()


# In loss: price PnL before fees and funding below 0. An open order has no result.
RESULTS = {
    "": Q(),
    "profit": Q(side="long", exit_price__gt=F("entry_price")) | Q(side="short", exit_price__lt=F("entry_price")),
    "loss": Q(side="long", exit_price__lt=F("entry_price")) | Q(side="short", exit_price__gt=F("entry_price")),
    "flat": Q(exit_price=F("entry_price")),
}


def _closed(clause: Clause, outage: Outage) -> Q:
    def at(anchor: Anchor):
        return anchor.at(outage.start, outage.end)

    whole = Q()
    if clause.closed_from:
        whole &= Q(closed_at__gte=at(clause.closed_from))
    if clause.closed_to:
        whole &= Q(closed_at__lte=at(clause.closed_to))
    if clause.closed_before:
        whole &= Q(closed_at__lt=at(clause.closed_before))
    if clause.closed_after:
        whole &= Q(closed_at__gt=at(clause.closed_after))
    if clause.not_closed_by:
        whole &= Q(closed_at__isnull=True) | Q(closed_at__gt=at(clause.not_closed_by))
    return whole


def open_in_outage(outage: Outage) -> Q:
    """Open at some instant of the outage, its ends included."""
    whole = NEVER
    for start, end in outage.spans:
        whole |= Q(opened_at__lte=end) & (Q(closed_at__isnull=True) | Q(closed_at__gte=start))
    return whole


def tpsl_active(outage: Outage) -> Q:
    """A TP or SL was active at some instant from the failure's start to the close; times unknown: throughout (S1-E3)."""
    has_one = Q(take_profit__gt=0) | Q(stop_loss__gt=0)
    lived_into_it = Q(closed_at__isnull=True) | Q(closed_at__gte=outage.start)
    set_before_close = Q(tpsl_set_at__isnull=True) | Q(closed_at__isnull=True) | Q(tpsl_set_at__lte=F("closed_at"))
    not_cancelled_before = Q(tpsl_cancelled_at__isnull=True) | Q(tpsl_cancelled_at__gte=outage.start)
    return has_one & lived_into_it & set_before_close & not_cancelled_before


def holding(clauses: tuple[Clause, ...], conditions: dict[str, Q]) -> Existing:
    """The codes of those clauses that hold, in their order."""
    return Existing(
        *(Case(When(conditions[clause.code], then=Value(clause.code))) for clause in clauses), Value(None, TextField())
    )


def improvement(reference: str) -> Case:
    """PnL at the reference price − PnL at the exit price, in the settlement asset, unrounded.

    linear: s · q · (R − X); inverse: s · N · (R − X) / (R · X), which is the difference of both PnLs over one division.
    """
    price, exit_price = F(f"{reference}__price"), F("exit_price")
    sign = Case(When(side="long", then=Value(Decimal(1))), default=Value(Decimal(-1)), output_field=WIDE)
    moved = ExpressionWrapper(sign * F("quantity") * (price - exit_price), WIDE)
    face = Cast(moved * F("instrument__contract_value"), WIDE)  # wide before the division, so that it keeps 30 decimals
    return Case(
        When(instrument__margin="inverse", then=ExpressionWrapper(face / (price * exit_price), WIDE)),
        default=moved,
        output_field=WIDE,
    )


def compensation(terms: Terms, reference: str, share: F) -> ExpressionWrapper:
    """The improvement, never below 0, less what the fund already covered, at the clause's and the policy's percentage."""
    zero = Value(Decimal(0), WIDE)
    amount = Greatest(improvement(reference), zero, output_field=WIDE)
    if terms.net_bankruptcy_cover:
        amount = Greatest(ExpressionWrapper(amount - F("bankruptcy_cover"), WIDE), zero, output_field=WIDE)
    amount = ExpressionWrapper(amount * share * Value(terms.percentage / 10000, WIDE), WIDE)
    if terms.refund_liquidation_fee:
        amount = ExpressionWrapper(amount + F("liquidation_fee"), WIDE)
    return amount


def _decision(terms: Terms, conditions: dict[str, Q], facts: Facts) -> dict:
    """The deciding clause (the first include clause that holds, unless its evidence was rejected) and what it waits for."""
    first = []
    for clause in terms.inclusions:
        holds = conditions[clause.code]
        if clause.evidence:
            holds &= facts.evidence_accepted | facts.evidence_waits
        first.append(When(holds, then=Value(clause.code)))
    share = [When(deciding=clause.code, then=Value(clause.percentage, WIDE)) for clause in terms.inclusions]
    waiting = [clause.code for clause in terms.inclusions if clause.evidence]
    excluded = _any(conditions[clause.code] for clause in terms.exclusions)
    return {
        "deciding": Case(When(excluded, then=Value("")), *first, default=Value(""), output_field=CharField()),
        "is_excluded": Case(When(excluded, then=Value(True)), default=Value(False), output_field=BooleanField()),
        "lacks_evidence": Case(
            When(Q(deciding__in=waiting) & ~facts.evidence_accepted, then=Value(True)),
            default=Value(False),
            output_field=BooleanField(),
        ),
        "share": Case(*share, default=Value(Decimal(0), WIDE), output_field=WIDE),
    }


def _any(conditions) -> Q:
    whole = NEVER
    for part in conditions:
        whole |= part
    return whole


def _outcome(facts: Facts) -> Case:
    """The first that is true, from what nothing can change to what is paid."""
    return Case(
        When(is_excluded=True, then=Value("excluded")),
        When(deciding="", then=Value("no_clause")),
        When(lacks_evidence=True, then=Value("needs_evidence")),
        When(facts.already_compensated, then=Value("nil")),
        When(Q(**{f"{facts.reference}__price__isnull": True}) | Q(exit_price__isnull=True), then=Value("needs_price")),
        When(payable__lte=0, then=Value("nil")),
        default=Value("pay"),
        output_field=CharField(),
    )


def _flags(outage: Outage, facts: Facts) -> Existing:
    """What a person should look at: a TP/SL set only after recovery (S1-E3), an order compensated elsewhere."""
    late = tpsl_active(outage) & Q(tpsl_set_at__gt=outage.end)
    return Existing(
        Case(When(late, then=Value("tpsl_after_end"))),
        Case(When(facts.already_compensated, then=Value("paid_elsewhere"))),
    )


def verdicts(orders: QuerySet, *, terms: Terms, outage: Outage, facts: Facts) -> QuerySet:
    """The orders with: reasons, holds, flags, deciding, payable (rounded half up), outcome, amount. The outage has ended."""
    conditions = {clause.code: condition(clause, outage, facts) for clause in terms.clauses}
    decision = _decision(terms, conditions, facts)
    return (
        orders.annotate(
            reasons=holding(terms.exclusions, conditions),
            holds=holding(terms.clauses, conditions),
            flags=_flags(outage, facts),
            deciding=decision["deciding"],
            is_excluded=decision["is_excluded"],
        )
        .annotate(lacks_evidence=decision["lacks_evidence"], share=decision["share"])
        .annotate(
            payable=Coalesce(
                Func(
                    compensation(terms, facts.reference, F("share")),
                    F("instrument__settle__decimals"),
                    function="ROUND",
                    output_field=WIDE,
                ),
                Value(Decimal(0), WIDE),
            )
        )
        .annotate(outcome=_outcome(facts))
        .annotate(
            amount=Case(When(outcome="pay", then=F("payable")), default=Value(Decimal(0), WIDE), output_field=WIDE),
        )
    )


def held(orders: QuerySet) -> QuerySet:
    """While the outage lasts there is no end to measure from: every order waits, and nothing is priced."""
    none = Value([], CODES)
    return orders.annotate(
        reasons=none,
        holds=none,
        flags=Value(["outage_lasts"], CODES),
        deciding=Value("", CharField()),
        outcome=Value("hold", CharField()),
        amount=Value(Decimal(0), WIDE),
    )
