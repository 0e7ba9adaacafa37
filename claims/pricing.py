"""What an order is worth to its customer, as expressions of the policy's query (rules §2; docs/decisions.md, Amounts).

Every intermediate result is wide and exact; an order's amount is rounded once. Limits that orders of one customer share (netting,
a cap) are used up in the order in which the orders were closed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from django.db.models import (
    Case,
    DateTimeField,
    DecimalField,
    Expression,
    ExpressionWrapper,
    F,
    Func,
    Max,
    Min,
    Q,
    QuerySet,
    RowRange,
    Sum,
    Value,
    When,
    Window,
)
from django.db.models.functions import Coalesce, Greatest, Least

from claims.terms import Terms

WIDE = DecimalField(max_digits=60, decimal_places=30)
ZERO = Value(Decimal(0), WIDE)
FOR_EVER = Value(datetime.max.replace(tzinfo=UTC), DateTimeField())
TURN = ("closed_last", "opened_at", "order_name", "leg")  # in which order a shared limit is used up
BEFORE_ME = RowRange(start=None, end=-1)


def wide(expression) -> ExpressionWrapper:
    return ExpressionWrapper(expression, WIDE)


def _gain(start: Expression | F, end: Expression | F) -> Case:
    """PnL of the order between two prices, in the settlement asset, unrounded.

    linear: s · q · (B − A); inverse: s · N · (B − A) / (A · B), one division.
    """
    sign = Case(When(side="long", then=Value(Decimal(1))), default=Value(Decimal(-1)), output_field=WIDE)
    moved = wide(sign * F("quantity") * (end - start))
    face = wide(moved * F("instrument__contract_value"))  # exact: 36 decimals, and the division keeps as many
    return Case(When(instrument__margin="inverse", then=wide(face / (start * end))), default=moved, output_field=WIDE)


def improvement(reference: str, exit_price: Expression | F) -> Case:
    """PnL at the reference price − PnL at the exit price: the entry price cancels out. NULL where a price is missing."""
    return _gain(exit_price, F(f"{reference}__price"))


def realised_loss() -> Greatest:
    """What closing at the exit price cost, before fees and funding; 0 for a profit."""
    return Greatest(wide(_gain(F("exit_price"), F("entry_price"))), ZERO, output_field=WIDE)


def full(terms: Terms) -> Expression:
    """The improvement, never below 0, less what the fund already covered. Unrounded, before any percentage."""
    amount: Expression = Greatest(F("improved"), ZERO, output_field=WIDE)
    if terms.net_bankruptcy_cover:
        amount = Greatest(wide(amount - F("bankruptcy_cover")), ZERO, output_field=WIDE)
    return Case(When(improved__isnull=False, then=amount), output_field=WIDE)


def if_restored(terms: Terms) -> Func:
    """The realised loss and the liquidation fee, less what the fund already covered (S2-K2)."""
    amount: Expression = wide(F("lost") + F("liquidation_fee"))
    if terms.net_bankruptcy_cover:
        amount = wide(amount - F("bankruptcy_cover"))
    return rounded(Greatest(amount, ZERO, output_field=WIDE))


def rounded(amount: Expression | F) -> Func:
    """Half up (no amount is negative), to the asset's decimals."""
    return Func(amount, F("decimals"), function="ROUND", output_field=WIDE)


def hedged() -> dict[str, Case]:
    """Held at the same time as another order of the customer in the same symbol on the other side: two sweeps over time."""
    group = [F("customer_id"), F("instrument_id")]

    def seen(aggregate, column: str, side: str, order) -> Window:
        return Window(aggregate(column, filter=Q(side=side)), partition_by=group, order_by=order)

    def other(aggregate, column: str, order) -> Case:
        sides = {side: seen(aggregate, column, other_side, order) for side, other_side in OTHER.items()}
        return Case(*(When(side=side, then=window) for side, window in sides.items()), output_field=DateTimeField())

    return {
        "earlier_lasts": other(Max, "closed_last", F("opened_at").asc()),
        "later_begins": other(Min, "opened_at", F("opened_at").desc()),
    }


OTHER = {"long": "short", "short": "long"}


def netted(rows: QuerySet) -> QuerySet:
    """Adds `netted`: of each customer and symbol no more than the sum of the signed improvements (netting: smaller_of)."""
    group = [F("customer_id"), F("instrument_id")]
    signed = Sum(wide(F("improved") * F("share")), filter=Q(eligible=True))
    limit = Greatest(Window(signed, partition_by=group, output_field=WIDE), ZERO, output_field=WIDE)
    return rows.annotate(netted=_what_is_left(limit, "in_share", group, Q(eligible=True)))


def capped(rows: QuerySet, terms: Terms) -> QuerySet:
    """Adds `capped`: of each customer and asset no more than the cap; what is too small by itself uses up nothing."""
    caps = terms.cap_per_customer
    counts = Q(eligible=True, asset__in=list(caps)) & ~too_small(terms, "due")
    return rows.annotate(capped=_what_is_left(cap(caps), "due", [F("customer_id"), F("asset")], counts))


def too_small(terms: Terms, amount: str) -> Q:
    """Something, but below the policy's minimum of its asset."""
    small = Q(order_pk__isnull=True)  # never: every order has its key
    for asset, minimum in terms.minimum.items():
        small |= Q(asset=asset, **{f"{amount}__gt": 0, f"{amount}__lt": minimum})
    return small


def _what_is_left(limit: Expression, amount: str, group: list[F], counts: Q) -> Case:
    """The amount of those that count, as far as the limit is not used up by those before them."""
    before = Window(Sum(amount, filter=counts), partition_by=group, order_by=TURN, frame=BEFORE_ME, output_field=WIDE)
    left = Greatest(wide(limit - Coalesce(before, ZERO, output_field=WIDE)), ZERO, output_field=WIDE)
    return Case(When(counts, then=Least(F(amount), left, output_field=WIDE)), default=F(amount), output_field=WIDE)


def cap(amounts: dict[str, Decimal]) -> Func:
    """The cap of the row's asset, cut to its decimals so that rounding never passes it; NULL for an asset without one."""
    found = Case(*(When(asset=asset, then=Value(most, WIDE)) for asset, most in amounts.items()), output_field=WIDE)
    return Func(found, F("decimals"), function="TRUNC", output_field=WIDE)


def with_fee(terms: Terms, amount: str) -> ExpressionWrapper:
    """The amount, and the liquidation fee where the policy refunds it."""
    return wide(F(amount) + F("liquidation_fee")) if terms.refund_liquidation_fee else wide(F(amount))


def due(terms: Terms, amount: str) -> Func:
    """With the fee, at most the cap of an order; rounded: here and nowhere else."""
    owed: Expression = with_fee(terms, amount)
    if terms.cap_per_order:
        owed = Least(owed, cap(terms.cap_per_order), output_field=WIDE)  # LEAST passes over NULL: no cap
    return rounded(owed)
