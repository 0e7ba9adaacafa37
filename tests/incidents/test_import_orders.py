"""The exchange's closing legs come from a file: all of it, or nothing with every bad line named."""

import threading
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone

from claims.models import Change
from incidents import imports
from incidents.models import Account, Customer, ImportedFile, Order
from tests.factories import instrument
from tests.incidents.files import ORDER, counts, csv_of, run

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def bitcoin(db):
    return instrument()


@pytest.fixture
def load(tmp_path):
    def load(*rows: dict, sign: str = ",", options: tuple = ()):
        file = tmp_path / "orders.csv"
        file.write_text(csv_of(*rows, sign=sign))
        return run("import_orders", file, *options)

    return load


def errors(result: dict) -> list[str]:
    assert result[1]["rejected"] and result[0] == 1
    return result[1]["errors"]


def test_an_order_arrives_with_its_customer_and_account(load):
    code, result = load(
        ORDER
        | {
            "leg": "2",
            "take_profit": "17500.5",
            "stop_loss": "0",
            "tpsl_set_at": "2022-11-16T21:30:00+08:00",
            "realized_pnl": "-225",
            "liquidation_fee": "82.5",
            "bankruptcy_cover": "1.25",
        }
    )
    assert (code, result) == (0, {"rows": 1, "created": 1, "updated": 0, "unchanged": 0, "rejected": 0, "errors": []})
    order = Order.objects.get(order_id="O1", leg="2")
    assert (order.customer.code, order.account.code, order.instrument.symbol) == ("carla", "carla-1", "BTCUSDT")
    assert order.closed_at == datetime(2022, 11, 16, 14, 20, tzinfo=UTC)
    assert order.tpsl_set_at == datetime(2022, 11, 16, 13, 30, tzinfo=UTC)
    assert (order.take_profit, order.stop_loss) == (Decimal("17500.5"), None)
    assert (order.realized_pnl, order.liquidation_fee, order.bankruptcy_cover) == (
        Decimal(-225),
        Decimal("82.5"),
        Decimal("1.25"),
    )


def test_an_open_order_has_no_exit_and_leg_1(load):
    load(ORDER | {"exit_price": "", "closed_at": "", "close_reason": ""})
    order = Order.objects.get()
    assert (order.leg, order.exit_price, order.closed_at, order.close_reason) == ("1", None, None, "")
    assert (order.liquidation_fee, order.bankruptcy_cover, order.realized_pnl) == (0, 0, None)


def test_the_same_file_twice_changes_nothing(load):
    rows = [ORDER, ORDER | {"order_id": "O2"}]
    load(*rows)
    before = list(Order.objects.values())
    assert counts(load(*rows)[1]) == (2, 0, 0, 2, 0)
    assert list(Order.objects.values()) == before
    assert ImportedFile.objects.count() == 1


def test_a_correction_updates_exactly_what_differs_and_keeps_the_old_row(load):
    load(ORDER, ORDER | {"order_id": "O2"})
    _code, result = load(ORDER | {"exit_price": "16400"}, ORDER | {"order_id": "O2"}, ORDER | {"order_id": "O3"})
    assert counts(result) == (3, 1, 1, 1, 0)
    assert Order.objects.get(order_id="O1").exit_price == Decimal(16400)
    change = Change.objects.get(kind="incidents_order")
    assert (change.operation, change.object_id) == ("update", Order.objects.get(order_id="O1").pk)
    assert (change.old, change.new) == ({"exit_price": Decimal(16500)}, {"exit_price": Decimal(16400)})


def test_a_correction_without_a_column_leaves_what_that_column_said(load):
    load(ORDER | {"bankruptcy_cover": "7"})
    assert counts(load(ORDER | {"exit_price": "16400"})[1]) == (1, 0, 1, 0, 0)
    assert Order.objects.get().bankruptcy_cover == Decimal(7)


def test_eighteen_digits_of_an_id_stay_intact_and_spaces_around_it_go(load):
    load(ORDER | {"order_id": " 123456789012345678 "})
    assert Order.objects.get().order_id == "123456789012345678"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"quantity": "0"}, 'quantity: "0" - expected more than 0'),
        ({"quantity": "-0.5"}, 'quantity: "-0.5" - expected more than 0'),
        ({"quantity": ""}, 'quantity: "" - expected a decimal number with a point'),
        ({"entry_price": "0"}, 'entry_price: "0" - expected more than 0'),
        ({"exit_price": "0"}, 'exit_price: "0" - expected more than 0'),
        ({"exit_price": ""}, 'exit_price: "" - expected the exit price of a closed order'),
        (
            {"close_reason": ""},
            'close_reason: "" - expected why it was closed, one of: '
            "user, liquidation, take_profit, stop_loss, adl, settlement",
        ),
        (
            {"close_reason": "margin_call"},
            'close_reason: "margin_call" - expected one of: user, liquidation, take_profit, stop_loss, adl, settlement',
        ),
        (
            {"closed_at": "2022-11-16T12:59:59Z"},
            'closed_at: "2022-11-16T12:59:59+00:00" - expected not before opened_at',
        ),
        ({"side": "buy"}, 'side: "buy" - expected one of: long, short'),
        ({"symbol": "DOGEUSDT"}, 'symbol: "DOGEUSDT" - expected a known symbol; import its instrument first'),
        ({"take_profit": "-1"}, 'take_profit: "-1" - expected a positive price; empty or 0 for none'),
        ({"stop_loss": "-1"}, 'stop_loss: "-1" - expected a positive price; empty or 0 for none'),
        ({"liquidation_fee": "-1"}, 'liquidation_fee: "-1" - expected 0 or more'),
        ({"bankruptcy_cover": "-1"}, 'bankruptcy_cover: "-1" - expected 0 or more'),
        ({"order_id": ""}, 'order_id: "" - expected a value'),
        ({"customer": "c" * 65}, f'customer: "{"c" * 60}…" - expected at most 64 characters (there are 65)'),
    ],
)
def test_a_wrong_cell_is_named_with_its_line_and_what_would_be_right(load, said, expected):
    assert errors(load(ORDER, ORDER | {"order_id": "O2"} | said)) == [f"line 3, column {expected}"]
    assert not Order.objects.exists()
    assert not Customer.objects.exists()
    assert not ImportedFile.objects.exists()


