"""A policy compiles to a query (rules §2–4).

`verdicts` takes orders already joined to their claim and to their reference price. It judges in two steps, so that nothing is
computed twice: first each order's facts, each clause's true or false and the unrounded compensation; then, from these alone,
the reasons, the deciding clause, the outcome and the amount. One claim on a screen and a million orders in a sweep run the
same query. What it stands on (which claims were in touch in time, whose evidence is accepted) comes in as `Facts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    BigIntegerField,
    BooleanField,
    Case,
    CharField,
    DateTimeField,
    DecimalField,
    ExpressionWrapper,
    F,
    Field,
    Func,
    Q,
    QuerySet,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Cast, Greatest
from django.db.models.lookups import Exact
from django_cte import CTE, with_cte

from claims.deadlines import Outage
from claims.terms import Anchor, Clause, Terms

ALWAYS, NEVER = Q(pk__isnull=False), Q(pk__isnull=True)
# What a person should look at: a TP/SL set only after recovery (S1-E3), an order compensated elsewhere.
FLAGS = ("tpsl_after_end", "paid_elsewhere")
REFERENCE = {
    "reference_price": "price",
    "reference_bid": "bid",
    "reference_ask": "ask",
    "reference_at": "at",
    "quote_id": "quote_id",
}
WIDE = DecimalField(max_digits=60, decimal_places=30)  # every intermediate result; rounded once, at the end
CODES = ArrayField(TextField())
ZERO = Value(Decimal(0), WIDE)
NO_PRICE: dict[str, Field] = {name: WIDE for name in REFERENCE} | {
    "reference_at": DateTimeField(),
    "quote_id": BigIntegerField(),
}


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
    """All that the clause asks of an order. Evidence that is missing does not speak against it, rejected evidence does."""
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
    if clause.evidence:
        parts.append(facts.evidence_accepted | facts.evidence_waits)
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
    return Q(Exact(truth(fact), Value(False)))


def truth(fact: Q) -> Case:
    """The fact as a column, unknown told as false."""
    return Case(When(fact, then=Value(True)), default=Value(False), output_field=BooleanField())


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


def improvement(reference: str) -> Case:
    """PnL at the reference price − PnL at the exit price, in the settlement asset, unrounded.

    linear: s · q · (R − X); inverse: s · N · (R − X) / (R · X), which is the difference of both PnLs over one division.
    """
    price, exit_price = F(f"{reference}__price"), F("exit_price")
    sign = Case(When(side="long", then=Value(Decimal(1))), default=Value(Decimal(-1)), output_field=WIDE)
    moved = ExpressionWrapper(sign * F("quantity") * (price - exit_price), WIDE)
    face = moved * F("instrument__contract_value")  # exact: 36 decimals, and the division keeps as many
    return Case(
        When(instrument__margin="inverse", then=ExpressionWrapper(face / (price * exit_price), WIDE)),
        default=moved,
        output_field=WIDE,
    )


def compensation(terms: Terms, reference: str) -> ExpressionWrapper | Greatest:
    """The improvement, never below 0, less what the fund already covered. Unrounded, before any percentage."""
    amount = Greatest(improvement(reference), ZERO, output_field=WIDE)
    if terms.net_bankruptcy_cover:
        amount = Greatest(ExpressionWrapper(amount - F("bankruptcy_cover"), WIDE), ZERO, output_field=WIDE)
    return amount


def verdicts(orders: QuerySet, *, terms: Terms, outage: Outage, facts: Facts) -> QuerySet:
    """One row per order: claim_pk, order_pk, asset, reasons, holds, flags, deciding, outcome, amount and the reference columns.

    The outage has ended; while it lasts use `held`. Amounts are rounded once, half up, to the settlement asset's decimals.
    """
    judged = CTE(_judged(orders, terms=terms, outage=outage, facts=facts), name="judged", materialized=True)
    return with_cte(judged, select=_decided(judged.queryset().order_by(), terms))


def _judged(orders: QuerySet, *, terms: Terms, outage: Outage, facts: Facts) -> QuerySet:
    """The first step: facts, each clause alone, the compensation before any percentage (NULL where a price is missing)."""
    late = tpsl_active(outage) & Q(tpsl_set_at__gt=outage.end)
    price = {name: F(f"{facts.reference}__{column}") for name, column in REFERENCE.items()}
    return orders.values(
        "claim_pk",
        "liquidation_fee",
        order_pk=F("pk"),
        asset=F("instrument__settle_id"),
        decimals=F("instrument__settle__decimals"),
        tpsl_after_end=truth(late),
        accepted=truth(facts.evidence_accepted),
        paid_elsewhere=truth(facts.already_compensated),
        in_full=Case(
            When(
                exit_price__isnull=False,
                **{f"{facts.reference}__price__isnull": False},
                then=compensation(terms, facts.reference),
            ),
            output_field=WIDE,
        ),
        **price,
        **{_holds(clause): truth(condition(clause, outage, facts)) for clause in terms.clauses},
    )


def _holds(clause: Clause) -> str:
    """The column that says whether the clause holds."""
    return "holds_" + clause.code.lower().replace("-", "_")


def _decided(judged: QuerySet, terms: Terms) -> QuerySet:
    """The second step: from the first one's columns to the verdict."""
    return (
        judged.annotate(
            reasons=_codes(terms.exclusions),
            holds=_codes(terms.clauses),
            flags=Existing(*(Case(When(**{flag: True}, then=Value(flag))) for flag in FLAGS)),
            deciding=_deciding(terms),
        )
        .annotate(lacks_evidence=_lacks_evidence(terms), payable=_payable(terms))
        .annotate(outcome=_outcome(terms))
        .annotate(amount=Case(When(outcome="pay", then=F("payable")), default=ZERO, output_field=WIDE))
    )


