"""Best bids and asks come from a file; what is crossed is kept and counted."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from incidents.models import Quote
from tests.factories import instrument
from tests.incidents.files import counts, run

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def bitcoin(db):
    return instrument()


@pytest.fixture
def load(tmp_path):
    def load(text: str, *options: str):
        file = tmp_path / "quotes.csv"
        file.write_text(text)
        return run("import_quotes", file, *options)

    return load


def test_quotes_come_in_with_their_span_and_the_crossed_ones_counted(load):
    code, result = load(
        "ts,symbol,bid,ask\n"
        "2022-11-16T14:34:00.5Z,BTCUSDT,16571.00,16571.1\n"
        "2022-11-16T22:35:00+08:00,BTCUSDT,16571.2,16571.1\n"
        "2022-11-16T14:36:00Z,BTCUSDT,0,-1\n"
    )
    assert (code, result) == (
        0,
        {
            "rows": 3,
            "created": 3,
            "updated": 0,
            "unchanged": 0,
            "crossed": 2,
            "first": "2022-11-16T14:34:00.500000+00:00",
            "last": "2022-11-16T14:36:00+00:00",
            "rejected": 0,
            "errors": [],
        },
    )
    assert list(Quote.objects.values_list("at", "bid", "ask")) == [
        (datetime(2022, 11, 16, 14, 34, 0, 500_000, tzinfo=UTC), Decimal(16571), Decimal("16571.1")),
        (datetime(2022, 11, 16, 14, 35, tzinfo=UTC), Decimal("16571.2"), Decimal("16571.1")),
        (datetime(2022, 11, 16, 14, 36, tzinfo=UTC), Decimal(0), Decimal(-1)),
    ]


def test_the_same_file_twice_and_the_same_row_twice_add_nothing(load):
    row = "2022-11-16T14:34:00Z,BTCUSDT,16571,16571.1\n"
    text = "ts,symbol,bid,ask\n" + row + row.replace("16571,", "16571.0,") + row.replace("16571.1", "16571.2")
    assert counts(load(text)[1]) == (3, 2, 0, 1, 0)
    assert counts(load(text)[1]) == (3, 0, 0, 3, 0)
    assert Quote.objects.count() == 2


@pytest.mark.parametrize(
    ("unit", "number", "at"),
    [
        ("s", "1668607740", datetime(2022, 11, 16, 14, 9, tzinfo=UTC)),
        ("s", "1668607740.25", datetime(2022, 11, 16, 14, 9, 0, 250_000, tzinfo=UTC)),
        ("ms", "1668607740123", datetime(2022, 11, 16, 14, 9, 0, 123_000, tzinfo=UTC)),
        ("us", "1668607740123457", datetime(2022, 11, 16, 14, 9, 0, 123_457, tzinfo=UTC)),
        ("ns", "1668607740123457999", datetime(2022, 11, 16, 14, 9, 0, 123_457, tzinfo=UTC)),
    ],
)
def test_epoch_numbers_are_read_in_their_stated_unit_to_the_microsecond(load, unit, number, at):
    assert load(f"bid,ask,ts\n1,2,{number}\n", "--time-unit", unit, "--symbol", "BTCUSDT")[0] == 0
    assert Quote.objects.get().at == at


def test_an_epoch_in_another_unit_is_refused(load):
    _code, result = load("ts,symbol,bid,ask\n1668607740123,BTCUSDT,1,2\n", "--time-unit", "s")
    assert result["errors"] == [
        'line 2, column ts: "1668607740123" - expected an epoch number in s of the years 2001 to 2096; is the unit right?'
    ]


def test_an_epoch_without_its_unit_is_refused(load):
    _code, result = load("ts,symbol,bid,ask\n1668607740123,BTCUSDT,1,2\n")
    assert result["errors"] == [
        'line 2, column ts: "1668607740123" - expected an instant with its offset, such as 2022-11-16T14:09:00Z; '
        "epoch numbers need their unit stated"
    ]


def test_an_unknown_symbol_refuses_the_file(load):
    code, result = load("ts,symbol,bid,ask\n2022-11-16T14:34:00Z,BTCUSDT,1,2\n2022-11-16T14:34:00Z,ETHUSDT,1,2\n")
    assert (code, counts(result)) == (1, (2, 0, 0, 0, 1))
    assert (result["crossed"], result["first"], result["last"]) == (0, None, None)
    assert result["errors"] == [
        'line 3, column symbol: "ETHUSDT" - expected a known symbol; import its instrument first'
    ]


def test_unknown_columns_are_reported_and_left(load):
    _code, result = load("ts;update_id;symbol;bid;ask;Anmerkung\n2022-11-16T14:34:00Z;7;BTCUSDT;1;2;grün, naß\n")
    assert (result["created"], result["unknown_columns"]) == (1, ["update_id", "Anmerkung"])


def test_a_file_with_a_header_only_is_a_file_without_quotes(load):
    code, result = load("ts,symbol,bid,ask\n")
    assert (code, counts(result), result["first"]) == (0, (0, 0, 0, 0, 0), None)
