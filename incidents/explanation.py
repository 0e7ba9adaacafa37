"""A replayed account in figures for people: what happened, at which quote, why, and what is left (rules §6). Pure.

Prices and the figures of a liquidation are shown as they are, to 12 decimals; what is left at the end, equity and cover, is
rounded once, half up, to the decimals of the account's asset.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from incidents.liquidation import Account, Edges, Liquidation, Position, Quote, Replay

FINEST = 12  # decimals of a stored price


def rounded(value: Fraction, decimals: int) -> Decimal:
    """Half up, away from zero, like every amount here."""
    scaled = abs(value) * 10**decimals
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    sign = 1 if value < 0 and whole else 0
    return Decimal((sign, tuple(map(int, str(whole))), -decimals))


@dataclass(frozen=True)
class Limits:
    """A position with its liquidation and bankruptcy price; None: no price reaches it."""

    position: Position
    liquidation: Decimal | None
    bankruptcy: Decimal | None


@dataclass(frozen=True)
class Closing:
    """One liquidation: its place in the order, its quote, and what the account was worth before it."""

    number: int
    fact: Liquidation

    @property
    def at(self) -> datetime:
        return self.fact.at

    @property
    def position(self) -> Position:
        return self.fact.position

    @property
    def quote(self) -> Quote:
        """In force at that instant; it may have come earlier than the quote that brought the account to its limit."""
        return self.fact.quote

    @property
    def price(self) -> Decimal:
        return self.fact.price

    @property
    def pnl(self) -> Decimal:
        return rounded(self.fact.pnl, FINEST)

    @property
    def equity(self) -> Decimal:
        return rounded(self.fact.equity, FINEST)

    @property
    def equity_at_mid(self) -> Decimal:
        return rounded(self.fact.equity_at_mid, FINEST)

    @property
    def used_margin(self) -> Decimal:
        return rounded(self.fact.used_margin, FINEST)

    @property
    def required(self) -> Decimal:
        return rounded(self.fact.required, FINEST)

    @property
    def limit(self) -> Decimal | None:
        """Its liquidation price at that instant, the other positions at their quotes."""
        return _price(self.fact.limit)

    @property
    def chart_showed_less(self) -> bool:
        """The mid had not reached the limit: the question of S3's FAQ 1."""
        return self.fact.equity_at_mid >= self.fact.required


@dataclass(frozen=True)
class Explanation:
    """The answer to "why was I liquidated?"."""

    document: dict
    account: Account
    ratio_source: str
    decimals: int
    opening: Mapping[str, Quote]  # the quotes in force when it began
    edges: tuple[Edges, ...]  # of the account's positions, as it began
    run: Replay
    quotes: int
    left_out: int  # crossed, zero, negative or marked abnormal: they trigger nothing
    nearest_at: datetime  # about when the account was nearest to its limit
    first_mid: Decimal | None = None  # the mid that came nearest to the first closed position's liquidation price

    @property
    def name(self) -> str:
        return self.document["account"]

    @property
    def asset(self) -> str:
        return self.document["asset"]

    @property
    def open_orders(self) -> int:
        """Cancelled before anything is closed (S3-3). Their margin is no part of the used margin here."""
        return self.document.get("open_orders", 0)

    @property
    def closings(self) -> list[Closing]:
        return [Closing(number, fact) for number, fact in enumerate(self.run.liquidations, start=1)]

    @property
    def limits(self) -> list[Limits]:
        """The formula's prices of each position, the others held at the quotes in force when it began."""
        return [
            Limits(position, _price(edges.liquidation), _price(edges.bankruptcy))
            for position, edges in zip(self.account.positions, self.edges, strict=True)
        ]

    @property
    def used_margin(self) -> Decimal:
        return sum((position.used_margin for position in self.account.positions), Decimal())

    @property
    def still_open(self) -> list[Position]:
        return list(self.run.positions)

    @property
    def unquoted(self) -> list[str]:
        """Symbols that had no quote when it began: their positions counted with a profit of 0 until their first."""
        return sorted({position.symbol for position in self.account.positions} - set(self.opening))

    @property
    def equity(self) -> Decimal:
        return rounded(self.run.equity, self.decimals)

    @property
    def cover(self) -> Decimal:
        """What the fund bears: the customer owes nothing (S3-6)."""
        return rounded(max(-self.run.equity, Fraction()), self.decimals)


def _price(value: Fraction | None) -> Decimal | None:
    return None if value is None else rounded(value, FINEST)
