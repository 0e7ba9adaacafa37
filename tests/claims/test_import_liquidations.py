"""Liquidations come from a file, and their fees and covers into the books: each once."""

import csv
from collections import Counter
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal

import pytest
from django.db import connection

from claims import assessment, inflows
from claims.models import Claim
from incidents.models import Asset, ImportedFile, Instrument, Liquidation
from ledger import reports
from ledger.closing import close, propose
from ledger.journal import BANKRUPTCY_COVER, CASH, COMPANY_TOPUP, LIQUIDATION_FEES, LIQUIDATION_SURPLUS
from ledger.models import JournalEntry, Transfer
from tests.console import done, portal
from tests.factories import NOW, instrument, staff
from tests.incidents.files import csv_of
from tests.ledger.books import undo

pytestmark = pytest.mark.django_db
FEE = {
    "liquidation_id": "7001",
    "symbol": "BTCUSDT",
    "price": "16500",
    "quantity": "0.5",
    "fee": "82.50",  # 1 % of 0.5 × 16,500
    "liquidated_at": "2022-11-16T14:20:00Z",
    "account": "carla-1",
    "bankruptcy_cover": "0",
}
COIN = FEE | {"liquidation_id": "7002", "symbol": "XBTUSD", "quantity": "0.03", "fee": "0.0003"}
FORCED = "timestamp,symbol,side,avg_price,filled_qty,usd_value\n"
PRESET = ("--preset", "binance-forceorders", "--timezone", "UTC")


@pytest.fixture(autouse=True)
def instruments(db):
    Asset.objects.get_or_create(code="USDT", defaults={"decimals": 2})
    instrument()
    instrument("XBTUSD", margin="inverse", contract_value="100")


@pytest.fixture
def load(tmp_path):
    def load(*rows: dict | str, options: tuple = ()):
        file = tmp_path / "liquidations.csv"
        file.write_text(rows[0] if isinstance(rows[0], str) else csv_of(*rows))
        return portal("import_liquidations", file, *options)

    return load


def booked() -> list[tuple]:
    """(reference, category, debit, credit, amount, asset) of all that is in the books."""
    rows = Transfer.objects.order_by("entry", "line").values_list(
        "entry__reference", "entry__category", "debit__name", "credit__name", "amount", "asset"
    )
    return list(rows)


def test_a_linear_fee_comes_in_usdt_and_an_inverse_one_in_the_coin(load):
    code, result = load(FEE, COIN)
    assert (code, result) == (
        0,
        {
            "rows": 2,
            "posted": 2,
            "unchanged": 0,
            "mismatched": 0,
            "mismatches": [],
            "rejected": 0,
            "errors": [],
            "totals": {"BTC": "0.00030000", "USDT": "82.50"},
            "surplus": {},
            "cover": {},
            "topup": {},
        },
    )
    assert booked() == [
        ("LIQ-7001", "liquidation_fee", CASH, LIQUIDATION_FEES, Decimal("82.5"), "USDT"),
        ("LIQ-7002", "liquidation_fee", CASH, LIQUIDATION_FEES, Decimal("0.0003"), "BTC"),
    ]
    entry = JournalEntry.objects.get(reference="LIQ-7001")
    assert (entry.effective_on, entry.description, entry.posted_by) == (date(2022, 11, 16), "Liquidation 7001", None)
    fact = Liquidation.objects.get(liquidation_id="7001")
    assert (fact.instrument.symbol, fact.account, fact.side, fact.fee) == ("BTCUSDT", "carla-1", "", Decimal("82.5"))


def test_the_same_file_twice_and_a_row_in_another_file_are_posted_once(load):
    load(FEE, COIN)
    code, result = load(FEE, COIN)
    assert (code, result["posted"], result["unchanged"], result["totals"]) == (0, 0, 2, {})
    assert ImportedFile.objects.filter(kind="liquidations").count() == 1
    _code, result = load(COIN, FEE | {"liquidation_id": "7003"})
    assert (result["posted"], result["unchanged"], result["totals"]) == (1, 1, {"USDT": "82.50"})
    assert JournalEntry.objects.count() == Liquidation.objects.count() == 3


