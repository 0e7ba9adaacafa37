"""`replay_liquidation FILE.toml`: an account, its positions and its ratio over the stored quotes."""

from __future__ import annotations

from pathlib import Path

from incidents import account_file, replays
from incidents.explanation import Closing, Explanation, Limits
from jobs.console import PortalCommand, text_of
from jobs.shown import plain


class Command(PortalCommand):
    help = "When, at which quote, why and in which order an account was liquidated."
    refusals = (account_file.AccountFileError,)
    nothing = {"liquidations": [], "equity": None, "cover": None}

    def arguments(self, parser):
        parser.add_argument("file", type=Path)

    def act(self, *, file, json, **_options):
        found = replays.explain(account_file.read(text_of(file)))
        return answer(found) if json else told(found)


def answer(found: Explanation) -> dict:
    """Every figure as an exact decimal text, every instant in ISO 8601."""
    return {
        "account": found.name,
        "asset": found.asset,
        "ratio": plain(found.account.ratio),
        "open_orders_cancelled": found.open_orders if found.closings else 0,
        "liquidations": [closing(each) for each in found.closings],
        "equity": f"{found.equity:f}",
        "cover": f"{found.cover:f}",
        "limits": [limits(each) for each in found.limits],
        "still_open": [f"{each.side} {plain(each.quantity)} {each.symbol}" for each in found.still_open],
        "unquoted": found.unquoted,
        "quotes": found.quotes,
        "left_out": found.left_out,
    }


def closing(each: Closing) -> dict:
    position, quote = each.position, each.quote
    return {
        "number": each.number,
        "at": each.at.isoformat(),
        "symbol": position.symbol,
        "side": position.side,
        "quantity": plain(position.quantity),
        "price": plain(each.price),
        "quoted_at": quote.at.isoformat(),
        "bid": plain(quote.bid),
        "ask": plain(quote.ask),
        "mid": plain(quote.mid),
        "liquidation_price": None if each.limit is None else plain(each.limit),
        "realized_pnl": plain(each.pnl),
        "equity_before": plain(each.equity),
        "used_margin": plain(each.used_margin),
        "required_margin": plain(each.required),
        "equity_at_mid": plain(each.equity_at_mid),
    }


def limits(each: Limits) -> dict:
    return {
        "symbol": each.position.symbol,
        "side": each.position.side,
        "liquidation_price": None if each.liquidation is None else plain(each.liquidation),
        "bankruptcy_price": None if each.bankruptcy is None else plain(each.bankruptcy),
    }


def told(found: Explanation) -> dict:
    """The same in a few lines for people."""
    rows = answer(found)
    return rows | {
        "liquidations": [
            "\n  {number}. {at} {side} {quantity} {symbol} at {price} (bid {bid}, ask {ask}, mid {mid}): equity "
            "{equity_before}, required {required_margin}; realised {realized_pnl}".format(**each)
            for each in rows["liquidations"]
        ],
        "limits": [
            "{side} {symbol}: liquidation {liquidation_price}, bankruptcy {bankruptcy_price}".format(**each)
            for each in rows["limits"]
        ],
    }
