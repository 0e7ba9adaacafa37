"""An account statement of MetaTrader 4, as a broker sends it."""

import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from incidents.management.commands import import_orders
from incidents.models import Account, Asset, Customer, Instrument, Order
from tests.console import portal
from tests.incidents.files import counts, run

pytestmark = pytest.mark.django_db

PAGE = """<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">
<html><head><title>Statement: 7001 - Carla</title><style><!-- td {{ font: 8pt }} --></style></head><body>
<table><tr align=left><td colspan=2><b>Account: 7001</b></td><td colspan=5><b>Name: Carla</b></td>
<td colspan=2><b>Currency: USD</b></td></tr>
<tr align=left><td colspan=14><b>Closed Transactions:</b></td></tr>
<tr align=center><td>Ticket</td><td nowrap>Open Time</td><td>Type</td><td>Size</td><td>Item</td><td>Price</td><td>S / L</td>
<td>T / P</td><td nowrap>Close Time</td><td>Price</td><td>Commission</td><td>Taxes</td><td>Swap</td><td>Profit</td></tr>
{closed}
<tr align=right><td colspan=10>&nbsp;</td><td>0.00</td><td>0.00</td><td>0.00</td><td>1.00</td></tr>
<tr align=right><td colspan=12 align=right><b>Closed P/L:</b></td><td colspan=2>1.00</td></tr>
<tr align=left><td colspan=14><b>Open Trades:</b></td></tr>
<tr align=center><td>Ticket</td><td nowrap>Open Time</td><td>Type</td><td>Size</td><td>Item</td><td>Price</td><td>S / L</td>
<td>T / P</td><td>&nbsp;</td><td>Price</td><td>Commission</td><td>Taxes</td><td>Swap</td><td>Profit</td></tr>
{still}
<tr align=left><td colspan=14><b>Working Orders:</b></td></tr>
<tr align=center><td>Ticket</td><td nowrap>Open Time</td><td>Type</td><td>Size</td><td>Item</td><td>Price</td><td>S / L</td>
<td>T / P</td><td colspan=2>Market Price</td><td colspan=4>&nbsp;</td></tr>
<tr><td>9</td><td>2019.06.26 10:00:00</td><td>buy limit</td><td>0.10</td><td>eurusd</td><td>1.1</td><td>0.0</td><td>0.0</td>
<td colspan=2>1.13</td><td colspan=4>&nbsp;</td></tr>
<tr align=left><td colspan=14><b>Summary:</b></td></tr>
<tr><td colspan=2><b>Balance:</b></td><td colspan=2>540.40</td></tr></table></body></html>
"""
SHANGHAI = ("--preset", "mt4-statement", "--timezone", "Asia/Shanghai")


def trade(ticket="1", comment="", kind="buy", size="0.10", item="eurusd-2", closed="2019.06.26 20:00:00", **said):
    """A row of a table of trades."""
    cells = {
        "opened": "2019.06.26 18:00:00", "entry": "1.13700", "sl": "0.00000", "tp": "0.00000", "exit": "1.13650",
        "profit": "-5.00",
    } | said  # fmt: skip
    row = [
        cells["opened"],
        kind,
        size,
        item,
        cells["entry"],
        cells["sl"],
        cells["tp"],
        closed,
        cells["exit"],
        "0.00",
        "0.00",
    ]
    title = f' title="{comment}"' if comment else ""
    text = "".join(f"<td>{cell}</td>" for cell in [*row, "0.00", cells["profit"]])
    return f"<tr align=right><td{title}>{ticket}</td>{text}</tr>"


def balance(ticket: str, kind: str = "balance") -> str:
    return (
        f'<tr><td title="Deposit">{ticket}</td><td>2019.06.01 00:06:39</td><td>{kind}</td>'
        f"<td colspan=10 align=left>Deposit</td><td>5 000.00</td></tr>"
    )


@pytest.fixture(autouse=True)
def instruments(db):
    for base, quote in (("EUR", "USD"), ("EUR", "GBP"), ("XAU", "USD")):
        for code in (base, quote):
            Asset.objects.get_or_create(code=code)
        Instrument.objects.create(symbol=base + quote, margin="linear", base_id=base, quote_id=quote, settle_id=quote)


@pytest.fixture
def load(tmp_path):
    def load(*closed: str, still: str = "", options: tuple = SHANGHAI, page: str = PAGE):
        file = tmp_path / "statement.htm"
        file.write_bytes(page.format(closed="\n".join(closed), still=still).encode("utf-8", "surrogateescape"))
        return run("import_orders", file, *options)

    return load


