"""The answer for the customer: why their account was liquidated, in the reader's language (S3-1, S3-2, S3-6, FAQ 1). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from incidents.explanation import Closing, Explanation
from incidents.liquidation import Position
from jobs.shown import exact, number


def letter(found: Explanation) -> str:
    """Paragraphs of plain text, to be sent as they are."""
    if not found.closings:
        return "\n\n".join([_unharmed(found), _rule()])
    return "\n\n".join([*_what(found), _rule(), *_why(found), *_orders(found), *_end(found)])


def _unharmed(found: Explanation) -> str:
    return _(
        "From %(start)s to %(end)s no quote brought account %(account)s below its required margin: by these quotes nothing was "
        "liquidated."
    ) % {"start": exact(found.document["from"]), "end": exact(found.document["to"]), "account": found.name}


def _what(found: Explanation) -> Iterator[str]:
    first = found.closings[0]
    if len(found.closings) == 1:
        yield _(
            "Your %(position)s in account %(account)s was closed by forced liquidation at %(at)s, at a price of %(price)s."
        ) % {
            "position": _named(first.position),
            "account": found.name,
            "at": exact(first.at),
            "price": price(first.price),
        }
        return
    yield _(
        "In account %(account)s %(n)s positions were closed by forced liquidation, the first at %(at)s. The position with the "
        "largest loss goes first, then the next, until the account suffices:"
    ) % {"account": found.name, "n": len(found.closings), "at": exact(first.at)}
    yield "\n".join(_line(closing, found.asset) for closing in found.closings)


def _line(closing: Closing, asset: str) -> str:
    facts = {"at": exact(closing.at), "position": _named(closing.position), "price": price(closing.price)}
    pnl = {"n": closing.number, "pnl": money(closing.pnl, asset)}
    return _("%(n)s. %(at)s: %(position)s at %(price)s, realised PnL %(pnl)s") % (facts | pnl)


def _rule() -> str:
    return _(
        "Forced liquidation follows our two-way quotes: a long position is watched and settled at the best bid, a short "
        "position at the best ask. The chart shows the mid price between the two; it is for reference only and triggers nothing."
    )


def _why(found: Explanation) -> Iterator[str]:
    first = found.closings[0]
    yield _(
        "At that moment %(symbol)s was quoted at %(bid)s bid and %(ask)s ask. The account was worth %(equity)s, less than the "
        "required margin of %(required)s (%(ratio)s%% of the used margin of %(used)s)."
    ) % {
        "symbol": first.position.symbol,
        "bid": price(first.quote.bid),
        "ask": price(first.quote.ask),
        "equity": money(first.equity, found.asset),
        "required": money(first.required, found.asset),
        "ratio": number(found.account.ratio * 100),
        "used": money(first.used_margin, found.asset),
    }
    yield _about_the_chart(found, first)


def _about_the_chart(found: Explanation, first: Closing) -> str:
    """FAQ 1: "why before the chart touched my price?"."""
    facts = {"mid": price(first.quote.mid), "limit": price(first.limit), "nearest": price(found.first_mid)}
    facts |= {"equity": money(first.equity_at_mid, found.asset)}
    if not first.chart_showed_less:
        return _("At the mid prices of the chart it would have been below as well: %(equity)s.") % facts
    if len(found.account.positions) > 1 or first.limit is None:
        return (
            _(
                "At the mid prices of the chart it would have been worth %(equity)s, which suffices; but they do not count."
            )
            % facts
        )
    if first.position.side == "long":
        return (
            _(
                "The liquidation price of this position was %(limit)s. The bid was below it, while the mid on the chart was "
                "%(mid)s and had never been below it (lowest mid until then: %(nearest)s)."
            )
            % facts
        )
    return (
        _(
            "The liquidation price of this position was %(limit)s. The ask was above it, while the mid on the chart was "
            "%(mid)s and had never been above it (highest mid until then: %(nearest)s)."
        )
        % facts
    )


def _orders(found: Explanation) -> Iterator[str]:
    if found.open_orders:
        yield ngettext(
            "%(n)s open order was cancelled first.", "%(n)s open orders were cancelled first.", found.open_orders
        ) % {"n": found.open_orders}


def _end(found: Explanation) -> Iterator[str]:
    if found.still_open:
        yield _("What stayed open: %(positions)s.") % {"positions": "; ".join(map(_named, found.still_open))}
    elif found.cover:
        yield _(
            "After that the account stood at %(equity)s. The insurance fund bears this shortfall in full: you owe nothing."
        ) % {"equity": money(found.equity, found.asset)}
    else:
        yield _("After that %(equity)s were left in the account, before the liquidation fee.") % {
            "equity": money(found.equity, found.asset)
        }


def _named(position: Position) -> str:
    facts = {"quantity": number(position.quantity), "symbol": position.symbol}
    if position.inverse:
        long, short = (
            _("long position of %(quantity)s contracts of %(symbol)s"),
            _("short position of %(quantity)s contracts of %(symbol)s"),
        )
    else:
        long, short = _("long position of %(quantity)s %(symbol)s"), _("short position of %(quantity)s %(symbol)s")
    return (long if position.side == "long" else short) % facts


def price(value: Decimal | None) -> str:
    return number(value, 2)


def money(value: Decimal, asset: str) -> str:
    return f"{number(value, 2)} {asset}"
