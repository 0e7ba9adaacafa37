"""Quotes as the exchanges publish them."""

import csv
import gzip
import zipfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from incidents.models import Asset, ImportedFile, Instrument, Quote
from tests.factories import instrument
from tests.incidents.files import counts, run

pytestmark = pytest.mark.django_db
HEADER = "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,event_time\n"
BOOK = (
    "5123107839020,16571.00,2.507,16571.10,2.510,1668607740123,1668607740129\n"
    "5123107840008,16571.20,2.507,16571.10,2.504,1668607741000,1668607741004\n"
)
BITMEX = (
    "timestamp,symbol,bidSize,bidPrice,askPrice,askSize\n"
    "2022-11-16D14:09:00.123456789,XBTUSD,4300,16571,16571.5,100\n"
    "2022-11-16D14:09:00.500000000,ETHUSD,10,1200.05,1200.1,10\n"
    "2022-11-16D14:09:01.000000000,XBTUSD,0,,16571.5,100\n"
)


@pytest.fixture(autouse=True)
def instruments(db):
    instrument("BTCUSDT")
    instrument("XBTUSD", margin="inverse", contract_value="1")


@pytest.fixture
def load(tmp_path):
    def load(content: str | bytes, *options: str):
        file = tmp_path / "quotes"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return run("import_quotes", file, *options)

    return load


def stored() -> list[tuple]:
    return list(Quote.objects.order_by("at").values_list("instrument__symbol", "at", "bid", "ask"))


FIRST = ("BTCUSDT", datetime(2022, 11, 16, 14, 9, 0, 123_000, tzinfo=UTC), Decimal(16571), Decimal("16571.1"))
SECOND = ("BTCUSDT", datetime(2022, 11, 16, 14, 9, 1, tzinfo=UTC), Decimal("16571.2"), Decimal("16571.1"))


@pytest.mark.parametrize("header", [HEADER, ""], ids=["header", "no header"])
def test_a_bookticker_archive_is_read_by_transaction_time_with_a_header_and_without(load, header):
    code, result = load(header + BOOK, "--preset", "binance-bookticker", "--symbol", "BTCUSDT")
    assert (code, counts(result), result["crossed"]) == (0, (2, 2, 0, 0, 0), 1)
    assert "unknown_columns" not in result
    assert stored() == [FIRST, SECOND]


def test_a_bookticker_archive_needs_its_symbol(load):
    code, result = load(HEADER + BOOK, "--preset", "binance-bookticker")
    assert (code, result["errors"]) == (1, ["the rows of this file name no symbol: state it (--symbol BTCUSDT)"])


def test_errors_of_a_bookticker_archive_name_its_own_columns(load):
    row = "7,16571,1,16571.10,1,1668607740,1668607740129\n"
    _code, result = load(BOOK + row, "--preset", "binance-bookticker", "--symbol", "BTCUSDT")
    assert result["errors"] == [
        'line 3, column transaction_time: "1668607740" - expected an epoch number in ms of the years 2001 to 2096; '
        "is the unit right?"
    ]
    _code, result = load("best_bid_price,x\n1,2\n", "--preset", "binance-bookticker", "--symbol", "BTCUSDT")
    assert result["errors"] == [
        "line 1: column transaction_time is missing - expected columns: transaction_time, best_bid_price, best_ask_price",
        "line 1: column best_ask_price is missing - expected columns: transaction_time, best_bid_price, best_ask_price",
    ]


