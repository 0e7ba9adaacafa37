"""`replay_liquidation` and what it reads: stored quotes, dated ratios, abnormal ranges, a file with errors."""

from io import StringIO

import pytest
from django.core.management import call_command

from incidents import account_file, replays
from incidents.models import AbnormalRange, LiquidationRatio, Quote
from tests import factories as make
from tests.console import portal
from tests.factories import NOW, at

pytestmark = pytest.mark.django_db

HEAD = """account = "A1"
asset = "USDT"
wallet = "394.50"
ratio = "0.40"
from = 2022-11-16T14:09:00Z
to = 2022-11-16T15:30:00Z
"""
POSITION = """
[[positions]]
symbol = "BTCUSDT"
side = "long"
quantity = "0.5"
entry_price = "16950"
used_margin = "423.75"
"""
CARLAS = HEAD + POSITION


@pytest.fixture(autouse=True)
def instruments():
    make.instrument("BTCUSDT")
    make.instrument("ETHUSDT")
    make.instrument("BTCUSD", margin="inverse", contract_value="100")


@pytest.fixture
def replayed(tmp_path):
    def run(text: str) -> tuple[int, dict]:
        file = tmp_path / "account.toml"
        file.write_text(text)
        return portal("replay_liquidation", file)

    return run


def test_carlas_long_is_closed_by_the_first_bid_below_16500(replayed):
    make.quotes(
        "BTCUSDT",
        ("14:08", "16400", "16401"),
        ("14:09", "16500", "16500.10"),
        ("14:20:00.001", "16499", "16503"),
        ("14:30", "16300", "16301"),
    )
    code, result = replayed(CARLAS)
    assert code == 0
    assert result == {
        "account": "A1",
        "asset": "USDT",
        "ratio": "0.4",
        "open_orders_cancelled": 0,
        "liquidations": [
            {
                "number": 1,
                "at": "2022-11-16T14:20:00.001000+00:00",
                "symbol": "BTCUSDT",
                "side": "long",
                "quantity": "0.5",
                "price": "16499",
                "quoted_at": "2022-11-16T14:20:00.001000+00:00",
                "bid": "16499",
                "ask": "16503",
                "mid": "16501",
                "liquidation_price": "16500",
                "realized_pnl": "-225.5",
                "equity_before": "169",
                "used_margin": "423.75",
                "required_margin": "169.5",
                "equity_at_mid": "170",
            }
        ],
        "equity": "169.00",
        "cover": "0.00",
        "limits": [{"symbol": "BTCUSDT", "side": "long", "liquidation_price": "16500", "bankruptcy_price": "16161"}],
        "still_open": [],
        "unquoted": [],
        "quotes": 3,
        "left_out": 0,
    }


def test_an_account_that_was_never_below_its_margin_stays_whole(replayed):
    make.quotes("BTCUSDT", ("14:09", "16500", "16500.10"), ("15:30:00.001", "16000", "16001"))
    code, result = replayed(CARLAS)
    assert (code, result["liquidations"], result["equity"], result["cover"]) == (0, [], "169.50", "0.00")
    assert result["still_open"] == ["long 0.5 BTCUSDT"]


def test_the_last_instant_belongs_to_the_time_that_is_looked_at(replayed):
    make.quotes("BTCUSDT", ("15:30", "16000", "16001"))
    _code, result = replayed(CARLAS)
    assert [each["at"] for each in result["liquidations"]] == ["2022-11-16T15:30:00+00:00"]
    assert (result["equity"], result["cover"]) == ("-80.50", "80.50")


@pytest.mark.parametrize(
    ("day", "ratio"),
    [("2022-11-16", "0.2"), ("2023-11-02", "0.2"), ("2023-11-03", "0.3"), ("2024-12-31", "0.3"), ("2025-01-01", "0.4")],
)
def test_without_a_ratio_the_one_in_force_then_counts(replayed, day, ratio):
    text = CARLAS.replace('ratio = "0.40"\n', "").replace("2022-11-16", day)
    assert replayed(text)[1]["ratio"] == ratio


