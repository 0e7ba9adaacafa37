"""Which quote an order is priced by (rules §2; decisions, "Prices")."""

from __future__ import annotations

from datetime import datetime, timedelta

from tests.claims.oracle.facts import Market, Order, Quote, Window, duration, first_start, last_end


def is_abnormal(at: datetime, market: Market) -> bool:
    return any(start <= at <= end for start, end in market.abnormal)


def usable_quotes(market: Market) -> list[Quote]:
    """Neither crossed nor zero nor negative nor abnormal; in file order by instant."""
    return [quote for quote in market.quotes if 0 < quote.bid <= quote.ask and not is_abnormal(quote.at, market)]


def in_force(at: datetime, usable: list[Quote]) -> Quote | None:
    """A quote holds until the next one; of those of one instant the last holds on."""
    return ([quote for quote in usable if quote.at <= at] or [None])[-1]


def reference(order: Order, price: dict, windows: list[Window], market: Market) -> Quote | None:
    """The quote of the policy's reference price; where no quote gives one, the price by hand that two people stand for."""
    return quoted(order, price, windows, usable_quotes(market)) or given(market)


def given(market: Market) -> Quote | None:
    standing = [price for price in market.given if price.confirmed and not price.withdrawn]
    return standing[0] if standing else None


def quoted(order: Order, price: dict, windows: list[Window], usable: list[Quote]) -> Quote | None:
    carry_in = duration(price["carry_in"]) or timedelta(0)
    if price["reference"] == "best_in_window":
        return best(order, [quote for quote in usable if quote in within(order, windows, usable, carry_in)])
    found = {
        "last_before": lambda: ([quote for quote in usable if quote.at < first_start(windows)] or [None])[-1],
        "first_after": lambda: ([quote for quote in usable if quote.at > last_end(windows)] or [None])[0],
        "at_instant": lambda: at_instant(datetime.fromisoformat(price["at"]), usable, carry_in),
    }[price["reference"]]()
    return found if found and could_have_had(order, found, usable, carry_in) else None


def within(order: Order, windows: list[Window], usable: list[Quote], carry_in: timedelta) -> list[Quote]:
    """What this order could have had in the outage. A window the order missed gives none."""
    found = []
    for start, end in windows:
        begins = max(start, order.opened)
        if begins > end:
            continue
        carried = in_force(begins, usable)
        if carried and begins - carried.at <= carry_in:
            found.append(carried)
        found += [quote for quote in usable if begins <= quote.at <= end]
    return found


def best(order: Order, found: list[Quote]) -> Quote | None:
    """Long: the highest bid; short: the lowest ask; of equal ones the earliest, first in the file."""
    if not found:
        return None
    if order.side == "long":
        return max(found, key=lambda quote: quote.bid)  # max and min give the first of equals
    return min(found, key=lambda quote: quote.ask)


def at_instant(at: datetime, usable: list[Quote], carry_in: timedelta) -> Quote | None:
    quote = in_force(at, usable)
    return quote if quote and at - quote.at <= carry_in else None


def could_have_had(order: Order, quote: Quote, usable: list[Quote], carry_in: timedelta) -> bool:
    """Was the order open when the quote came, or opened while it was in force and at most `carry_in` old?"""
    if order.opened <= quote.at:
        return True
    following = usable[usable.index(quote) + 1 :]
    return order.opened - quote.at <= carry_in and not (following and following[0].at <= order.opened)


def valuation(order: Order, market: Market, asked: datetime) -> Quote | None:
    """What a still-open order is valued at: the last usable quote when the check was asked for, however old (S2)."""
    return in_force(asked, usable_quotes(market)) if order.closed is None else None
