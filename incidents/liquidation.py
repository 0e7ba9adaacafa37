"""Why an account was liquidated: its positions on their way through the two-way quotes (rules §6, S3-1 to S3-5). Pure.

Longs are marked at the bid, shorts at the ask; the mid that the chart shows triggers nothing. Amounts are exact fractions of
the account's one settlement asset: nothing is rounded before it is shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple


class Quote(NamedTuple):
    """Best bid and ask of a symbol from an instant on."""

    at: datetime
    symbol: str
    bid: Decimal
    ask: Decimal

    @property
    def usable(self) -> bool:
        """Positive and not crossed: the only quotes that price anything (rules §1)."""
        return 0 < self.bid <= self.ask

    @property
    def mid(self) -> Decimal:
        """What the chart shows."""
        return (self.bid + self.ask) / 2


@dataclass(frozen=True)
class Position:
    """One open position. Quantity: linear in the base asset, inverse in contracts of `contract_value` dollars."""

    symbol: str
    side: str
    quantity: Decimal
    entry_price: Decimal
    used_margin: Decimal
    inverse: bool = False
    contract_value: Decimal = Decimal(1)

    @cached_property
    def sign(self) -> int:
        return 1 if self.side == "long" else -1

    @cached_property
    def size(self) -> Fraction:
        """q of the rules for a linear position, N for an inverse one."""
        return Fraction(self.quantity) * (Fraction(self.contract_value) if self.inverse else 1)

    @cached_property
    def entry(self) -> Fraction:
        return Fraction(self.entry_price)

    @cached_property
    def margin(self) -> Fraction:
        return Fraction(self.used_margin)

    def mark(self, quote: Quote) -> Decimal:
        """The side of the quote at which this position would be closed."""
        return quote.bid if self.side == "long" else quote.ask

    def pnl(self, price: Decimal | Fraction) -> Fraction:
        """Profit, or loss below zero, at a price (rules §2)."""
        move = Fraction(price) - self.entry
        return self.sign * self.size * (move / (self.entry * Fraction(price)) if self.inverse else move)

    def price_of(self, pnl: Fraction) -> Fraction | None:
        """The price at which the position has this profit; None when no price gives it."""
        if not self.inverse:
            price = self.entry + self.sign * pnl / self.size
            return price if price > 0 else None
        reciprocal = 1 / self.entry - self.sign * pnl / self.size
        return 1 / reciprocal if reciprocal > 0 else None


@dataclass(frozen=True)
class Account:
    """A cross-margin account as it stood: its wallet, its positions, and the ratio in force."""

    wallet: Decimal
    ratio: Decimal
    positions: tuple[Position, ...]


class Edges(NamedTuple):
    """A position's own prices while the other positions stay at their marks; None: no price reaches it.

    One linear position: E − s·(W − r·U)/q and E − s·W/q; one inverse: 1/P = 1/E + s·(W − r·U)/N (rules §6).
    """

    liquidation: Fraction | None
    bankruptcy: Fraction | None


@dataclass(frozen=True)
class Liquidation:
    """A position that was closed by force: at which quote, and what the account was worth before.

    `limit` is its liquidation price at that instant, the other positions at their quotes.
    """

    at: datetime
    position: Position
    quote: Quote
    pnl: Fraction
    equity: Fraction
    equity_at_mid: Fraction
    used_margin: Fraction
    required: Fraction
    limit: Fraction | None

    @property
    def price(self) -> Decimal:
        return self.position.mark(self.quote)


class Replay:
    """An account going through the quotes: `see` them in the order of their instants, of one instant in the file's order.

    `marks` are the quotes in force when it begins: they mark the positions, and close none. A position of a symbol that
    was never quoted counts with a profit of 0, and cannot be closed.
    """

    def __init__(self, account: Account, marks: Iterable[Quote] = ()):
        self.wallet = Fraction(account.wallet)
        self.ratio = Fraction(account.ratio)
        self.positions = list(account.positions)
        self.marks: dict[str, Quote] = {}
        self.liquidations: list[Liquidation] = []
        self._floating: dict[
            str, Fraction
        ] = {}  # unrealised profit by symbol: of millions of quotes each changes only one
        self._count_margin()
        self.hold(marks)

    def _count_margin(self) -> None:
        """`required` is the forced-liquidation margin: used margin × ratio (S3-1)."""
        self.used_margin = sum((position.margin for position in self.positions), Fraction())
        self.required = self.ratio * self.used_margin

    @property
    def equity(self) -> Fraction:
        """Wallet and unrealised profit; below zero at the end it is bankruptcy cover (S3-6)."""
        return self.wallet + sum(self._floating.values())

    @property
    def equity_at_mid(self) -> Fraction:
        """What the account would be worth if the chart's mid price counted; it does not."""
        marked = [position for position in self.positions if position.symbol in self.marks]
        return self.wallet + sum(position.pnl(self.marks[position.symbol].mid) for position in marked)

    def pnl(self, position: Position) -> Fraction:
        quote = self.marks.get(position.symbol)
        return position.pnl(position.mark(quote)) if quote else Fraction()

    def edges(self, position: Position) -> Edges:
        """Where this position alone would bring the account to its limit, and to nothing."""
        others = self.equity - self.pnl(position)
        return Edges(position.price_of(self.required - others), position.price_of(-others))

    def hold(self, quotes: Iterable[Quote]) -> None:
        """Quotes in force: the positions are marked by them, and none is closed."""
        for quote in quotes:
            self._mark(quote)

    def see(self, quote: Quote) -> None:
        """The next quote: it marks its positions; then the largest loss is closed until the margin suffices.

        Equity that is exactly the required margin suffices.
        """
        if not self._mark(quote):
            return
        while self.equity < self.required and (largest := self._largest_loss()):
            self._close(largest, quote.at)

    def _mark(self, quote: Quote) -> bool:
        if quote.usable:
            self.marks[quote.symbol] = quote
            self._refresh(quote.symbol)
        return quote.usable

    def _refresh(self, symbol: str) -> None:
        held = (position for position in self.positions if position.symbol == symbol)
        self._floating[symbol] = sum(map(self.pnl, held), Fraction())

    def _largest_loss(self) -> Position | None:
        """Of equal losses the first in the account."""
        quoted = [position for position in self.positions if position.symbol in self.marks]
        return min(quoted, key=self.pnl, default=None)

    def _close(self, position: Position, at: datetime) -> None:
        """Its profit goes into the wallet, its margin is free."""
        pnl = self.pnl(position)
        self.liquidations.append(
            Liquidation(
                at=at,
                position=position,
                quote=self.marks[position.symbol],
                pnl=pnl,
                equity=self.equity,
                equity_at_mid=self.equity_at_mid,
                used_margin=self.used_margin,
                required=self.required,
                limit=self.edges(position).liquidation,
            )
        )
        self.wallet += pnl
        self.positions.remove(position)
        self._refresh(position.symbol)
        self._count_margin()

    def slack(self, before: Mapping[str, Quote], within: Mapping[str, Quote]) -> Fraction:
        """How far at least the equity stays above the required margin, whatever quotes come inside these bounds.

        Not below zero: certainly nothing is closed; below: look closely. A bound is a symbol's lowest bid and highest ask in
        a stretch of time; `before` is the stretch whose last quote is still in force when `within` begins. Every position is
        taken at its worst, all at the same time.
        """
        worst = (self._worst(position, before, within) for position in self.positions)
        return self.wallet + sum(worst) - self.required

    def _worst(self, position: Position, *stretches: Mapping[str, Quote]) -> Fraction:
        bounds = [stretch.get(position.symbol) for stretch in stretches]
        pnls = [position.pnl(position.mark(bound)) for bound in bounds if bound]
        return min(pnls if bounds[0] else [Fraction(), *pnls])  # not quoted before: its profit was 0


def fee_in_sql(trade: str, instrument: str, settle: str) -> str:
    """A liquidation's fee (rules §5, S3-3): linear = price × quantity × rate, inverse = quantity × rate in the coin.

    In the settlement asset, rounded half up to its decimals.
    """
    paid_on = f"CASE {instrument}.margin WHEN 'linear' THEN {trade}.price ELSE 1 END * {trade}.quantity"
    return f"round({paid_on} * {instrument}.liquidation_fee_rate, {settle}.decimals)"