def test_an_open_order_with_an_exit_is_wrong_in_both_cells(load):
    assert errors(load(ORDER | {"closed_at": ""})) == [
        'line 2, column exit_price: "16500" - expected no exit price while closed_at is empty: an open order',
        'line 2, column close_reason: "liquidation" - expected no reason while closed_at is empty: an open order',
    ]


def test_all_errors_of_a_file_come_at_once(load):
    result = load(
        ORDER | {"quantity": "1,5", "opened_at": "2022-11-16 13:00"}, ORDER, ORDER | {"symbol": "X"}, sign=";"
    )
    assert errors(result) == [
        'line 2, column quantity: "1,5" - expected a decimal number with a point',
        'line 2, column opened_at: "2022-11-16 13:00" - expected an instant with its offset, '
        "such as 2022-11-16T14:09:00Z, or the file's time zone stated",
        'line 4, column order_id: "O1" - expected each order and leg once in a file; line 3 has it already',
        'line 4, column symbol: "X" - expected a known symbol; import its instrument first',
    ]
    assert counts(result[1]) == (3, 0, 0, 0, 2)


def test_an_empty_leg_is_leg_1_also_when_the_file_says_both(load):
    assert errors(load(ORDER | {"leg": "1"}, ORDER | {"leg": ""})) == [
        'line 3, column order_id: "O1" - expected each order and leg once in a file; line 2 has it already'
    ]


def test_an_account_of_two_customers_in_one_file_is_refused(load):
    assert errors(load(ORDER, ORDER | {"order_id": "O2", "customer": "dan"})) == [
        'line 3, column account: "carla-1" - expected one customer for an account; line 2 gives it to carla'
    ]


def test_an_account_that_is_another_customers_already_is_refused(load):
    load(ORDER)
    assert errors(load(ORDER | {"order_id": "O2", "customer": "dan"})) == [
        'line 2, column account: "carla-1" - expected an account of dan; this one belongs to carla'
    ]


def test_an_order_does_not_move_to_another_customer(load):
    load(ORDER)
    assert errors(load(ORDER | {"customer": "dan", "account": "dan-1"})) == [
        'line 2, column customer: "dan" - expected the customer whom this order and leg belong to: carla'
    ]
    assert not Account.objects.filter(code="dan-1").exists()


def test_an_order_moves_to_another_account_of_its_customer(load):
    load(ORDER)
    assert counts(load(ORDER | {"account": "carla-2"})[1]) == (1, 0, 1, 0, 0)
    assert Order.objects.get().account.code == "carla-2"


def test_times_without_offset_are_read_in_the_stated_zone(load):
    local = {"opened_at": "2022-11-16 21:00:00", "closed_at": "2022-11-16T14:20:00Z"}
    assert load(ORDER | local, options=("--timezone", "Asia/Shanghai"))[0] == 0
    order = Order.objects.get()
    assert order.opened_at == datetime(2022, 11, 16, 13, tzinfo=UTC)
    assert order.closed_at == datetime(2022, 11, 16, 14, 20, tzinfo=UTC)


def test_a_zone_that_is_none_is_refused(load):
    assert load(ORDER, options=("--timezone", "GMT+8")) == (
        1,
        {
            "rows": 0,
            "created": 0,
            "updated": 0,
            "unchanged": 0,
            "rejected": 0,
            "errors": ["'GMT+8' is no time zone - expected an IANA name such as UTC or Asia/Shanghai"],
        },
    )


def test_a_missing_file_is_refused(tmp_path):
    code, result = run("import_orders", tmp_path / "none.csv")
    assert (code, result["errors"]) == (1, [f"{tmp_path}/none.csv: No such file or directory"])


def test_the_accepted_file_is_kept_by_its_hash(load):
    load(ORDER)
    kept = ImportedFile.objects.get()
    assert (kept.kind, kept.name, kept.summary) == (
        "orders",
        "orders.csv",
        {"rows": 1, "created": 1, "updated": 0, "unchanged": 0},
    )
    assert kept.sha256 == "fa8b8f7485f298a54b96361d21103fc9363de691ba496a66cb2143586f364583"


@pytest.mark.django_db(transaction=True)
def test_two_imports_of_one_file_at_once_create_each_order_once(tmp_path):
    instrument()
    file, results = tmp_path / "orders.csv", []
    rows = [ORDER | {"order_id": f"O{n}", "customer": f"c{n % 7}", "account": f"a{n % 7}"} for n in range(300)]
    file.write_text(csv_of(*rows))

    def work():
        try:
            results.append(counts(imports.import_orders(file, now=timezone.now())))
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [(300, 0, 0, 300, 0), (300, 0, 0, 300, 0), (300, 300, 0, 0, 0)]
    assert Order.objects.count() == 300
