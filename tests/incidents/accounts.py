"""Accounts on paper: plain values in, a replay out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from incidents.liquidation import Account, Position, Quote, Replay
from tests.factories import at

START = at("14:09")


def position(
    symbol: str = "BTCUSDT", *, side: str = "long", quantity="0.5", entry="16950", margin="423.75", **more
) -> Position:
    return Position(symbol, side, Decimal(quantity), Decimal(entry), Decimal(margin), **more)


def inverse(**facts) -> Position:
    """A position in contracts of 100 dollars."""
    facts = {"quantity": "85", "margin": "0.025"} | facts
    return position("BTCUSD", inverse=True, contract_value=Decimal(100), **facts)


def account(*positions: Position, wallet="394.50", ratio="0.40") -> Account:
    return Account(Decimal(wallet), Decimal(ratio), positions)


def quotes(*rows: tuple[str, str] | tuple[str, str, str], symbol: str = "BTCUSDT") -> list[Quote]:
    """Rows of (bid, ask) or (symbol, bid, ask), a second apart from 14:09 on."""
    full = [row if len(row) == 3 else (symbol, *row) for row in rows]
    return [quote(START + timedelta(seconds=n), *row) for n, row in enumerate(full)]


def quote(instant: datetime, symbol: str, bid, ask) -> Quote:
    return Quote(instant, symbol, Decimal(bid), Decimal(ask))


def replay(account: Account, quotes: Iterable[Quote]) -> Replay:
    """The account after these quotes, each looked at."""
    run = Replay(account)
    for each in quotes:
        run.see(each)
    return run