def test_a_closed_trade_becomes_an_order_on_the_stated_clock_in_units_of_the_base(load):
    code, result = load(trade("233251577", size="0.25", sl="1.13650", tp="1.14000", comment="[sl]"))
    assert code == 0
    assert result == {
        "rows": 1,
        "created": 1,
        "updated": 0,
        "unchanged": 0,
        "skipped": {"working": 1},
        "rejected": 0,
        "errors": [],
    }
    order = Order.objects.get()
    assert (order.order_id, order.leg, order.account.code, order.customer.code) == ("233251577", "1", "7001", "7001")
    assert (order.instrument.symbol, order.side, order.quantity) == ("EURUSD", "long", 25_000)
    assert (order.opened_at, order.closed_at) == (
        datetime(2019, 6, 26, 10, tzinfo=UTC),
        datetime(2019, 6, 26, 12, tzinfo=UTC),
    )
    assert (order.entry_price, order.exit_price) == (Decimal("1.137"), Decimal("1.1365"))
    assert (order.stop_loss, order.take_profit, order.close_reason) == (Decimal("1.1365"), Decimal("1.14"), "stop_loss")
    assert order.realized_pnl == -5


def test_an_open_trade_is_an_open_order_without_the_market_s_price(load):
    load(still=trade("8", kind="sell", closed="", exit="1.13900", tp="1.12000"))
    order = Order.objects.get()
    assert (order.side, order.exit_price, order.closed_at, order.close_reason) == ("short", None, None, "")
    assert (order.take_profit, order.stop_loss, order.realized_pnl) == (Decimal("1.12"), None, None)


@pytest.mark.parametrize(
    ("comment", "reason"),
    [
        ("", "user"),
        ("My order", "user"),
        ("[tp]", "take_profit"),
        ("#16384 My Buy Order[tp]", "take_profit"),
        ("cancelled so what", "user"),
        ("so: 49.86%/301.2/604.1", "liquidation"),
        ("My order so: -3.2%/-9.1/280.0", "liquidation"),
    ],
)
def test_the_ticket_s_comment_says_why_it_closed(load, comment, reason):
    load(trade(comment=comment))
    assert Order.objects.get().close_reason == reason


def test_deposits_credits_and_orders_that_never_traded_are_skipped_and_counted(load):
    cancelled = trade("5", kind="buy limit").replace(
        "<td>0.00</td><td>0.00</td><td>0.00</td><td>-5.00</td>", "<td>cancelled</td>"
    )
    _code, result = load(balance("1"), balance("2"), balance("3", "credit"), cancelled, trade("6"))
    assert counts(result) == (1, 1, 0, 0, 0)
    assert result["skipped"] == {"balance": 2, "credit": 1, "cancelled": 1, "working": 1}


def test_thousands_come_with_any_kind_of_space(load):
    spaces = ("5 000.00", "5\u2009000.00", "5\u00a0000.00", "5&nbsp;000.00", "5\udca0000.00")
    load(*(trade(str(number), profit=f"-{text}") for number, text in enumerate(spaces)))
    assert set(Order.objects.values_list("realized_pnl", flat=True)) == {-5000}


def test_a_profit_in_another_currency_than_the_order_settles_in_is_left_out(load):
    load(trade(item="eurgbp-2", size="1"))
    order = Order.objects.get()
    assert (order.instrument.symbol, order.quantity, order.realized_pnl) == ("EURGBP", 100_000, None)


def test_an_instrument_with_the_broker_s_own_name_comes_first(load):
    Instrument.objects.create(symbol="EURUSD-2", margin="linear", base_id="EUR", quote_id="USD", settle_id="USD")
    load(trade(), trade("2", item="EURUSD"))
    assert list(Order.objects.order_by("order_id").values_list("instrument__symbol", flat=True)) == [
        "EURUSD-2",
        "EURUSD",
    ]


def test_the_same_statement_twice_changes_nothing_and_a_closed_one_closes_the_open_order(load):
    still = trade("8", closed="")
    load(still=still)
    assert counts(load(still=still)[1]) == (1, 0, 0, 1, 0)
    assert counts(load(trade("8"))[1]) == (1, 0, 1, 0, 0)
    assert Order.objects.get().exit_price == Decimal("1.1365")


def test_the_customer_is_the_one_stated_or_whose_account_it_is(load):
    load(trade(), options=(*SHANGHAI, "--customer", "carla"))
    load(trade("2"))
    assert list(Customer.objects.values_list("code", flat=True)) == ["carla"]
    assert Account.objects.get().customer.code == "carla"
    assert Order.objects.filter(customer__code="carla").count() == 2