def test_bankruptcy_cover_is_paid_by_the_fund_and_what_it_lacks_by_the_company(load):
    _code, result = load(FEE | {"bankruptcy_cover": "100.25"})
    assert (result["totals"], result["cover"], result["topup"]) == (
        {"USDT": "82.50"},
        {"USDT": "100.25"},
        {"USDT": "17.75"},
    )
    assert booked() == [
        ("LIQ-7001/topup-USDT", "company_topup", CASH, COMPANY_TOPUP, Decimal("17.75"), "USDT"),
        ("LIQ-7001", "liquidation_fee", CASH, LIQUIDATION_FEES, Decimal("82.5"), "USDT"),
        ("LIQ-7001/cover", "bankruptcy_cover", BANKRUPTCY_COVER, CASH, Decimal("100.25"), "USDT"),
    ]
    assert [fund.available for fund in reports.fund("USDT")] == [0]
    assert done("verify_ledger")["ok"] is True


def test_what_is_left_of_the_margin_goes_to_the_fund_after_the_fee(load):
    code, result = load(FEE | {"surplus": "12.34"}, COIN | {"surplus": "0.0001"})
    assert (code, result["posted"]) == (0, 2)
    assert (result["totals"], result["surplus"]) == (
        {"BTC": "0.00030000", "USDT": "82.50"},
        {"BTC": "0.00010000", "USDT": "12.34"},
    )
    assert booked() == [
        ("LIQ-7001", "liquidation_fee", CASH, LIQUIDATION_FEES, Decimal("82.5"), "USDT"),
        ("LIQ-7001/surplus", "liquidation_surplus", CASH, LIQUIDATION_SURPLUS, Decimal("12.34"), "USDT"),
        ("LIQ-7002", "liquidation_fee", CASH, LIQUIDATION_FEES, Decimal("0.0003"), "BTC"),
        ("LIQ-7002/surplus", "liquidation_surplus", CASH, LIQUIDATION_SURPLUS, Decimal("0.0001"), "BTC"),
    ]
    assert load(FEE | {"surplus": "12.34"}, COIN | {"surplus": "0.0001"})[1]["unchanged"] == 2
    assert done("verify_ledger")["ok"] is True


def test_liquidations_are_posted_as_they_happened_whatever_the_order_of_the_file(load):
    """The fee of 14:20 is there before the cover of 14:21 is paid: the company brings nothing."""
    later = FEE | {"liquidation_id": "7003", "liquidated_at": "2022-11-16T14:21:00Z", "bankruptcy_cover": "100"}
    code, result = load(later, FEE)
    assert (code, result["topup"]) == (0, {})
    assert [row[0] for row in booked()] == ["LIQ-7001", "LIQ-7003", "LIQ-7003/cover"]


def test_a_liquidation_of_a_closed_day_counts_from_the_first_open_one_and_says_so(load):
    mia, max_ = staff("mia", "manager"), staff("max", "manager")
    close(propose(date(2022, 11, 17), by=mia, now=NOW).pk, by=max_, now=NOW)
    tomorrow = FEE | {"liquidation_id": "7003", "liquidated_at": "2022-11-19T14:20:00Z"}
    assert load(FEE | {"surplus": "1"}, tomorrow)[0] == 0
    entries = JournalEntry.objects.order_by("id").values_list("reference", "effective_on", "description")
    assert list(entries) == [
        ("LIQ-7001", date(2022, 11, 18), "Liquidation 7001 of 2022-11-16"),
        ("LIQ-7001/surplus", date(2022, 11, 18), "Liquidation 7001 of 2022-11-16"),
        ("LIQ-7003", date(2022, 11, 19), "Liquidation 7003"),
    ]
    assert load(FEE | {"surplus": "1"}, tomorrow)[1]["unchanged"] == 2
    assert done("verify_ledger")["ok"] is True


def test_a_long_file_is_posted_in_portions_with_one_question_each(load, monkeypatch, django_assert_max_num_queries):
    rows = [FEE | {"liquidation_id": f"L{n}"} for n in range(50)]
    with django_assert_max_num_queries(60):
        assert load(*rows[:10])[1]["posted"] == 10
    monkeypatch.setattr(inflows, "PORTION", 7)
    assert load(*rows)[1]["totals"] == {"USDT": "3300.00"}
    assert sorted(row[0] for row in booked()) == sorted(f"LIQ-L{n}" for n in range(50))


def test_a_fee_that_is_not_the_formula_s_is_posted_as_recorded_and_listed(load):
    code, result = load(FEE | {"fee": "82.51"}, COIN)
    assert (code, result["posted"], result["mismatched"]) == (0, 2, 1)
    assert result["mismatches"] == ['line 2, column fee: "82.51" - expected 82.50 USDT by the formula']
    assert booked()[0][4] == Decimal("82.51")


def test_a_formula_s_half_cent_is_rounded_up(load):
    half = FEE | {"price": "101", "quantity": "0.005", "fee": "0.01"}  # 0.00505
    assert load(half)[1]["mismatched"] == 0
    assert load(half | {"liquidation_id": "2", "price": "100"})[1]["mismatched"] == 0  # 0.005 exactly