def test_a_zipped_archive_is_read_and_kept_by_the_hash_of_the_zip(load, tmp_path):
    with zipfile.ZipFile(tmp_path / "book.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("BTCUSDT-bookTicker-2022-11-16.csv", HEADER + BOOK)
    options = ("--preset", "binance-bookticker", "--symbol", "BTCUSDT")
    content = (tmp_path / "book.zip").read_bytes()
    assert counts(load(content, *options)[1]) == (2, 2, 0, 0, 0)
    assert counts(load(content, *options)[1]) == (2, 0, 0, 2, 0)
    assert ImportedFile.objects.count() == 1


def test_bitmex_quotes_are_read_to_the_microsecond_in_utc(load):
    instrument("ETHUSD", margin="inverse")
    code, result = load(gzip.compress(BITMEX.encode()), "--preset", "bitmex-quote")
    assert (code, counts(result), result["crossed"]) == (0, (3, 3, 0, 0, 0), 0)
    assert stored()[0] == (
        "XBTUSD",
        datetime(2022, 11, 16, 14, 9, 0, 123_456, tzinfo=UTC),
        Decimal(16571),
        Decimal("16571.5"),
    )


def test_a_side_on_which_nobody_quotes_is_kept_as_zero_and_prices_nothing(load):
    load(BITMEX, "--preset", "bitmex-quote", "--symbol", "XBTUSD")
    assert [(bid, ask) for _symbol, _at, bid, ask in stored()] == [(16571, Decimal("16571.5")), (0, Decimal("16571.5"))]
    assert Quote.objects.usable().count() == 1


def test_of_bitmex_quotes_the_stated_symbol_is_taken_and_the_others_are_counted(load):
    code, result = load(BITMEX, "--preset", "bitmex-quote", "--symbol", "XBTUSD")
    assert (code, counts(result), result["skipped"]) == (0, (2, 2, 0, 0, 0), 1)
    assert {symbol for symbol, *_quote in stored()} == {"XBTUSD"}


def test_without_it_an_unknown_symbol_refuses_the_file(load):
    code, result = load(BITMEX, "--preset", "bitmex-quote")
    assert (code, result["errors"]) == (
        1,
        ['line 3, column symbol: "ETHUSD" - expected a known symbol; import its instrument first'],
    )


@pytest.mark.parametrize("cell", ["2022-11-16T14:09:00Z", "2022-02-30D00:00:00.000", "2022-11-16D14:09", "1668607740"])
def test_an_instant_that_bitmex_would_not_write_is_named(load, cell):
    _code, result = load(BITMEX.replace("2022-11-16D14:09:01.000000000", cell), "--preset", "bitmex-quote")
    wanted = (
        "a day and a time that exist" if "02-30" in cell else "an instant such as 2022-11-16D14:09:00.123456789 (UTC)"
    )
    assert f'line 4, column timestamp: "{cell}" - expected {wanted}' in result["errors"]


# --- real ones


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "symbol", "rows"),
    [("usdm_btcusdt_bbo", "BTCUSDT", 66_089), ("coinm_btcusd_perp_bbo", "BTCUSD_PERP", 48_355)],
)
def test_a_recorded_book_in_the_archive_s_form_comes_in_whole(shared, load, name, symbol, rows):
    """Rows that say the same in the same millisecond are one quote."""
    instrument("BTCUSD_PERP", margin="inverse", contract_value="100")
    columns = ("update_id", "bid", "bid_qty", "ask", "ask_qty", "transact_ms", "event_ms")
    with gzip.open(shared / f"data/bbo_ticks_crypto/{name}.csv.gz", "rt", newline="") as file:
        recorded = [[row[column] for column in columns] for row in csv.DictReader(file)]
    text = HEADER + "".join(",".join(row) + "\n" for row in recorded)
    distinct = {(row[5], Decimal(row[1]), Decimal(row[3])) for row in recorded}
    _code, result = load(text, "--preset", "binance-bookticker", "--symbol", symbol)
    assert counts(result) == (rows, len(distinct), 0, rows - len(distinct), 0)
    assert (result["crossed"], result["errors"]) == (0, [])
    first, last = (datetime.fromtimestamp(int(pick(r[5] for r in recorded)) / 1000, UTC) for pick in (min, max))
    assert (datetime.fromisoformat(result["first"]), datetime.fromisoformat(result["last"])) == (first, last)


@pytest.mark.shared
def test_18_285_crossed_quotes_of_fxcm_are_kept_counted_and_price_nothing(shared, load):
    """Milliseconds since midnight of a clock at UTC-5 (as the file's source says), without a header."""
    for code in ("EUR", "USD"):
        Asset.objects.get_or_create(code=code)
    Instrument.objects.create(symbol="EURUSD", margin="linear", base_id="EUR", quote_id="USD", settle_id="USD")
    midnight = datetime(2014, 5, 8, 5, tzinfo=UTC)
    lines, ticks = ["ts,symbol,bid,ask"], []
    with zipfile.ZipFile(shared / "data/bbo_ticks_fx_metals/fxcm_tick_eurusd_20140508_quote.zip") as archive:
        for line in archive.read("20140508_eurusd_tick_quote.csv").decode().splitlines():
            since, bid, ask = line.split(",")
            at = midnight + timedelta(milliseconds=float(since))
            ticks.append((at, Decimal(bid), Decimal(ask)))
            lines.append(f"{at.isoformat()},EURUSD,{bid},{ask}")
    _code, result = load(gzip.compress("\n".join(lines).encode()))
    assert (result["rows"], result["crossed"], result["rejected"]) == (167_466, 18_285, 0)
    assert (result["first"], result["last"]) == (ticks[0][0].isoformat(), ticks[-1][0].isoformat())
    sound = {tick for tick in ticks if tick[1] <= tick[2]}
    assert set(Quote.objects.usable().values_list("at", "bid", "ask")) == sound
    assert Quote.objects.unsound().count() == len({tick for tick in ticks if tick[1] > tick[2]})
    assert max(tick[1] for tick in sound) == Quote.objects.usable().order_by("-bid").values_list("bid", flat=True)[0]
