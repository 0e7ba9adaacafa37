"""A policy compiles to a query (rules §2–4).

`verdicts` takes orders already joined to their claim and to their prices, and answers in steps, each standing on the columns of
the one before, so that nothing is computed twice: what is true of each order and which clauses hold (`_judged`); which clause
decides (`_decided`); what it is worth (`_measured`, then `pricing` where orders share a limit); outcome, flags and amount
(`_answered`). One claim on a screen and a million orders in a sweep run the same query. What it stands on comes in as `Facts`.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.postgres.fields import ArrayField
from django.db.models import (
    BigIntegerField,
    BooleanField,
    Case,
    CharField,
    DateTimeField,
    F,
    Field,
    Func,
    Q,
    QuerySet,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Cast, Coalesce, Collate
from django.db.models.lookups import Exact
from django_cte import CTE, with_cte

from claims import pricing
from claims.deadlines import Outage
from claims.pricing import WIDE, ZERO
from claims.terms import Anchor, Clause, Terms

ALWAYS, NEVER = Q(pk__isnull=False), Q(pk__isnull=True)
# Column of the verdict -> of the joined price: what the customer could have had, and what a still-open order is worth.
REFERENCE = {
    "reference_price": "price",
    "reference_bid": "bid",
    "reference_ask": "ask",
    "reference_at": "at",
    "quote_id": "quote_id",
}
VALUATION = {"valued_price": "price", "valued_at": "at"}
CODES = ArrayField(TextField())
NO_PRICE: dict[str, Field] = dict.fromkeys((*REFERENCE, *VALUATION, "restore_amount"), WIDE) | {
    "reference_at": DateTimeField(),
    "valued_at": DateTimeField(),
    "quote_id": BigIntegerField(),
}
# What a person should look at, in the order in which it is told: a TP/SL set only after recovery (S1-E3), an order compensated
# elsewhere, opened at an abnormal quote (S2), hedged, priced by hand; and which limit cut the amount.
FLAGS = ("tpsl_after_end", "paid_elsewhere", "abnormal_entry", "hedged", "price_by_hand", "netted", "order_cap", "customer_cap",
         "below_minimum")  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """Conditions on an order's claim, and the names under which the order's claim and reference price are joined."""

    in_contact: Q
    evidence_accepted: Q
    evidence_waits: Q  # none yet, or not all reviewed
    already_compensated: Q
    opened_abnormally: Q
    reference: str  # prefix of the joined reference price
    valuation: str  # prefix of the joined value of still-open orders


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


def verdicts(orders: QuerySet, *, terms: Terms, outage: Outage, facts: Facts) -> QuerySet:
    """One row per order: claim_pk, customer_id, order_pk, asset, reasons, holds, flags, deciding, outcome, amount and its prices.

    The outage has ended; while it lasts use `held`. Amounts are rounded once, half up, to the settlement asset's decimals.
    """
    steps = [CTE(_judged(orders, terms=terms, outage=outage, facts=facts), name="judged", materialized=True)]

    def then(name: str, rows: QuerySet) -> None:
        steps.append(CTE(rows, name=name))

    def last() -> QuerySet:
        return steps[-1].queryset().order_by()

    then("decided", _decided(last(), terms))
    then("measured", _measured(last(), terms))
    amount = "in_share"
    if terms.netting == "smaller_of":
        amount = "netted"
        then("netting", pricing.netted(last()))
    then("owing", last().annotate(owed=pricing.with_fee(terms, amount), due=pricing.due(terms, amount)))
    if terms.cap_per_customer:
        then("capping", pricing.capped(last(), terms))
    return with_cte(*steps, select=_answered(last(), terms))


def _judged(orders: QuerySet, *, terms: Terms, outage: Outage, facts: Facts) -> QuerySet:
    """The facts, each clause alone, and what the better price would have brought (NULL where a price is missing)."""
    late = tpsl_active(outage) & Q(tpsl_set_at__gt=outage.end)
    exit_price = Coalesce("exit_price", f"{facts.valuation}__price") if terms.values_open_orders else F("exit_price")
    valued = Q(closed_at__isnull=True) if terms.values_open_orders else NEVER
    return orders.values(
        "claim_pk",
        "customer_id",
        "instrument_id",
        "side",
        "opened_at",
        "leg",
        "liquidation_fee",
        "bankruptcy_cover",
        order_pk=F("pk"),
        order_name=Collate("order_id", "C"),  # one order of names on every machine
        closed_last=Coalesce("closed_at", pricing.FOR_EVER),
        is_open=truth(Q(closed_at__isnull=True)),
        asset=F("instrument__settle_id"),
        decimals=F("instrument__settle__decimals"),
        accepted=truth(facts.evidence_accepted),
        tpsl_after_end=truth(late),
        paid_elsewhere=truth(facts.already_compensated),
        abnormal_entry=truth(facts.opened_abnormally),
        by_hand=truth(Q(**{f"{facts.reference}__given__isnull": False})),
        improved=pricing.improvement(facts.reference, exit_price),
        lost=pricing.realised_loss() if terms.restores else Cast(Value(None), WIDE),
        **{name: F(f"{facts.reference}__{column}") for name, column in REFERENCE.items()},
        **{name: _if(valued, F(f"{facts.valuation}__{column}"), NO_PRICE[name]) if terms.values_open_orders
           else Cast(Value(None), NO_PRICE[name]) for name, column in VALUATION.items()},
        **{_holds(clause): truth(condition(clause, outage, facts)) for clause in terms.clauses},
    )  # fmt: skip


def _if(fact: Q, value: F | Value | Func, field: Field) -> Case:
    return Case(When(fact, then=value), output_field=field)


def _holds(clause: Clause) -> str:
    """The column that says whether the clause holds."""
    return "holds_" + clause.code.lower().replace("-", "_")


def _decided(judged: QuerySet, terms: Terms) -> QuerySet:
    """Every reason, every clause that holds, the one that decides."""
    return judged.annotate(
        reasons=_codes(terms.exclusions),
        holds=_codes(terms.clauses),
        excluded=truth(_excluded(terms)),
        deciding=_deciding(terms),
        **pricing.hedged(),
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


def _measured(decided: QuerySet, terms: Terms) -> QuerySet:
    """Its share of the full compensation, and whether it takes part in limits that orders share."""
    asking = [clause.code for clause in terms.inclusions if clause.evidence]
    lacking = Q(deciding__in=asking, accepted=False)
    return decided.annotate(
        lacks_evidence=truth(lacking),
        share=_share(terms),
        in_share=pricing.wide(pricing.full(terms) * _share(terms)),
        eligible=truth(~Q(deciding="") & Q(paid_elsewhere=False, improved__isnull=False) & ~lacking),
    )


def _share(terms: Terms) -> Case:
    """The clause's and the policy's percentage, as a factor."""
    shares = ((clause.code, clause.percentage * terms.percentage / 10000) for clause in terms.inclusions)
    return Case(
        *(When(deciding=code, then=Value(share, WIDE)) for code, share in shares), default=ZERO, output_field=WIDE
    )


def _answered(rows: QuerySet, terms: Terms) -> QuerySet:
    """Outcome, flags and amount."""
    before_minimum = "capped" if terms.cap_per_customer else "due"
    small = pricing.too_small(terms, before_minimum) & Q(eligible=True)
    rows = rows.annotate(outcome=_outcome(before_minimum, small))
    return rows.annotate(
        amount=Case(When(outcome="pay", then=F(before_minimum)), default=ZERO, output_field=WIDE),
        restore_amount=_restore_amount(terms),
        flags=Existing(*(_if(fact, Value(flag), CharField()) for flag, fact in _flags(terms, small).items())),
    )


def _outcome(amount: str, small: Q) -> Case:
    """The first that is true, from what nothing can change to what is paid."""
    return Case(
        When(excluded=True, then=Value("excluded")),
        When(deciding="", then=Value("no_clause")),
        When(paid_elsewhere=True, then=Value("nil")),  # nobody is asked for evidence of what was paid already
        When(lacks_evidence=True, then=Value("needs_evidence")),
        When(improved__isnull=True, then=Value("needs_price")),
        When(small | Q(**{f"{amount}__lte": 0}), then=Value("nil")),
        default=Value("pay"),
        output_field=CharField(),
    )


def _restore_amount(terms: Terms) -> Case | Cast:
    """Where the deciding clause lets the customer have a closed order restored (S2-K2)."""
    codes = [clause.code for clause in terms.inclusions if clause.restores]
    if not codes:
        return Cast(Value(None), WIDE)
    offered = Q(deciding__in=codes, is_open=False, paid_elsewhere=False, lacks_evidence=False)
    return _if(offered, pricing.if_restored(terms), WIDE)


def _flags(terms: Terms, small: Q) -> dict[str, Q]:
    """What each flag says. A limit is told where it took something away."""
    overlaps = Q(earlier_lasts__gte=F("opened_at")) | Q(later_begins__lte=F("closed_last"))
    facts = {
        "tpsl_after_end": Q(tpsl_after_end=True),
        "paid_elsewhere": Q(paid_elsewhere=True),
        "abnormal_entry": Q(abnormal_entry=True),
        "hedged": ~Q(deciding="") & overlaps,
        "price_by_hand": ~Q(deciding="") & Q(by_hand=True),
    }
    if terms.netting == "smaller_of":
        facts["netted"] = Q(eligible=True, netted__lt=F("in_share"))
    if terms.cap_per_order:
        facts["order_cap"] = Q(eligible=True, owed__gt=pricing.cap(terms.cap_per_order))
    if terms.cap_per_customer:
        facts["customer_cap"] = Q(eligible=True, capped__lt=F("due"))
    if terms.minimum:
        facts["below_minimum"] = small
    return {flag: facts[flag] for flag in FLAGS if flag in facts}


def held(orders: QuerySet) -> QuerySet:
    """While the outage lasts there is no end to measure from: every order waits, and nothing is priced."""
    none = Value([], CODES)
    return orders.values(
        "claim_pk",
        "customer_id",
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
