"""The demo's markets: made-up prices through the public figures of 16 November 2022.

Inside the outage BTCUSDT's highest bid is 16571.00 (14:34) and its lowest ask 16411.10 (14:54). Outside there are better
ones on both sides, so that a wrong window gives a wrong answer. Prices are counted in whole ticks; there is no float in them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random


def at(clock: str, day: int = 16) -> datetime:
    """'15:30', '15:30:00' or '15:30:00.001' UTC on a day of November 2022."""
    return datetime.fromisoformat(f"2022-11-{day:02}T{clock if clock.count(':') == 2 else clock + ':00'}+00:00")


START, END = at("14:09"), at("15:30")
OPENING, DENSE_UNTIL, CLOSING = at("13:40"), at("16:40"), at("17:00", 17)

INSTRUMENTS = [
    {
        "symbol": symbol,
        "product": "standard",
        "margin": margin,
        "base": symbol[:3] if symbol[:4] != "DOGE" else "DOGE",
        "quote": quote,
        "settle": settle,
        "contract_value": contract_value,
        "liquidation_fee_rate": "0.005",
    }
    for symbol, margin, quote, settle, contract_value in (
        ("BTCUSDT", "linear", "USDT", "USDT", "1"),
        ("ETHUSDT", "linear", "USDT", "USDT", "1"),
        ("SOLUSDT", "linear", "USDT", "USDT", "1"),
        ("DOGEUSDT", "linear", "USDT", "USDT", "1"),
        ("BTCUSD", "inverse", "USD", "BTC", "100"),
    )
]

# Bitcoin's way through those days: instants and bids, in ticks of 0.1.
WAY = [
    (OPENING, 166_050),
    (at("13:47"), 166_420),
    (at("13:55"), 165_300),
    (at("14:00"), 165_200),
    (at("14:07"), 163_981),  # lower than anything inside the outage
    (at("14:08"), 164_520),
    (at("14:20"), 164_930),
    (at("14:27"), 165_180),
    (at("14:34:22.400"), 165_710),  # the highest bid of the outage
    (at("14:41"), 165_220),
    (at("14:47"), 164_850),
    (at("14:54:41.750"), 164_110),  # the lowest ask of the outage, 0.1 above
    (at("15:01"), 164_720),
    (at("15:12"), 165_130),
    (at("15:30"), 164_790),
    (at("15:39"), 165_480),
    (at("15:48"), 163_572),  # lower again
    (at("16:05"), 164_280),
    (at("16:40"), 164_460),
    (at("20:00"), 166_180),  # and higher
    (at("23:50"), 166_710),
    (at("06:00", 17), 165_440),
    (at("12:00", 17), 164_020),
    (at("15:30", 17), 165_960),
    (CLOSING, 166_230),
]
TURNS = {WAY[8][0], WAY[11][0]}  # where the quote is exact
CALM_FROM = at("14:07:40")  # a quote may be carried into the outage for 60 s
CALM = range(164_150, 165_680)  # where bids stay from then to the end of the outage, the two turns apart

# How the others follow: tick, level in ticks when Bitcoin bids 16,500.0, their move per 1,000 ticks of it, widest spread.
FOLLOWERS = {
    "BTCUSDT": (Decimal("0.1"), 165_000, 1_000, 4),
    "ETHUSDT": (Decimal("0.01"), 121_000, 1_050, 6),
    "SOLUSDT": (Decimal("0.001"), 14_200, 160, 5),
    "DOGEUSDT": (Decimal("0.00001"), 8_650, 90, 3),
    "BTCUSD": (Decimal("0.5"), 32_990, 200, 2),
}

# DOGEUSDT's feed was down: no usable quote from before the outage to after it.
SILENT = {"DOGEUSDT": (at("14:05"), at("15:41"))}

# What an engine in trouble sends: crossed and empty books. They price nothing; they are kept and counted.
UNUSABLE = [
    ("BTCUSDT", "14:09:31", "0", "0"),
    ("BTCUSDT", "14:11:02", "16700.0", "16390.0"),
    ("BTCUSDT", "14:40:03", "17000.0", "16000.0"),
    ("BTCUSDT", "14:40:04", "16999.9", "16000.1"),
    ("BTCUSDT", "15:05:17", "16520.3", "0"),
    ("BTCUSD", "14:40:03", "17000.0", "16000.0"),
    ("ETHUSDT", "14:12:44", "1260.00", "1190.00"),
    ("ETHUSDT", "14:52:08", "0", "1211.40"),
    ("SOLUSDT", "15:16:55", "15.100", "13.900"),
    ("DOGEUSDT", "14:09:10", "0", "0"),
    ("DOGEUSDT", "14:31:10", "0.08700", "0.08500"),
    ("DOGEUSDT", "14:58:42", "0", "0"),
    ("DOGEUSDT", "15:22:05", "0.09100", "0"),
]


@dataclass
class Series:
    """One instrument's book, quote by quote, in ticks."""

    symbol: str
    tick: Decimal
    instants: list[datetime] = field(default_factory=list)
    books: list[tuple[int, int]] = field(default_factory=list)

    def ticks_at(self, instant: datetime) -> tuple[int, int]:
        """Bid and ask in force, in ticks."""
        return self.books[max(bisect_right(self.instants, instant) - 1, 0)]

    def price(self, ticks: int) -> Decimal:
        return ticks * self.tick