def test_a_fee_of_nothing_is_a_fact_and_no_entry(load):
    code, result = load(FEE | {"fee": "0"})
    assert (code, result["posted"], result["totals"], booked()) == (0, 1, {}, [])
    assert Liquidation.objects.get().fee == 0


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"price": "0"}, 'price: "0" - expected more than 0'),
        ({"quantity": "-1"}, 'quantity: "-1" - expected more than 0'),
        ({"fee": "-1"}, 'fee: "-1" - expected 0 or more'),
        ({"fee": "1.001"}, 'fee: "1.001" - expected at most 2 decimals, as USDT has'),
        ({"bankruptcy_cover": "-1"}, 'bankruptcy_cover: "-1" - expected 0 or more'),
        ({"bankruptcy_cover": "0.123"}, 'bankruptcy_cover: "0.123" - expected at most 2 decimals, as USDT has'),
        ({"surplus": "-1"}, 'surplus: "-1" - expected 0 or more'),
        ({"surplus": "0.123"}, 'surplus: "0.123" - expected at most 2 decimals, as USDT has'),
        (
            {"surplus": "1", "bankruptcy_cover": "1"},
            'surplus: "1" - expected 0: the fund covers no loss where something was left',
        ),
        (
            {"liquidation_id": "7002/cover"},
            'liquidation_id: "7002/cover" - expected an id that does not end like our own references',
        ),
        ({"symbol": "X"}, 'symbol: "X" - expected a known symbol; import its instrument first'),
        ({"liquidation_id": "70 02"}, 'liquidation_id: "70 02" - expected an id of letters, digits and . _ : / # -'),
        (
            {"liquidation_id": "7001"},
            'liquidation_id: "7001" - expected each liquidation once in a file; line 2 has it already',
        ),
    ],
)
def test_a_wrong_cell_refuses_the_file_and_posts_nothing(load, said, expected):
    code, result = load(FEE, FEE | {"liquidation_id": "7002"} | said)
    assert (code, result["rejected"], result["posted"]) == (1, 1, 0)
    assert result["errors"] == [f"line 3, column {expected}"]
    assert (Liquidation.objects.count(), JournalEntry.objects.count(), ImportedFile.objects.count()) == (0, 0, 0)


def test_an_id_that_is_in_the_books_with_other_facts_is_refused(load):
    load(FEE)
    code, result = load(FEE | {"fee": "80"})
    assert (code, result["errors"]) == (
        1,
        [
            'line 2, column liquidation_id: "7001" - expected the facts that it is in the books with: BTCUSDT, price 16500, '
            "quantity 0.5, fee 82.5, surplus 0, cover 0; the books are corrected by a reversing entry"
        ],
    )


@pytest.mark.parametrize(
    "other", [{"surplus": "1"}, {"bankruptcy_cover": "1"}, {"price": "16501"}, {"symbol": "XBTUSD"}]
)
def test_no_fact_of_a_known_liquidation_is_another_the_second_time(load, other):
    load(FEE)
    code, result = load(FEE | other)
    assert (code, result["rejected"], result["posted"], len(booked())) == (1, 1, 0, 1)
    assert result["errors"][0].startswith('line 2, column liquidation_id: "7001" - expected the facts that it is in')


def test_what_the_books_refuse_leaves_no_liquidation_behind(load):
    Instrument.objects.filter(symbol="BTCUSDT").update(settle_id="USDT")
    done("post_entry", entry_under("LIQ-7001"), "--by", staff("mia", "manager").username)
    code, result = load(FEE)
    assert (code, result["posted"], result["errors"]) == (
        1,
        0,
        ["'LIQ-7001' is already in the books as another fact: Typed by hand"],
    )
    assert not Liquidation.objects.exists()


def entry_under(reference: str):
    from django.conf import settings

    settings.FILES_DIR.mkdir(parents=True)
    file = settings.FILES_DIR / "entry.toml"
    file.write_text(
        f'reference = "{reference}"\ncategory = "liquidation_fee"\neffective_on = 2022-11-16\ndescription = "Typed by hand"\n'
        f'[[transfers]]\ndebit = "{CASH}"\ncredit = "{LIQUIDATION_FEES}"\namount = "1.00"\nasset = "USDT"\n'
    )
    return file


def test_only_who_may_post_may_bring_them_in_by_name(load):
    staff("ana", "agent")
    staff("mia", "manager")
    code, result = load(FEE, options=("--by", "ana"))
    assert (code, result["posted"], result["errors"]) == (1, 0, ["ana has not the permission ledger.post_journalentry"])
    assert load(FEE, options=("--by", "mia"))[0] == 0
    assert JournalEntry.objects.get().posted_by.username == "mia"
    assert not Claim.objects.exists()