def test_a_new_ratio_counts_from_its_instant_on(replayed):
    LiquidationRatio.objects.create(effective_at=at("14:09"), ratio="0.25", source="a notice")
    assert replayed(CARLAS.replace('ratio = "0.40"\n', ""))[1]["ratio"] == "0.25"


def test_before_the_first_known_ratio_the_file_must_say_one(replayed):
    code, result = replayed(CARLAS.replace('ratio = "0.40"\n', "").replace("2022-11-16", "2016-11-16"))
    assert code == 1
    assert result["errors"] == [
        "ratio is missing, and none was in force at 2016-11-16T14:09:00+00:00; write one, such as 0.40"
    ]


def test_unusable_and_abnormal_quotes_trigger_nothing_and_are_counted(replayed):
    make.quotes(
        "BTCUSDT",
        ("14:10", "16400", "16399"),
        ("14:11", "0", "16399"),
        ("14:12", "16000", "16001"),
        ("14:13", "16600", "16601"),
    )
    AbnormalRange.objects.create(
        instrument=make.instrument(), starts_at=at("14:12"), ends_at=at("14:12"), reason="a spike", marked_at=NOW
    )
    _code, result = replayed(CARLAS)
    assert (result["liquidations"], result["quotes"], result["left_out"]) == ([], 1, 3)


def test_of_one_instant_the_quotes_count_in_the_order_of_their_file(replayed):
    make.quotes("BTCUSDT", ("14:20", "16400", "16401"), ("14:20", "16300", "16301"))
    _code, result = replayed(CARLAS)
    assert [each["price"] for each in result["liquidations"]] == ["16400"]


def test_an_inverse_position_counts_its_contracts_in_the_coin(replayed):
    make.quotes("BTCUSD", ("14:10", "16442", "16443"), ("14:11", "16441", "16442"))
    _code, result = replayed(
        HEAD.replace("USDT", "BTC").replace("394.50", "0.0270")
        + POSITION.replace("BTCUSDT", "BTCUSD")
        .replace("0.5", "85")
        .replace("16950", "17000")
        .replace("423.75", "0.025")
    )
    assert [(each["at"][11:19], each["price"]) for each in result["liquidations"]] == [("14:11:00", "16441")]
    assert (result["equity"], result["cover"]) == ("0.00999982", "0.00000000")
    assert result["limits"][0]["liquidation_price"] == "16441.00580270793"


def test_positions_in_two_symbols_go_in_the_order_of_their_losses(replayed):
    make.quotes("BTCUSDT", ("13:00", "16950", "16951"), ("14:15", "16600", "16601"))
    make.quotes("ETHUSDT", ("13:00", "1200", "1201"), ("14:20", "1000", "1001"))
    ether = (
        POSITION.replace("BTCUSDT", "ETHUSDT").replace("16950", "1200").replace('"0.5"', '"1"').replace("423.75", "60")
    )
    _code, result = replayed(HEAD + "open_orders = 2\n" + POSITION + ether)
    # 394.50 − 175 − 200 = 19.50 < 0.4 · 483.75; without ETH 19.50 < 169.50
    assert [(each["symbol"], each["price"], each["quoted_at"][11:16]) for each in result["liquidations"]] == [
        ("ETHUSDT", "1000", "14:20"),
        ("BTCUSDT", "16600", "14:15"),
    ]
    assert (result["equity"], result["open_orders_cancelled"]) == ("19.50", 2)


def test_a_position_in_another_asset_is_refused(replayed):
    code, result = replayed(CARLAS + POSITION.replace("BTCUSDT", "BTCUSD"))
    assert code == 1
    assert result == {
        "liquidations": [],
        "equity": None,
        "cover": None,
        "errors": [
            "positions[2].symbol is BTCUSD, which settles in BTC; all positions of one account settle in its asset, USDT"
        ],
    }


def test_an_unknown_instrument_is_named(replayed):
    code, result = replayed(CARLAS.replace("BTCUSDT", "NOPE"))
    assert (code, result["errors"]) == (
        1,
        ["positions[1].symbol is 'NOPE'; there is no such instrument: import it first"],
    )


