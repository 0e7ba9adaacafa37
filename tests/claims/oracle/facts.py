"""What there is to judge, as plain values; instants and money worked out from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

Window = tuple[datetime, datetime | None]
Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Quote:
    at: datetime
    bid: Decimal
    ask: Decimal


@dataclass(frozen=True)
class GivenPrice(Quote):
    """A price by hand: entered by one person, perhaps confirmed by another, perhaps withdrawn."""

    confirmed: bool = True
    withdrawn: bool = False


@dataclass(frozen=True)
class Market:
    """Of one instrument: its quotes in file order by instant, the ranges marked abnormal, the prices by hand."""

    quotes: tuple[Quote, ...] = ()
    abnormal: tuple[Span, ...] = ()
    given: tuple[GivenPrice, ...] = ()


@dataclass(frozen=True)
class Order:
    """A closing leg, with what the rules ask of its instrument."""

    id: str
    symbol: str
    product: str
    margin: str
    contract_value: Decimal
    asset: str
    decimals: int
    side: str
    quantity: Decimal
    entry: Decimal
    opened: datetime
    exit: Decimal | None
    closed: datetime | None
    reason: str
    leg: str = "1"
    take_profit: Decimal | None = None
    stop_loss: Decimal | None = None
    tpsl_set: datetime | None = None
    tpsl_cancelled: datetime | None = None
    fee: Decimal = Decimal(0)
    cover: Decimal = Decimal(0)
    paid_elsewhere: bool = False


@dataclass(frozen=True)
class Claim:
    """When the customer was in touch, and how their evidence was reviewed: received, accepted, rejected."""

    contacts: tuple[datetime, ...]
    evidence: tuple[str, ...]


@dataclass
class Answer:
    """A verdict. `quote` is behind the reference price, `value` behind the value of a still-open order."""

    outcome: str
    clause: str = ""
    reasons: list[str] = field(default_factory=list)
    holds: list[str] = field(default_factory=list)
    flags: set[str] = field(default_factory=set)
    quote: Quote | None = None
    value: Quote | None = None
    amount: Decimal = Decimal(0)
    restore_amount: Decimal | None = None


# --- time


def duration(text: str) -> timedelta | None:
    if text == "":
        return None
    return int(text[:-1]) * {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1),
                             "d": timedelta(days=1)}[text[-1]]  # fmt: skip


def first_start(windows: list[Window]) -> datetime:
    return min(start for start, _ in windows)


def last_end(windows: list[Window]) -> datetime:
    return max(end for _, end in windows)


def instant(anchor: str, windows: list[Window]) -> datetime:
    """'end+1h': an hour after the last end."""
    if anchor.startswith("start"):
        base, rest = first_start(windows), anchor.removeprefix("start")
    else:
        base, rest = last_end(windows), anchor.removeprefix("end")
    if not rest:
        return base
    return base + duration(rest[1:]) if rest[0] == "+" else base - duration(rest[1:])


# --- money


def pnl(order: Order, price: Decimal) -> Fraction:
    """Price PnL of the order, had it been closed at this price."""
    sign = 1 if order.side == "long" else -1
    entry, close = Fraction(order.entry), Fraction(price)
    if order.margin == "linear":
        return sign * Fraction(order.quantity) * (close - entry)
    face = Fraction(order.quantity) * Fraction(order.contract_value)
    return sign * face * (close - entry) / (entry * close)


def price_of(order: Order, quote: Quote) -> Decimal:
    """What a long could have sold at, a short bought at."""
    return quote.bid if order.side == "long" else quote.ask


def round_half_up(value: Fraction, decimals: int) -> Decimal:
    """Of a value that is not negative."""
    units = (value * 10**decimals + Fraction(1, 2)).__floor__()
    return Decimal(units).scaleb(-decimals)


def cut(value: str, decimals: int) -> Decimal:
    """Without the decimals that its asset does not have."""
    return Decimal((Fraction(value) * 10**decimals).__floor__()).scaleb(-decimals)