def _codes(clauses: tuple[Clause, ...]) -> Existing:
    """The codes of those clauses that hold, in their order."""
    found = (Case(When(**{_holds(clause): True}, then=Value(clause.code))) for clause in clauses)
    return Existing(*found, Value(None, TextField()))


def _deciding(terms: Terms) -> Case:
    """The first include clause that holds, unless an exclusion holds."""
    first = [When(**{_holds(clause): True}, then=Value(clause.code)) for clause in terms.inclusions]
    return Case(When(_excluded(terms), then=Value("")), *first, default=Value(""), output_field=CharField())


def _excluded(terms: Terms) -> Q:
    excluded = Q(order_pk__isnull=True)  # never: every order has its key
    for clause in terms.exclusions:
        excluded |= Q(**{_holds(clause): True})
    return excluded


def _lacks_evidence(terms: Terms) -> Case:
    asking = [clause.code for clause in terms.inclusions if clause.evidence]
    return truth(Q(deciding__in=asking, accepted=False))


def _payable(terms: Terms) -> Func:
    """At the clause's and the policy's percentage, plus the fee where the policy refunds it; rounded here and nowhere else."""
    share = Case(
        *(
            When(deciding=clause.code, then=Value(clause.percentage * terms.percentage / 10000, WIDE))
            for clause in terms.inclusions
        ),
        default=ZERO,
        output_field=WIDE,
    )
    amount = ExpressionWrapper(F("in_full") * share, WIDE)
    if terms.refund_liquidation_fee:
        amount = ExpressionWrapper(amount + F("liquidation_fee"), WIDE)
    return Func(amount, F("decimals"), function="ROUND", output_field=WIDE)


def _outcome(terms: Terms) -> Case:
    """The first that is true, from what nothing can change to what is paid."""
    return Case(
        When(_excluded(terms), then=Value("excluded")),
        When(deciding="", then=Value("no_clause")),
        When(paid_elsewhere=True, then=Value("nil")),  # nobody is asked for evidence of what was paid already
        When(lacks_evidence=True, then=Value("needs_evidence")),
        When(payable__isnull=True, then=Value("needs_price")),
        When(payable__lte=0, then=Value("nil")),
        default=Value("pay"),
        output_field=CharField(),
    )


def held(orders: QuerySet) -> QuerySet:
    """While the outage lasts there is no end to measure from: every order waits, and nothing is priced."""
    none = Value([], CODES)
    return orders.values(
        "claim_pk",
        order_pk=F("pk"),
        asset=F("instrument__settle_id"),
        reasons=none,
        holds=none,
        flags=Value(["outage_lasts"], CODES),
        deciding=Value("", CharField()),
        outcome=Value("hold", CharField()),
        amount=ZERO,
        **{name: Cast(Value(None), field) for name, field in NO_PRICE.items()},
    )