def market(symbol: str, rng: Random) -> Series:
    """The book from the opening to the closing: every few seconds until 16:40, then twice a minute."""
    tick, level, beta, widest = FOLLOWERS[symbol]
    series, noise = Series(symbol, tick), 0
    for instant in _instants(rng):
        noise = noise * 3 // 4 + rng.randint(-38, 38)
        bitcoin = _bitcoin(instant, noise)
        bid = level + (bitcoin - 165_000) * beta // 1_000
        series.instants.append(instant)
        series.books.append((bid, bid + (1 if instant in TURNS else rng.randint(1, widest))))
    return series


def _instants(rng: Random) -> list[datetime]:
    instants, instant = set(TURNS), OPENING
    while instant < CLOSING:
        instants.add(instant)
        fastest, slowest = (3_000, 7_000) if instant < DENSE_UNTIL else (20_000, 40_000)
        instant += timedelta(milliseconds=rng.randint(fastest, slowest))
    return sorted(instants)


def _bitcoin(instant: datetime, noise: int) -> int:
    """Bitcoin's bid in ticks: the way, with some noise, never past the two turns while the outage looks on."""
    stage = min(bisect_right(WAY, instant, key=lambda stop: stop[0]), len(WAY) - 1)
    (begin, first), (end, last) = WAY[stage - 1], WAY[stage]
    bid = first + (last - first) * _ms(instant - begin) // _ms(end - begin)
    if instant in TURNS:
        return bid
    if CALM_FROM <= instant <= END:
        return min(max(bid + noise, CALM.start), CALM.stop)
    return bid + noise


def _ms(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)


def markets(seed: int) -> dict[str, Series]:
    """Every instrument's market."""
    return {symbol: market(symbol, Random(f"{seed} {symbol}")) for symbol in FOLLOWERS}  # noqa: S311 plausible, not secret


def rows(series: dict[str, Series]) -> Iterator[dict[str, str]]:
    """The quotes file in order of time, with what an engine in trouble sends and without what it lost."""
    found = [(at(clock), symbol, bid, ask) for symbol, clock, bid, ask in UNUSABLE]
    for book in series.values():
        begin, end = SILENT.get(book.symbol, (CLOSING, CLOSING))
        for instant, ticks in zip(book.instants, book.books, strict=True):
            if not begin <= instant <= end:
                bid, ask = (str(book.price(side)) for side in ticks)
                found.append((instant, book.symbol, bid, ask))
    for instant, symbol, bid, ask in sorted(found):
        yield {"ts": text(instant), "symbol": symbol, "bid": bid, "ask": ask}


def text(instant: datetime) -> str:
    """As the files write it: 2022-11-16T14:34:22.400Z."""
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
