"""What the orders of one customer are paid (rules §2; decisions, "Amounts, in this order").

A share is an order on its way through the six steps; amounts are exact fractions until step 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

from tests.claims.oracle.facts import Answer, Order, cut, pnl, round_half_up

NEVER = datetime.max.replace(tzinfo=UTC)
ZERO = Fraction(0)


@dataclass
class Share:
    """An order that is to be paid, the include clause that decides it, and what it gets so far."""

    order: Order
    answer: Answer
    clause: dict
    reference: Decimal
    exit: Decimal
    signed: Fraction = ZERO
    amount: Fraction | Decimal = ZERO


def turn(share: Share) -> tuple:
    """Who comes first where a limit is used up: who closed first; still-open orders last."""
    order = share.order
    return order.closed or NEVER, order.opened, order.id, order.leg


def settle(shares: list[Share], policy: dict) -> None:
    """All six steps for one customer; what they give stands in the answers afterwards."""
    payment, shares = policy["payment"], sorted(shares, key=turn)
    for share in shares:
        improve(share, payment)
    if payment["netting"] == "smaller_of":
        for symbol in {share.order.symbol for share in shares}:
            net([share for share in shares if share.order.symbol == symbol])
    for share in shares:
        refund_and_cap(share, payment)
        share.amount = round_half_up(share.amount, share.order.decimals)
    for asset in {share.order.asset for share in shares}:
        pay([share for share in shares if share.order.asset == asset], payment, asset)


def improve(share: Share, payment: dict) -> None:
    """Step 1: the improvement, less what the fund has paid, times the percentages."""
    order = share.order
    improvement = pnl(order, share.reference) - pnl(order, share.exit)
    percent = Fraction(share.clause["percentage"]) / 100 * Fraction(payment["percentage"]) / 100
    share.signed = improvement * percent
    owed = max(improvement, ZERO)
    if payment["net_bankruptcy_cover"]:
        owed = max(owed - Fraction(order.cover), ZERO)
    share.amount = owed * percent


def net(shares: list[Share]) -> None:
    """Step 2: together no more than what the customer is better off by in this symbol, used up in turn."""
    left = max(sum((share.signed for share in shares), ZERO), ZERO)
    for share in shares:
        if share.amount > left:
            share.amount = left
            share.answer.flags.add("netted")
        left -= share.amount


def refund_and_cap(share: Share, payment: dict) -> None:
    """Step 3: the liquidation fee, and no more than the cap of an order."""
    order = share.order
    if payment["refund_liquidation_fee"]:
        share.amount += Fraction(order.fee)
    if order.asset in payment["cap_per_order"]:
        cap = cut(payment["cap_per_order"][order.asset], order.decimals)
        if share.amount > Fraction(cap):
            share.amount = Fraction(cap)
            share.answer.flags.add("order_cap")


def pay(shares: list[Share], payment: dict, asset: str) -> None:
    """Steps 5 and 6 for one asset: the customer's cap used up in turn; what is less than the minimum is not paid."""
    minimum, cap, used = Decimal(payment["minimum"].get(asset, "0")), payment["cap_per_customer"].get(asset), Decimal(0)
    for share in shares:
        asked = share.amount
        if cap is not None and asked >= minimum:  # what is below the minimum by itself uses up no cap
            limit(share, max(cut(cap, share.order.decimals) - used, Decimal(0)))
            used += asked
        if 0 < share.amount < minimum:
            share.amount = Decimal(0)
            share.answer.flags.add("below_minimum")
        share.answer.amount = share.amount
        share.answer.outcome = "pay" if share.amount > 0 else "nil"


def limit(share: Share, left: Decimal) -> None:
    if share.amount > left:
        share.amount = left
        share.answer.flags.add("customer_cap")


def restored(order: Order, payment: dict) -> Decimal:
    """What restoring the order gives back: its loss and its liquidation fee, less what the fund has paid (S2)."""
    owed = max(-pnl(order, order.exit), ZERO) + Fraction(order.fee)
    if payment["net_bankruptcy_cover"]:
        owed = max(owed - Fraction(order.cover), ZERO)
    return round_half_up(owed, order.decimals)
