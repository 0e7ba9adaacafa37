"""What customers trade comes from a file."""

from decimal import Decimal

import pytest

from incidents.models import Asset, Instrument
from tests.incidents.files import counts, run

pytestmark = pytest.mark.django_db
HEADER = "symbol,product,margin,base,quote,settle,contract_value,liquidation_fee_rate\n"
LINEAR = "BTCUSDT,standard,linear,BTC,USDT,USDT,1,0.005\n"
INVERSE = "BTCUSD,pro,inverse,BTC,USD,BTC,100,0.01\n"


@pytest.fixture
def load(tmp_path):
    def load(text: str):
        file = tmp_path / "instruments.csv"
        file.write_text(text)
        return run("import_instruments", file)

    return load


def test_two_instruments_and_their_assets_are_created_once(load):
    code, result = load(HEADER + LINEAR + INVERSE)
    assert (code, result) == (0, {"rows": 2, "created": 2, "updated": 0, "unchanged": 0, "rejected": 0, "errors": []})
    inverse = Instrument.objects.get(symbol="BTCUSD")
    assert (inverse.product, inverse.margin, inverse.settle_id) == ("pro", "inverse", "BTC")
    assert (inverse.contract_value, inverse.liquidation_fee_rate) == (Decimal(100), Decimal("0.01"))
    assert Asset.objects.get(code="BTC").decimals == 8
    assert Asset.objects.get(code="USDT").decimals == 2
    assert counts(load(HEADER + LINEAR + INVERSE)[1]) == (2, 0, 0, 2, 0)


def test_a_changed_rate_updates_one_and_leaves_the_other(load):
    load(HEADER + LINEAR + INVERSE)
    assert counts(load(HEADER + LINEAR.replace("0.005", "0.006") + INVERSE)[1]) == (2, 0, 1, 1, 0)
    assert Instrument.objects.get(symbol="BTCUSDT").liquidation_fee_rate == Decimal("0.006")


def test_a_file_without_a_column_leaves_what_is_stored(load):
    load(HEADER + LINEAR)
    assert counts(load("symbol,margin,base,quote,settle\nBTCUSDT,linear,BTC,USDT,USDT\n")[1]) == (1, 0, 0, 1, 0)
    assert Instrument.objects.get(symbol="BTCUSDT").liquidation_fee_rate == Decimal("0.005")


@pytest.mark.parametrize(
    ("row", "error"),
    [
        (
            "A,,linear,BTC,USDT,BTC,,",
            'column settle: "BTC" - expected the quote asset: a linear instrument settles in it',
        ),
        (
            "A,,inverse,BTC,USD,USD,1,",
            'column settle: "USD" - expected the base asset: an inverse instrument settles in it',
        ),
        ("A,,quanto,BTC,USD,USD,1,", 'column margin: "quanto" - expected one of: linear, inverse'),
        ("A,,linear,BTC,USDT,USDT,0,", 'column contract_value: "0" - expected more than 0'),
        (
            "A,,inverse,BTC,USD,BTC,,",
            'column contract_value: "" - expected what an inverse contract is worth in US dollars',
        ),
        (
            "A,,linear,BTC,USDT,USDT,1,1",
            'column liquidation_fee_rate: "1" - expected a share from 0 to below 1, such as 0.005',
        ),
        (
            "A,,linear,btc,USDT,USDT,1,",
            'column base: "btc" - expected an asset in capital letters and digits, such as USDT',
        ),
        (",,linear,BTC,USDT,USDT,1,", 'column symbol: "" - expected a value'),
    ],
)
def test_a_wrong_row_is_named_and_nothing_comes_in(load, row, error):
    code, result = load(HEADER + LINEAR + row + "\n")
    assert code == 1
    assert result["errors"] == [f"line 3, {error}"]
    assert counts(result) == (2, 0, 0, 0, 1)
    assert not Instrument.objects.exists()


def test_one_symbol_twice_is_an_error_that_names_both_lines(load):
    _code, result = load(HEADER + LINEAR + INVERSE + LINEAR)
    assert result["errors"] == [
        'line 4, column symbol: "BTCUSDT" - expected each symbol once in a file; line 2 has it already'
    ]
