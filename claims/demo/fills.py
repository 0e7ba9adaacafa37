"""One closing leg of a position: when, at which prices, how much of it. Follows a plot at the market's own prices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from claims.demo.plots import Plot, Span
from claims.demo.quotes import END, INSTRUMENTS, OPENING, START, Series, text

MARGIN = {row["symbol"]: row["margin"] for row in INSTRUMENTS}
FEE_RATE = {row["symbol"]: Decimal(row["liquidation_fee_rate"]) for row in INSTRUMENTS}
FACE = Decimal(INSTRUMENTS[-1]["contract_value"])  # of the inverse contract, in US dollars
STEP = {"BTCUSDT": Decimal("0.001"), "ETHUSDT": Decimal("0.01"), "SOLUSDT": Decimal("0.1"), "DOGEUSDT": Decimal(1)}
SIZES = (2_500, 6_000, 15_000, 15_000, 40_000, 40_000, 90_000, 250_000)  # US dollars
SATOSHI, CENT = Decimal("0.00000001"), Decimal("0.01")
PAUSE = timedelta(minutes=2)


@dataclass(frozen=True)
class Fill:
    """The facts of one leg, prices in ticks; no exit for one that is still open."""

    book: Series
    plot: Plot
    side: str
    quantity: Decimal
    opened: datetime
    entry: int
    closed: datetime | None
    exit: int
    reason: str
    armed: Span | None  # when a TP/SL was set and cancelled; None: unknown

    @property
    def inverse(self) -> bool:
        return MARGIN[self.book.symbol] == "inverse"

    def row(self) -> dict[str, str]:
        """As the orders file has it."""
        closed = {"exit_price": "", "closed_at": "", "close_reason": "", "realized_pnl": "", "liquidation_fee": "0"}
        if self.closed:
            closed = {
                "exit_price": str(self.book.price(self.exit)),
                "closed_at": text(self.closed),
                "close_reason": self.reason,
                "realized_pnl": f"{self.pnl():f}",
                "liquidation_fee": f"{self.fee():f}",
            }
        return {
            "symbol": self.book.symbol,
            "side": self.side,
            "quantity": str(self.quantity),
            "entry_price": str(self.book.price(self.entry)),
            "opened_at": text(self.opened),
            "bankruptcy_cover": f"{self.cover():f}",
            **closed,
            **self.tpsl(),
        }

    def pnl(self) -> Decimal:
        """Before fees and funding (rules §2)."""
        entry, exit_price = self.book.price(self.entry), self.book.price(self.exit)
        moved = self.quantity * (exit_price - entry) * (1 if self.side == "long" else -1)
        return round_to(SATOSHI, moved * FACE / (entry * exit_price) if self.inverse else moved)

    def worth(self) -> Decimal:
        """The leg in its settlement asset at the exit."""
        price = self.book.price(self.exit)
        return self.quantity * FACE / price if self.inverse else self.quantity * price

    def fee(self) -> Decimal:
        rate = FEE_RATE[self.book.symbol] if self.reason == "liquidation" else Decimal(0)
        return round_to(SATOSHI, self.worth() * rate)

    def cover(self) -> Decimal:
        return round_to(SATOSHI if self.inverse else CENT, self.worth() * Decimal(self.plot.cover))

    def tpsl(self) -> dict[str, str]:
        """Both prices around the entry; the one that closed the position is its exit."""
        if not self.plot.tpsl:
            return {"take_profit": "", "stop_loss": "", "tpsl_set_at": "", "tpsl_cancelled_at": ""}
        far = self.entry * (3 if self.side == "long" else -3) // 100
        profit = self.exit if self.reason == "take_profit" else self.entry + far
        loss = self.exit if self.reason == "stop_loss" else self.entry - far
        set_at, cancelled = self.armed or (None, None)
        return {
            "take_profit": str(self.book.price(profit)),
            "stop_loss": str(self.book.price(loss)),
            "tpsl_set_at": text(set_at) if set_at else "",
            "tpsl_cancelled_at": text(cancelled) if cancelled and self.plot.tpsl == "cancelled" else "",
        }


def round_to(unit: Decimal, amount: Decimal) -> Decimal:
    return amount.quantize(unit)


def follow(plot: Plot, book: Series, rng: Random, like: Fill | None = None) -> Fill:
    """A leg that goes as the plot says; a later leg is `like` the first in side and entry."""
    opened = like.opened if like else moment(plot.opened, rng)
    closed = plot.closed and moment((max(plot.closed[0], min(opened + PAUSE, plot.closed[1])), plot.closed[1]), rng)
    side = like.side if like else plot.side or _side(plot, book, opened, closed, rng)
    out = book.ticks_at(closed or OPENING)[side == "short"]
    entry = like.entry if like else _entry(plot, book, opened, side, out, rng)
    return Fill(
        book=book,
        plot=plot,
        side=side,
        quantity=_quantity(book, out, rng),
        opened=opened,
        entry=entry,
        closed=closed,
        exit=out,
        reason=rng.choice(plot.reasons) if closed else "",
        armed=_armed(plot, opened, rng),
    )


def moment(span: Span, rng: Random) -> datetime:
    """An instant of the span, to the millisecond."""
    begin, end = span
    return begin + timedelta(milliseconds=rng.randint(0, (end - begin) // timedelta(milliseconds=1)))


def _side(plot: Plot, book: Series, opened: datetime, closed: datetime | None, rng: Random) -> str:
    """Who opened while we know the market is on the losing side of it; anybody else is free."""
    if opened < OPENING or closed is None:
        return rng.choice(("long", "short"))
    return "long" if book.ticks_at(closed)[0] < book.ticks_at(opened)[1] else "short"


def _entry(plot: Plot, book: Series, opened: datetime, side: str, out: int, rng: Random) -> int:
    """The market's price where we have it; before, one that gives the plot's result."""
    if opened >= OPENING:
        return book.ticks_at(opened)[side == "long"]
    hours = (START - opened) // timedelta(hours=1)  # the longer ago, the further from today's price
    away = out * rng.randint(40, 60 + 5 * hours) // 10_000
    result = rng.choice(("loss", "profit")) if plot.result == "any" else plot.result
    if result == "flat":
        return out
    return out + away if (side == "long") == (result == "loss") else out - away


def _quantity(book: Series, ticks: int, rng: Random) -> Decimal:
    dollars = rng.choice(SIZES) * rng.randint(60, 160) // 100
    if MARGIN[book.symbol] == "inverse":
        return Decimal(dollars // int(FACE))
    step = STEP[book.symbol]
    return max(dollars / (book.price(ticks) * step) // 1, Decimal(1)) * step


def _armed(plot: Plot, opened: datetime, rng: Random) -> Span | None:
    """When a TP/SL was set, and when it was cancelled if it was."""
    if plot.tpsl in ("active", "cancelled"):
        return opened, moment((max(opened, START - timedelta(minutes=25)), START - timedelta(seconds=1)), rng)
    if plot.tpsl == "afterwards":
        set_at = moment((END + timedelta(minutes=1), END + timedelta(minutes=50)), rng)
        return set_at, set_at
    return None