def test_a_lot_of_gold_has_to_be_stated(load):
    gold = trade("62467045", item="xauusd", size="0.05", entry="1273.81", exit="1271.84")
    code, result = load(trade(), gold)
    assert (code, result["errors"]) == (
        1,
        [
            'line 9, column Size of ticket 62467045: "0.05" - expected a lot that is stated: '
            "--lot XAUUSD=100 if a lot is 100 XAU"
        ],
    )
    assert not Order.objects.exists()
    assert load(trade(), gold, options=(*SHANGHAI, "--lot", "XAUUSD=100"))[0] == 0
    assert dict(Order.objects.values_list("instrument__symbol", "quantity")) == {"EURUSD": 10_000, "XAUUSD": 5}


def test_a_lot_of_everything_can_be_stated(load):
    load(trade(), trade("2", item="xauusd"), options=(*SHANGHAI, "--lot", "1000", "--lot", "xauusd=100"))
    assert dict(Order.objects.values_list("instrument__symbol", "quantity")) == {"EURUSD": 100, "XAUUSD": 10}


def test_a_statement_without_its_clock_is_refused(load):
    code, result = load(trade(), options=SHANGHAI[:2])
    assert (code, result["errors"]) == (
        1,
        ["a statement's times are of its broker's clock: state it (--timezone Etc/GMT-2)"],
    )


def test_all_errors_come_at_once_with_line_ticket_and_column(load):
    code, result = load(
        trade("1", size="0,10", opened="26.06.2019 18:00"),
        trade("2", kind="swap"),
        trade("3", item="gbpusd-2"),
        trade("4", size="0.00"),
        trade("5", closed="2019.06.26 17:59:59"),
        trade("6x"),
        trade("7"),
        trade("7"),
        "<tr><td>8</td><td>2019.06.26 18:00:00</td><td>buy</td><td>0.10</td></tr>",
    )
    assert code == 1
    assert result["errors"] == [
        'line 8, column Open Time of ticket 1: "26.06.2019 18:00" - expected a time such as 2020.02.12 00:16:33',
        'line 8, column Size of ticket 1: "0,10" - expected a decimal number with a point',
        'line 9, column Type of ticket 2: "swap" - expected buy or sell (or balance, credit, or an order that did not trade)',
        'line 10, column Item of ticket 3: "gbpusd-2" - expected a known symbol; import the instrument GBPUSD first',
        'line 11, column Size of ticket 4: "0.00" - expected more than 0',
        'line 12, column Close Time of ticket 5: "2019-06-26T09:59:59+00:00" - expected not before opened_at',
        'line 13, column Ticket of ticket 6x: "6x" - expected a ticket: digits only',
        'line 15, column Ticket of ticket 7: "7" - expected each order and leg once in a file; line 14 has it already',
        'line 16, column Profit of ticket 8: "" - expected 14 cells in this row',
    ]
    assert counts(result) == (9, 0, 0, 0, 8)


def test_a_time_that_happened_twice_on_the_broker_s_clock_is_refused(load):
    _code, result = load(
        trade(closed="2019.10.27 02:30:00"), options=("--preset", "mt4-statement", "--timezone", "Europe/Zurich")
    )
    assert result["errors"] == [
        'line 8, column Close Time of ticket 1: "2019.10.27 02:30:00" - expected an offset: '
        "this local time happened twice in Europe/Zurich"
    ]


def test_a_page_on_one_line_still_tells_its_rows_apart(load):
    one_line = PAGE.replace("\n", " ")
    page = one_line.replace("{closed}", trade("1") + trade("1") + trade("2", size="x"))
    _code, result = load(page=page)
    assert [error.partition(":")[0] for error in result["errors"]] == [
        "line 5, column Ticket of ticket 1",
        "line 6, column Size of ticket 2",
    ]


@pytest.mark.parametrize("text", ["order_id,leg\n1,2\n", "<html><body>Nothing</body></html>", "\0\1\2"])
def test_what_is_no_statement_is_refused(load, text):
    code, result = load(page=text.replace("{", "{{"))
    assert (code, result["errors"]) == (
        1,
        ["this is no statement of MetaTrader 4: it names no account (Account: 1234567)"],
    )


def test_a_table_without_a_column_is_refused(load):
    code, result = load(trade(), page=PAGE.replace("<td>Size</td>", "<td>Volume</td>", 1))
    assert (code, result["errors"]) == (1, ["line 6: a table of trades without the column Size"])


def test_a_table_without_the_names_of_its_columns_is_refused(load):
    code, result = load(trade(), page=PAGE.replace("<td>Ticket</td>", "<td>No.</td>", 1))
    assert (code, result["errors"]) == (1, ["line 8: a table of trades without the names of its columns"])


