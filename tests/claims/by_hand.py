"""Cases a person can work out on paper: orders of the S1 outage, 14:09 to 15:30, under its policy or S2's.

An order is a long of 0.5 BTCUSDT, 16,950 in at 13:00, liquidated at 16,500 at 14:20, but for what is said. In the outage the
highest bid is 16,571.00 (at 14:34:10) and the lowest ask 16,411.10 (at 14:54:20): that order's improvement is 35.50.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from claims import terms
from tests.claims import oracle
from tests.claims.world import Case, leg
from tests.factories import NOW, at

S1, S2 = (terms.read(terms.PRESETS[name].read_text()) for name in ("s1-btcc", "s2-kvb"))
OUTAGE = [(at("14:09"), at("15:30"))]
IN_TOUCH = oracle.Claim(contacts=(at("15:00"),), evidence=())
MONEY = ("quantity", "entry", "exit", "take_profit", "stop_loss", "fee", "cover")


def market(*rows: tuple[str, str, str], abnormal=(), given=()) -> oracle.Market:
    """Quotes as (clock, bid, ask), abnormal ranges as (clock, clock)."""
    return oracle.Market(
        quotes=tuple(oracle.Quote(at(clock), Decimal(bid), Decimal(ask)) for clock, bid, ask in rows),
        abnormal=tuple((at(start), at(end)) for start, end in abnormal),
        given=tuple(given),
    )


def by_hand(clock: str, bid: str, ask: str, **facts) -> oracle.GivenPrice:
    return oracle.GivenPrice(at(clock), Decimal(bid), Decimal(ask), **facts)


THAT_DAY = market(("14:34:10", "16571", "16571.10"), ("14:54:20", "16411", "16411.10"))
NO_QUOTES = market()


def order(order_id: str, symbol: str = "BTCUSDT", **facts) -> oracle.Order:
    facts = {
        "side": "long",
        "quantity": "0.5",
        "entry": "16950",
        "opened": at("13:00"),
        "exit": "16500",
        "closed": at("14:20"),
        "reason": "liquidation",
    } | facts
    return leg(
        order_id, symbol, **facts | {name: facts[name] and Decimal(facts[name]) for name in MONEY if name in facts}
    )


def short(order_id: str, **facts) -> oracle.Order:
    """0.5 short from 16,450, liquidated at 16,600: improvement 0.5 × (16,600 − 16,411.10) = 94.45."""
    return order(order_id, **{"side": "short", "entry": "16450", "exit": "16600"} | facts)


def still_open(order_id: str, **facts) -> oracle.Order:
    return order(order_id, **{"exit": None, "closed": None, "reason": ""} | facts)


def by_user(order_id: str, clock: str, **facts) -> oracle.Order:
    return order(order_id, **{"reason": "user", "closed": at(clock)} | facts)


def policy(base: dict = S1, *, price=None, clause=None, **payment) -> dict:
    """A preset with other prices, payment, or what every include clause says."""
    clauses = [one | (clause or {}) if one["effect"] == "include" else one for one in base["clauses"]]
    return base | {"price": base["price"] | (price or {}), "payment": base["payment"] | payment, "clauses": clauses}


def case(
    *orders: oracle.Order | tuple[str, oracle.Order],
    under: dict = S1,
    asked: datetime = NOW,
    claims: dict[str, oracle.Claim] | None = None,
    **markets: oracle.Market,
) -> Case:
    """Carla's orders, but for those that stand with another's name; everybody was in touch at 15:00."""
    owned = [one if isinstance(one, tuple) else ("carla", one) for one in orders]
    return Case(
        policy=under,
        windows=OUTAGE,
        markets={"BTCUSDT": THAT_DAY, "ETHUSDT": THAT_DAY, "BTCUSD": THAT_DAY} | markets,
        claims={code: IN_TOUCH for code, _ in owned} | (claims or {}),
        orders=owned,
        asked=asked,
    )


def short_form(said: dict[str, tuple]) -> dict[str, str]:
    """'pay C1 35.50 restored 225.00 !netted' by order; the reference price is told apart by `prices`."""
    return {name.removesuffix("/1"): _short(*verdict) for name, verdict in said.items()}


def _short(outcome, clause, reasons, _holds, flags, _price, _named, _stored, _value, amount, restored, asset) -> str:
    places = {"USDT": 2, "BTC": 8}[asset]
    parts = [outcome, clause, *reasons]
    if outcome == "pay":
        parts.append(f"{amount:.{places}f}")
    if restored is not None:
        parts.append(f"restored {restored:.{places}f}")
    return " ".join(filter(None, [*parts, *(f"!{flag}" for flag in flags)]))


def prices(said: dict[str, tuple]) -> dict[str, tuple]:
    """By order: the reference price and its instant's clock, the value of a still-open order and its instant's clock."""
    return {
        name.removesuffix("/1"): (*_seen(row[5], row[6] and row[6][0]), *_seen(*(row[8] or (None, None))))
        for name, row in said.items()
    }


def _seen(price: Decimal | None, instant: datetime | None) -> tuple:
    return (f"{price.normalize():f}", f"{instant:%H:%M:%S}") if price is not None else ()
