"""How the positions of the demo go: every outcome of the rules has its plot."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from claims.demo.quotes import END, START, at

Span = tuple[datetime, datetime]

EARLIER = (at("08:00", 14), at("13:30"))
HOUR, DAY = timedelta(hours=1), timedelta(hours=24)
MOMENT = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Plot:
    """How a position goes. `closed` is None for one that is still open; `result` is the price PnL's sign."""

    closed: Span | None
    result: str = "loss"
    reasons: tuple[str, ...] = ("user",)
    opened: Span = EARLIER
    tpsl: str = ""  # active, cancelled (before the outage), unknown (no times), afterwards (set after recovery)
    cover: str = "0"  # bankruptcy cover already paid, as a share of the position's worth
    symbol: str = ""  # any
    side: str = ""  # any


LIQUIDATED = Plot((START, END), reasons=("liquidation",))
RECOVERED = Plot((END, END + HOUR), reasons=("user", "user", "user", "liquidation"))
LATE = Plot((END + HOUR + MOMENT, END + DAY), reasons=("user", "user", "user", "liquidation"))
BEFORE = Plot((at("13:42"), START - MOMENT), reasons=("user", "user", "liquidation"))
INSIDE = (START + timedelta(minutes=2), at("15:18"))

PLOTS = {
    "liquidated": LIQUIDATED,
    "covered": replace(LIQUIDATED, cover="0.0004"),
    "covered whole": replace(LIQUIDATED, cover="0.03"),
    "opened inside, liquidated": replace(LIQUIDATED, opened=INSIDE),
    "recovered": RECOVERED,
    "opened inside": replace(RECOVERED, opened=INSIDE),
    "tpsl cancelled": replace(RECOVERED, tpsl="cancelled"),
    "tpsl unknown": replace(RECOVERED, tpsl="unknown"),
    "tpsl afterwards": replace(LATE, tpsl="afterwards", reasons=("user", "stop_loss")),
    "late": LATE,
    "by hand": Plot((START + MOMENT, END - MOMENT)),
    "flat": Plot((END, END + HOUR), "flat"),
    "profit": Plot((START, END + DAY), "profit"),
    "tpsl": Plot((START, END + DAY), reasons=("stop_loss", "stop_loss", "user"), tpsl="active"),
    "tpsl profit": Plot((START, END + DAY), "profit", ("take_profit",), tpsl="active"),
    "before": BEFORE,
    "before profit": replace(BEFORE, result="profit", reasons=("user",)),
    "before tpsl": replace(BEFORE, result="profit", reasons=("take_profit",), tpsl="active"),
    "after": Plot((END + HOUR, END + DAY), opened=(END + MOMENT, END + 20 * HOUR)),
    "open": Plot(None),
    "too late": Plot((END + DAY + MOMENT, at("16:50", 17)), reasons=("user", "liquidation")),
    "doge": replace(RECOVERED, symbol="DOGEUSDT"),
    "doge liquidated": replace(LIQUIDATED, symbol="DOGEUSDT"),
    "sol": Plot((at("13:10", 17), at("16:30", 17)), "any", ("user", "liquidation"), symbol="SOLUSDT"),
    "sol open": Plot(None, symbol="SOLUSDT"),
}

# What is told of everybody, with its weight: mostly nothing that a policy pays.
DAILY = {
    "before": 24, "before profit": 14, "before tpsl": 6, "profit": 22, "tpsl": 10, "tpsl profit": 6, "open": 6, "too late": 3,
    "after": 8, "flat": 1,
}  # fmt: skip
# What makes the case.
TELLING = {
    "liquidated": ("liquidated", "liquidated", "liquidated", "covered", "opened inside, liquidated", "covered whole"),
    "recovered": ("recovered", "recovered", "recovered", "opened inside", "tpsl cancelled", "tpsl unknown"),
    "late": ("late", "late", "late", "late", "tpsl afterwards"),
    "mixed": ("liquidated", "recovered", "late", "by hand", "tpsl unknown", "tpsl afterwards", "covered"),
    "settled": ("tpsl", "profit", "open", "too late"),
    "by_hand": ("by hand",),
    "late_contact": ("liquidated", "recovered", "late"),
    "doge": ("doge", "doge liquidated"),
    "sol": ("sol", "sol open", "sol"),
    "forgotten": ("liquidated", "recovered"),
    "silent": ("liquidated", "recovered", "late", "by hand"),
}
SYMBOLS = ("BTCUSDT",) * 6 + ("ETHUSDT",) * 2 + ("SOLUSDT", "BTCUSD")


def _sharp(plot: Plot, closed: str, day: int = 16, **changes) -> Plot:
    return replace(plot, closed=(at(closed, day), at(closed, day)), symbol="BTCUSDT", **changes)


BY_HAND = ("user",)
# Orders on the very seconds of the notice, and two positions closed in two legs, one list a customer.
EDGES: tuple[tuple[tuple[Plot, ...], ...], ...] = (
    ((_sharp(LIQUIDATED, "14:08:59.999"),), (_sharp(LIQUIDATED, "14:09"),), (_sharp(LIQUIDATED, "14:09:00.001"),)),
    ((_sharp(LIQUIDATED, "15:30"),), (_sharp(RECOVERED, "15:30", reasons=BY_HAND),)),
    ((_sharp(RECOVERED, "16:30", reasons=BY_HAND),), (_sharp(LATE, "16:30:00.001", reasons=BY_HAND),)),
    ((_sharp(LATE, "15:30", 17, reasons=BY_HAND),), (_sharp(LATE, "15:30:00.001", 17, reasons=BY_HAND),)),
    (
        (_sharp(RECOVERED, "16:00", opened=(END, END), reasons=BY_HAND),),
        (_sharp(RECOVERED, "16:00", opened=(END + MOMENT, END + MOMENT), reasons=BY_HAND),),
    ),
    (
        (_sharp(LIQUIDATED, "14:55", side="long"), _sharp(RECOVERED, "15:44", side="long", reasons=BY_HAND)),
        (_sharp(LIQUIDATED, "14:30", side="short"), _sharp(LATE, "19:30", side="short", reasons=BY_HAND)),
    ),
    (
        (replace(LIQUIDATED, symbol="BTCUSD", side="long"),),
        (replace(RECOVERED, symbol="BTCUSD", side="short", reasons=BY_HAND),),
        (replace(LIQUIDATED, symbol="BTCUSD", side="short", cover="0.0005"),),
    ),
    ((_sharp(LIQUIDATED, "15:12", opened=(at("14:34:23"), at("14:34:23")), side="long"),), (PLOTS["flat"],)),
)