def test_what_only_the_database_knows_is_told_together_with_the_rest(replayed):
    other = (
        POSITION.replace("BTCUSDT", "BTCUSD") + POSITION.replace("BTCUSDT", "NOPE") + POSITION.replace('"BTCUSDT"', "7")
    )
    _code, result = replayed(CARLAS.replace('"394.50"', "394.5") + other)
    assert [error.partition(" ")[0] for error in result["errors"]] == [
        "wallet",
        "positions[4].symbol",
        "positions[2].symbol",
        "positions[3].symbol",
    ]


def test_every_error_of_a_file_comes_at_once_with_its_place(replayed):
    code, result = replayed(
        """account = ""
asset = "usdt"
wallet = 394.5
ratio = "1.5"
from = 2022-11-16T14:09:00
leverage = 20
open_orders = -1
[[positions]]
symbol = "BTCUSDT"
side = "buy"
quantity = "0"
entry_price = "1e5"
margin = "423.75"
"""
    )
    assert code == 1
    assert [error.partition(" ")[0] for error in result["errors"]] == [
        "leverage",
        "account",
        "asset",
        "wallet",
        "ratio",
        "from",
        "to",
        "open_orders",
        "positions[1].margin",
        "positions[1].side",
        "positions[1].quantity",
        "positions[1].entry_price",
        "positions[1].used_margin",
    ]
    assert "wallet is the number 394.5; write it in quotes: a number in TOML may lose digits" in result["errors"]
    assert "ratio is '1.5'; expected more than 0 and at most 1, such as 0.40" in result["errors"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("wallet = ", "this is not TOML: Invalid value (at end of document)"),
        (HEAD, "positions are missing; write each position under its own [[positions]]"),
        (
            CARLAS.replace("15:30", "14:00"),
            "to is 2022-11-16T14:00:00+00:00; expected an instant not before `from`",
        ),
    ],
)
def test_what_cannot_be_an_account_is_refused(replayed, text, error):
    assert replayed(text) == (1, {"liquidations": [], "equity": None, "cover": None, "errors": [error]})


def test_a_file_that_is_not_there_is_refused(tmp_path):
    code, result = portal("replay_liquidation", tmp_path / "none.toml")
    assert (code, result["errors"]) == (1, [f"{tmp_path}/none.toml: No such file or directory"])


def test_without_json_a_person_reads_it(tmp_path):
    make.quotes("BTCUSDT", ("14:20", "16499", "16503"))
    file, printed = tmp_path / "account.toml", StringIO()
    file.write_text(CARLAS)
    call_command("replay_liquidation", str(file), stdout=printed)
    assert (
        "1. 2022-11-16T14:20:00+00:00 long 0.5 BTCUSDT at 16499 (bid 16499, ask 16503, mid 16501): equity 169, "
        "required 169.5; realised -225.5"
    ) in printed.getvalue()


def test_what_is_written_is_read_again_as_it_was():
    document = account_file.read(CARLAS + POSITION.replace("BTCUSDT", 'x \\"y\\" z'))
    assert account_file.read(account_file.write(document)) == document


def test_only_stretches_that_could_close_something_are_read_quote_by_quote(django_assert_num_queries):
    """A thousand calm minutes cost one statement; the one that matters a few more."""
    btc = make.instrument()
    start = at("00:00")
    Quote.objects.bulk_create(
        Quote(instrument=btc, at=start.replace(hour=n // 60, minute=n % 60), bid=16600, ask=16601) for n in range(1440)
    )
    Quote.objects.create(instrument=btc, at=at("14:20:30"), bid="16400", ask="16401")
    document = account_file.read(CARLAS.replace("T14:09", "T00:00").replace("T15:30", "T23:59"))
    with django_assert_num_queries(9):
        found = replays.explain(document)
    assert [str(each.at) for each in found.closings] == ["2022-11-16 14:20:30+00:00"]
    assert found.quotes == 1441