# --- held against the books


def problems() -> list[str]:
    return list(inflows.mismatched(assessment.liquidations()))


@pytest.fixture
def books(load):
    """A fee with what was left, and a cover that the company had to help with; none of it wrong."""
    load(FEE | {"surplus": "5"}, FEE | {"liquidation_id": "7003", "bankruptcy_cover": "200"})
    assert problems() == []


def as_superuser(sql: str) -> None:
    """Past the laws, as somebody with the database's own rights would go."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(
            "ALTER TABLE ledger_journalentry DISABLE TRIGGER USER, DROP CONSTRAINT entry_has_a_first_transfer;"
            " ALTER TABLE ledger_transfer DISABLE TRIGGER USER"
        )
        cursor.execute(sql)


BOOKED = "of a liquidation is booked as"
ELSEWHERE = f"(SELECT id FROM ledger_account WHERE name = '{LIQUIDATION_SURPLUS}')"  # noqa: S608
TAMPERED = [
    (
        "UPDATE incidents_liquidation SET fee = 82.51 WHERE liquidation_id = '7001'",
        f"LIQ-7001: 82.51 USDT {BOOKED} liquidation fee on 2022-11-16, {CASH} ← {LIQUIDATION_FEES} 82.5 USDT",
    ),
    (
        "UPDATE incidents_liquidation SET surplus = 0 WHERE liquidation_id = '7001'",
        "LIQ-7001/surplus: liquidation surplus without a liquidation",
    ),
    (
        "UPDATE incidents_liquidation SET liquidated_at = '2022-11-17T00:00:00Z' WHERE liquidation_id = '7001';"
        "UPDATE ledger_journalentry SET effective_on = '2022-11-17' WHERE reference = 'LIQ-7001'",
        f"LIQ-7001/surplus: 5 USDT {BOOKED} liquidation surplus on 2022-11-16, {CASH} ← {LIQUIDATION_SURPLUS} 5 USDT",
    ),
    (
        "UPDATE ledger_journalentry SET reference = 'other' WHERE reference = 'LIQ-7003/cover';"
        "UPDATE ledger_journalentry SET reference = 'elsewhere' WHERE category = 'company_topup'",
        "LIQ-7003/cover: 200 USDT of a liquidation is not in the books",
    ),
    (
        f"UPDATE ledger_transfer t SET credit_id = {ELSEWHERE} FROM ledger_journalentry e"  # noqa: S608
        " WHERE e.id = t.entry_id AND e.reference = 'LIQ-7003'",
        f"LIQ-7003: 82.5 USDT {BOOKED} liquidation fee on 2022-11-16, {CASH} ← {LIQUIDATION_SURPLUS} 82.5 USDT",
    ),
    (
        "DELETE FROM ledger_transfer WHERE amount = 5",
        "LIQ-7001/surplus: 5 USDT of a liquidation is booked as liquidation surplus on 2022-11-16, no transfer",
    ),
    (
        "UPDATE ledger_journalentry SET reference = 'LIQ-1/cover/topup-USDT' WHERE category = 'company_topup'",
        "LIQ-1/cover/topup-USDT: a top-up for a liquidation that is not in the books",
    ),
]


@pytest.mark.parametrize(("tampered", "named"), TAMPERED)
def test_a_liquidation_that_is_not_in_the_books_as_it_was_is_named(books, tampered, named):
    as_superuser(tampered)
    assert problems() == [named]


def test_an_entry_of_a_liquidation_that_nobody_reported_is_named(books):
    done("post_entry", entry_under("LIQ-9999"), "--by", staff("mia", "manager").username)
    assert problems() == ["LIQ-9999: liquidation fee without a liquidation"]
    code, result = portal("verify_ledger")
    assert (code, result["problems"]) == (1, ["LIQ-9999: liquidation fee without a liquidation"])


def test_a_fee_reversed_by_hand_is_no_mismatch(books):
    undo("LIQ-7001", "LIQ-7001/reversed")
    assert problems() == []


# --- recordings of the stream of force orders


def test_the_side_of_a_force_order_is_the_closing_one(load):
    code, result = load(
        FORCED
        + "2022-11-16T14:20:00.306000,BTCUSDT,SELL,16500.0,0.3,4950.0\n"
        + "2022-11-16T14:21:00,BTCUSDT,BUY,16500.1,0.003,49.500299999999996\n",
        options=PRESET,
    )
    assert (code, result["posted"], result["mismatched"], result["totals"]) == (0, 2, 0, {"USDT": "50.00"})
    facts = Liquidation.objects.order_by("liquidated_at").values_list("side", "fee", "quantity", "liquidated_at")
    assert list(facts) == [
        ("long", Decimal("49.5"), Decimal("0.3"), datetime(2022, 11, 16, 14, 20, 0, 306_000, tzinfo=UTC)),
        ("short", Decimal("0.5"), Decimal("0.003"), datetime(2022, 11, 16, 14, 21, tzinfo=UTC)),
    ]


def test_rows_alike_are_told_apart_and_the_same_row_of_another_recording_is_known(load):
    row = "2022-11-16T14:20:00,BTCUSDT,SELL,16500,0.3,4950\n"
    assert load(FORCED + row + row, options=PRESET)[1]["posted"] == 2
    again = row.replace("16500,", "16500.00,").replace("14:20:00,", "22:20:00.000,")
    _code, result = load(FORCED + again * 3, options=("--preset", "binance-forceorders", "--timezone", "Asia/Shanghai"))
    assert (result["posted"], result["unchanged"]) == (1, 2)


def test_a_new_rate_does_not_change_what_is_in_the_books(load):
    row = "2022-11-16T14:20:00,BTCUSDT,SELL,16500,0.3,4950\n"
    load(FORCED + row, options=PRESET)
    Instrument.objects.update(liquidation_fee_rate=Decimal("0.02"))
    code, result = load(FORCED + row, options=PRESET)
    assert (code, result["posted"], result["unchanged"]) == (0, 0, 1)
    assert Liquidation.objects.get().fee == Decimal("49.5")


def test_a_recording_without_its_clock_is_refused(load):
    code, result = load(FORCED + "2022-11-16T14:20:00,BTCUSDT,SELL,16500,0.3,4950\n", options=PRESET[:2])
    assert (code, result["errors"]) == (
        1,
        ["a recording of force orders does not say what clock its times are of: state it (--timezone UTC)"],
    )


def test_a_value_that_does_not_add_up_and_a_rate_that_is_missing_are_named(load):
    Instrument.objects.filter(symbol="XBTUSD").update(liquidation_fee_rate=0)
    _code, result = load(
        FORCED + "2022-11-16T14:20:00,BTCUSDT,SELL,16500,0.3,4951\n2022-11-16T14:20:00,XBTUSD,LONG,16500,3,\n"
        "2022-11-16T14:20:00,XBTUSD,SELL,16500,3,\n",
        options=PRESET,
    )
    assert result["errors"] == [
        'line 2, column usd_value: "4951" - expected avg_price × filled_qty',
        'line 3, column side: "LONG" - expected one of: SELL, BUY',
        'line 4, column symbol: "XBTUSD" - expected an instrument with a liquidation_fee_rate: this file records no fees',
    ]


@pytest.mark.shared
def test_a_real_recording_names_every_unknown_symbol_and_then_adds_up(shared, load):
    file = shared / "data/liquidations/binance_forceorders_20251022_sample.csv"
    with file.open(newline="") as source:
        rows = list(csv.DictReader(source))
    code, result = portal("import_liquidations", file, *PRESET)
    known = Counter(row["symbol"] for row in rows)["BTCUSDT"]
    assert (code, result["rows"], result["rejected"], len(result["errors"])) == (1, 110, 110 - known, 110 - known)
    assert sum('"币安人生USDT"' in error for error in result["errors"]) == 4
    rate = Decimal("0.005")
    for symbol in {row["symbol"] for row in rows}:
        fields = {"margin": "linear", "base_id": "BTC", "quote_id": "USDT", "settle_id": "USDT"}
        Instrument.objects.update_or_create(symbol=symbol, defaults=fields | {"liquidation_fee_rate": rate})
    code, result = portal("import_liquidations", file, *PRESET)
    fees = [
        (Decimal(row["avg_price"]) * Decimal(row["filled_qty"]) * rate).quantize(Decimal("0.01"), ROUND_HALF_UP)
        for row in rows
    ]
    assert (code, result["rows"], result["posted"], result["mismatched"]) == (0, 110, 110, 0)
    assert result["totals"] == {"USDT": f"{sum(fees):f}"}
    assert Liquidation.objects.filter(side="long").count() == 88  # SELL closes a long
    assert Liquidation.objects.filter(instrument__symbol="币安人生USDT").count() == 4
    assert portal("import_liquidations", file, *PRESET)[1]["unchanged"] == 110
    assert done("verify_ledger")["ok"] is True