def test_bytes_of_another_code_page_are_an_error_of_their_row_and_no_exception(load):
    _code, result = load(trade("\udce4", item="eur\udce4usd"))
    assert result["errors"] == [
        'line 8, column Ticket of ticket ?: "\N{REPLACEMENT CHARACTER}" - expected text in UTF-8',
        'line 8, column Item of ticket ?: "eur\N{REPLACEMENT CHARACTER}usd" - expected text in UTF-8',
    ]


def test_a_name_in_the_broker_s_own_code_page_does_not_matter(load):
    assert load(trade(comment="Gr\udcfc\udcdfe"), page=PAGE.replace("Carla", "Käthe"))[0] == 0


def test_lots_and_customers_are_for_statements_only(tmp_path):
    assert run_usage(tmp_path, "--lot", "100") == 2
    assert run_usage(tmp_path, "--customer", "carla") == 2


@pytest.mark.parametrize("text", ["0", "-1", "XAUUSD=", "XAUUSD", "1=NaN", "Infinity"])
def test_what_is_no_lot_is_wrong_usage(text):
    with pytest.raises(ValueError):
        import_orders.lot(text)


def test_what_is_no_customer_is_wrong_usage():
    with pytest.raises(ValueError):
        import_orders.customer("c" * 65)


def run_usage(tmp_path, *options: str) -> int:
    return portal("import_orders", tmp_path / "x.csv", *options)[0]


# --- real ones


def instruments_of(*symbols: str) -> None:
    for symbol in symbols:
        base, quote = symbol[:-3].upper(), symbol[-3:].upper()
        for code in (base, quote):
            Asset.objects.get_or_create(code=code)
        Instrument.objects.get_or_create(
            symbol=base + quote,
            defaults={"margin": "linear", "base_id": base, "quote_id": quote, "settle_id": quote},
        )


OANDA = "eurgbp gbpusd usdmxn eurcad cadsgd audsgd nas100usd gbpnzd xagusd".split()


@pytest.mark.shared
def test_a_real_statement_of_oanda_adds_up_to_its_closed_profit(shared):
    file = shared / "data/account_exports/mt4_statement_c_oanda_2020.htm"
    options = ("--preset", "mt4-statement", "--timezone", "Etc/GMT-2", "--lot", "NAS100USD=100", "--lot", "XAGUSD=5000")
    code, result = run("import_orders", file, *options)
    assert code == 1
    assert (
        'line 44, column Item of ticket 233251718: "gbpusd-2" - expected a known symbol; import the instrument GBPUSD first'
        in result["errors"]
    )
    instruments_of(*OANDA)
    code, result = run("import_orders", file, *options)
    assert (code, counts(result), result["skipped"]) == (0, (35, 35, 0, 0, 0), {"balance": 7})
    dollars = Order.objects.filter(instrument__settle="USD")
    assert {order.order_id for order in dollars if order.realized_pnl != price_pnl(order)} == {
        "233823791"
    }  # of silver, by a cent
    first = Order.objects.get(order_id="233251577")
    assert (first.account.code, first.quantity, first.opened_at) == (
        "0000000",
        1_000,
        datetime(2020, 2, 11, 22, 16, 33, tzinfo=UTC),
    )
    assert (first.stop_loss, first.take_profit, first.close_reason) == (Decimal("0.842"), Decimal("0.85"), "user")


def price_pnl(order: Order) -> Decimal:
    sign = 1 if order.side == "long" else -1
    return round(sign * order.quantity * (order.exit_price - order.entry_price), 2)


@pytest.mark.shared
def test_a_real_detailed_statement_has_130_trades_closed_by_hand_and_by_the_machine(shared):
    file = shared / "data/account_exports/mt4_detailed_d_demo_2017.htm"
    instruments_of(*set(re.findall("<td class=mspt>[0-9.]+</td><td>([a-z]+)</td>", file.read_text())))
    options = ("--preset", "mt4-statement", "--timezone", "EET", "--lot", "XAUUSD=100", "--lot", "XAGUSD=5000")
    code, result = run("import_orders", file, *options)
    assert result["errors"] == []
    assert (code, counts(result), result["skipped"]) == (0, (130, 130, 0, 0, 0), {"balance": 1, "cancelled": 1})
    sides = [Order.objects.filter(side=side).count() for side in ("long", "short")]
    assert sides == [125, 5]  # as its Details say
    assert Order.objects.filter(close_reason="take_profit").exists()
    stopped = Order.objects.get(order_id="62467045")
    assert (stopped.instrument.symbol, stopped.quantity, stopped.close_reason) == ("XAUUSD", 5, "stop_loss")
    assert stopped.closed_at == datetime(2017, 10, 25, 9, 23, 49, tzinfo=UTC)
