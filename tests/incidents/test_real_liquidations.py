"""Ten real minutes of August 2024, 66,089 linear and 48,355 inverse ticks: the replay by stretches against every tick."""

import csv
import gzip
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from incidents import account_file, models, replays
from incidents.liquidation import Quote
from tests import factories as make
from tests.incidents.accounts import replay

pytestmark = [pytest.mark.shared, pytest.mark.django_db]

LINEAR = ("BTCUSDT", "usdm_btcusdt_bbo.csv.gz", "linear", "1")
INVERSE = ("BTCUSD_PERP", "coinm_btcusd_perp_bbo.csv.gz", "inverse", "100")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture
def ticks(shared):
    """Load a file's ticks by the exchange's own time; a tick that only changed sizes is stored once an instant."""

    def load(symbol: str, file: str, margin: str, contract_value: str) -> list[Quote]:
        instrument = make.instrument(symbol, margin=margin, contract_value=contract_value)
        with gzip.open(shared / "data" / "bbo_ticks_crypto" / file, "rt") as source:
            rows = [
                (EPOCH + timedelta(milliseconds=int(row["transact_ms"])), Decimal(row["bid"]), Decimal(row["ask"]))
                for row in csv.DictReader(source)
            ]
        stored = [models.Quote(instrument=instrument, at=at, bid=bid, ask=ask) for at, bid, ask in dict.fromkeys(rows)]
        models.Quote.objects.bulk_create(stored, batch_size=5000)
        kept = models.Quote.objects.filter(instrument=instrument).order_by("at", "id")
        return [Quote(at, symbol, bid, ask) for at, bid, ask in kept.values_list("at", "bid", "ask")]

    return load


def document(asset: str, wallet: str, *positions: tuple[str, str, str, str, str]) -> dict:
    """An account over all of the ten minutes; a position: symbol, side, quantity, entry price, used margin."""
    keys = ("symbol", "side", "quantity", "entry_price", "used_margin")
    rows = "\n".join(
        "[[positions]]\n" + "\n".join(f'{key} = "{value}"' for key, value in zip(keys, position, strict=True))
        for position in positions
    )
    head = f'account = "A1"\nasset = "{asset}"\nwallet = "{wallet}"\n'
    return account_file.read(f"{head}from = 2024-08-08T23:50:00Z\nto = 2024-08-09T00:10:00Z\n{rows}\n")


def test_a_long_goes_with_the_first_bid_below_its_price(ticks):
    quotes = ticks(*LINEAR)
    # The ratio in force is 30 %: 61800 − (400.05 − 0.3 · 1000) / 1 = 61699.95
    found = replays.explain(document("USDT", "400.05", ("BTCUSDT", "long", "1", "61800", "1000")))
    first = next(quote for quote in quotes if quote.bid < Decimal("61699.95"))
    [closing] = found.closings
    assert (closing.at, closing.price, closing.limit) == (first.at, first.bid, Decimal("61699.95"))
    assert found.quotes == len(quotes)


def test_an_inverse_short_goes_with_the_first_ask_above_its_price(ticks):
    quotes = ticks(*INVERSE)
    found = replays.explain(document("BTC", "0.00302", ("BTCUSD_PERP", "short", "600", "61600", "0.0100")))
    limit = 1 / (1 / Decimal(61600) - Decimal("0.00002") / 60000)
    first = next(quote for quote in quotes if quote.ask > limit)
    [closing] = found.closings
    assert (closing.at, closing.price) == (first.at, first.ask)
    assert abs(closing.limit - limit) < Decimal("1e-9")


def test_a_hedged_account_ends_as_if_every_tick_had_been_looked_at(ticks):
    quotes, closed = ticks(*LINEAR), []
    hedged = (
        ("BTCUSDT", "long", "1", "61800", "1200"),
        ("BTCUSDT", "short", "0.8", "61750", "900"),
        ("BTCUSDT", "long", "0.1", "61700", "100"),
    )
    for wallet in ("690", "760", "800"):
        found = replays.explain(document("USDT", wallet, *hedged))
        plain = replay(found.account, quotes)
        assert found.run.liquidations == plain.liquidations
        assert (found.run.wallet, found.run.equity) == (plain.wallet, plain.equity)
        closed.append(len(plain.liquidations))
    assert closed == [1, 1, 0]
