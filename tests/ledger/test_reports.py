"""The reports of the books, on the worked quarter (tests/ledger/quarter.py): an accountant can follow each figure."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from jobs.paper import Asked
from ledger import closing, papers, reports
from ledger.models import Transfer
from ledger.reports import Line, balances, trial_balance
from tests.ledger.books import book, undo
from tests.ledger.quarter import close_october, noon, november, october, price_btc, quarter

NOW = noon(date(2023, 1, 2))


def money(text: str) -> Decimal | None:
    return None if text in ("-", "") else Decimal(text.replace(",", ""))


def table(paper, name: str = "rows") -> list[list]:
    return [list(row) for row in paper.table(name).rows]


def fund(*rows: str) -> list[list]:
    """Rows of the fund's report as written on paper: 'USDT cash opening - - 0.00'."""
    return [[*row.split()[:3], *map(money, row.split()[3:])] for row in rows]


@pytest.mark.django_db
class TestTheFundsQuarter:
    @pytest.fixture(autouse=True)
    def books(self):
        quarter()

    def test_the_whole_quarter(self):
        report = papers.fund(first=date(2022, 10, 1), last=date(2022, 12, 31), now=NOW)
        assert table(report) == fund(
            "BTC  cash      opening             -          -          0.00000000",
            "BTC  cash      seed_capital        0.50000000 0.00000000 -",
            "BTC  cash      company_topup       0.04880000 0.00000000 -",
            "BTC  cash      liquidation_fee     0.00120000 0.00000000 -",
            "BTC  cash      bankruptcy_cover    0.00000000 0.10000000 -",
            "BTC  cash      outage_compensation 0.00000000 0.45000000 -",
            "BTC  cash      closing             -          -          0.00000000",
            "BTC  committed opening             -          -          0.00000000",
            "BTC  committed outage_compensation 0.45000000 0.45000000 -",
            "BTC  committed closing             -          -          0.00000000",
            "BTC  available opening             -          -          0.00000000",
            "BTC  available seed_capital        0.50000000 0.00000000 -",
            "BTC  available company_topup       0.04880000 0.00000000 -",
            "BTC  available liquidation_fee     0.00120000 0.00000000 -",
            "BTC  available bankruptcy_cover    0.00000000 0.10000000 -",
            "BTC  available outage_compensation 0.00000000 0.45000000 -",
            "BTC  available closing             -          -          0.00000000",
            "USDT cash      opening             -          -          0.00",
            "USDT cash      seed_capital        1000.00    0.00       -",
            "USDT cash      company_topup       500.00     0.00       -",
            "USDT cash      liquidation_fee     16.50      0.00       -",
            "USDT cash      liquidation_surplus 3.10       0.00       -",
            "USDT cash      outage_compensation 0.00       35.50      -",
            "USDT cash      goodwill_bonus      0.00       20.00      -",
            "USDT cash      fee_refund          0.00       1.25       -",
            "USDT cash      correction          0.00       8.25       -",
            "USDT cash      closing             -          -          1454.60",
            "USDT committed opening             -          -          0.00",
            "USDT committed outage_compensation 35.50      35.50      -",
            "USDT committed goodwill_bonus      20.00      20.00      -",
            "USDT committed fee_refund          1.25       1.25       -",
            "USDT committed closing             -          -          0.00",
            "USDT available opening             -          -          0.00",
            "USDT available seed_capital        1000.00    0.00       -",
            "USDT available company_topup       500.00     0.00       -",
            "USDT available liquidation_fee     16.50      0.00       -",
            "USDT available liquidation_surplus 3.10       0.00       -",
            "USDT available outage_compensation 0.00       35.50      -",
            "USDT available goodwill_bonus      0.00       20.00      -",
            "USDT available fee_refund          0.00       1.25       -",
            "USDT available correction          0.00       8.25       -",
            "USDT available closing             -          -          1454.60",
        )

    def test_november_begins_where_october_was_closed(self):
        report = papers.fund(first=date(2022, 11, 1), last=date(2022, 11, 30), now=NOW)
        usdt = [row for row in table(report) if row[0] == "USDT" and row[1] != "cash"]
        assert usdt == fund(
            "USDT committed opening             -     -     0.00",
            "USDT committed outage_compensation 35.50 35.50 -",
            "USDT committed goodwill_bonus      20.00 20.00 -",
            "USDT committed fee_refund          1.25  0.00  -",  # owed to Dora, paid in December
            "USDT committed closing             -     -     1.25",
            "USDT available opening             -     -     1016.50",  # with the fee that October had twice
            "USDT available liquidation_surplus 3.10  0.00  -",
            "USDT available outage_compensation 0.00  35.50 -",
            "USDT available goodwill_bonus      0.00  20.00 -",
            "USDT available fee_refund          0.00  1.25  -",
            "USDT available correction          0.00  8.25  -",
            "USDT available closing             -     -     954.60",
        )

    def test_the_company_s_top_ups_stand_apart(self):
        report = papers.fund(first=date(2022, 10, 1), last=date(2022, 12, 31), now=NOW)
        assert table(report, "topups") == [
            ["BTC", 1, Decimal("0.04880000"), Decimal("0.00000000"), Decimal("-0.04880000")],
            ["USDT", 1, Decimal("500.00"), Decimal("1454.60"), Decimal("954.60")],
        ]

    def test_as_of_an_instant_only_what_was_posted_by_then(self):
        before = table(papers.fund(as_of=noon(date(2022, 11, 18)) - timedelta(microseconds=1), now=NOW))
        at = table(papers.fund(as_of=noon(date(2022, 11, 18)), now=NOW))
        assert [row[5] for row in before if row[:3] == ["BTC", "available", "closing"]] == [Decimal("0.40120000")]
        assert [row[5] for row in at if row[:3] == ["BTC", "committed", "closing"]] == [Decimal("0.45000000")]

    def test_opening_and_what_came_less_what_went_is_closing(self):
        days = [date(2022, 10, 1) + timedelta(days=n) for n in range(0, 92, 7)]
        for first in days:
            for row in _added_up(papers.fund(first=first, last=first + timedelta(days=20), now=NOW)):
                assert row["opening"] + row["in"] - row["out"] == row["closing"]

    def test_valued_in_usdt_at_the_rate_in_force(self):
        mia = User.objects.get(username="mia")
        price_btc("20512.00", on=date(2022, 10, 31), by=mia)
        price_btc("16440.00", on=date(2022, 11, 18), by=mia)
        report = papers.fund(last=date(2022, 11, 18), in_asset="USDT", now=NOW)
        assert table(report, "worth") == [
            [
                "BTC", Decimal("0.45000000"), Decimal("0.45000000"), Decimal("0.00000000"),
                Decimal(16440), noon(date(2022, 11, 18)), "Binance, close of the day",
                Decimal("7398.00"), Decimal("7398.00"), Decimal("0.00"), Decimal("802.27"),  # 0.0488 BTC = 802.272 USDT
            ],
            [
                "USDT", Decimal("1008.25"), Decimal("55.50"), Decimal("952.75"), Decimal(1), None, "",
                Decimal("1008.25"), Decimal("55.50"), Decimal("952.75"), Decimal("0.00"),
            ],
        ]  # fmt: skip
        total = Decimal("8406.25"), Decimal("7453.50"), Decimal("952.75"), Decimal("802.27"), Decimal("150.48")
        assert table(report, "total") == [["USDT", *total, ""]]

    def test_a_later_rate_is_not_in_force_yet_and_the_total_names_what_it_leaves_out(self):
        price_btc(on=date(2022, 12, 31), by=User.objects.get(username="mia"))
        report = papers.fund(last=date(2022, 11, 18), in_asset="USDT", now=NOW)
        assert table(report, "worth")[0][4:] == [None, None, "", None, None, None, None]
        [total] = table(report, "total")
        assert (total[1], total[-1]) == (Decimal("1008.25"), "BTC")

    def test_of_two_rates_for_one_instant_the_last_one_entered_counts(self):
        mia = User.objects.get(username="mia")
        price_btc("16571.90", by=mia)
        price_btc("16571.00", by=mia)
        assert table(papers.fund(in_asset="USDT", now=NOW), "worth")[0][4] == Decimal(16571)

    def test_the_trial_balance_is_the_same_whichever_way_it_is_found(self):
        for day in (date(2022, 10, 1) + timedelta(days=n) for n in range(95)):
            assert balances(day) == Transfer.objects.effective(last=day).sums()
        assert balances() == Transfer.objects.sums() == balances(NOW)

    def test_a_statement_from_a_day_to_a_day(self):
        report = papers.statement(
            account="Assets:Fund:Cash", asset="USDT", first=date(2022, 11, 2), last=date(2022, 11, 25)
        )
        shown = [[row[0], row[1] and str(row[1]), row[4], row[6], *row[7:]] for row in report.table("rows").rows]
        assert shown == [
            ["opening", None, None, None, None, None, Decimal("1016.50"), "USDT"],
            ["correction", "2022-11-02", "LIQ-7001-twice/reversed", "Income:LiquidationFees",
             None, Decimal("8.25"), Decimal("1008.25"), "USDT"],
            ["liquidation_surplus", "2022-11-21", "LIQ-7003/surplus", "Income:LiquidationSurplus",
             Decimal("3.10"), None, Decimal("1011.35"), "USDT"],
            ["outage_compensation", "2022-11-25", "CLM-000001/award-1/USDT/paid", "Liabilities:Payable:Compensation",
             None, Decimal("35.50"), Decimal("975.85"), "USDT"],
            ["goodwill_bonus", "2022-11-25", "CLM-000001/goodwill/paid", "Liabilities:Payable:Goodwill",
             None, Decimal("20.00"), Decimal("955.85"), "USDT"],
            ["closing", None, None, None, Decimal("3.10"), Decimal("63.75"), Decimal("955.85"), "USDT"],
        ]  # fmt: skip

    def test_a_statement_shows_asset_by_asset(self):
        rows = table(papers.statement(account="Assets:Fund:Cash"))
        assert [row[10] for row in rows] == ["BTC"] * 7 + ["USDT"] * 11
        assert [(row[0], row[9]) for row in rows if row[0] == "closing"] == [
            ("closing", Decimal("0.00000000")),
            ("closing", Decimal("1454.60")),
        ]

    def test_a_statement_as_of_an_instant(self):
        at = noon(date(2022, 10, 10))
        rows = table(papers.statement(account="Assets:Fund:Cash", asset="USDT", as_of=at))
        assert [row[4] for row in rows] == [None, "seed", "LIQ-7001", "LIQ-7001-twice", None]
        assert rows[-1][9] == Decimal("1016.50")

    def test_a_statement_of_a_quiet_time_has_its_balances(self):
        rows = table(papers.statement(account="Equity:SeedCapital", asset="USDT", first=date(2022, 12, 1)))
        assert [(row[0], row[9]) for row in rows] == [
            ("opening", Decimal("-1000.00")),
            ("closing", Decimal("-1000.00")),
        ]

    def test_the_last_balance_of_every_statement_is_the_trial_balance_s(self):
        for day in (date(2022, 10, 31), date(2022, 11, 18), date(2022, 12, 31)):
            for line in trial_balance(day):
                for first in (None, date(2022, 10, 5), date(2022, 11, 1), date(2022, 11, 10)):
                    if first is None or first <= day:
                        rows = table(papers.statement(account=line.account, asset=line.asset, first=first, last=day))
                        assert rows[-1][9] == line.balance

    def test_a_page_of_a_statement_is_a_part_of_it(self):
        rows = papers.statement(account="Assets:Fund:Cash").table("rows").rows
        assert len(rows) == 18
        assert rows[5:9] == list(rows)[5:9]
        assert rows[16:30] == list(rows)[16:]

    def test_query_counts(self, django_assert_num_queries):
        with django_assert_num_queries(2):
            papers.trial_balance()
        with django_assert_num_queries(5):  # the period, its balances, both sides of what came after it; decimals
            papers.trial_balance(as_of=date(2022, 11, 30))
        with django_assert_num_queries(2):
            table(papers.statement(account="Assets:Fund:Cash", first=date(2022, 11, 1)))
        with django_assert_num_queries(15):
            papers.fund(first=date(2022, 11, 1), last=date(2022, 12, 31), in_asset="USDT", now=NOW)


def _added_up(paper) -> list[dict]:
    found: dict[tuple, dict] = {}
    for asset, measure, category, came, went, amount in paper.table("rows").rows:
        sums = found.setdefault((asset, measure), {"in": Decimal(0), "out": Decimal(0)})
        if amount is None:
            sums |= {"in": sums["in"] + came, "out": sums["out"] + went}
        else:
            sums[category] = amount
    return list(found.values())


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (
            {"account": "Assets:Petty"},
            "there is no account 'Assets:Petty'; the chart of accounts has: Assets:Fund:Cash",
        ),
        ({"account": "Expenses:Compensation"}, "Expenses:Compensation was never posted to"),
        ({"account": "Assets:Fund:Cash", "asset": "ETH"}, "Assets:Fund:Cash was never posted to in ETH"),
        ({"account": "Assets:Fund:Cash", "first": date(2022, 11, 2), "last": date(2022, 11, 1)}, "2022-11-02 is after"),
        ({"account": "Assets:Fund:Cash", "last": date(2022, 11, 2), "as_of": date(2022, 11, 1)}, "not both"),
        ({"account": "Assets:Fund:Cash", "first": date(2022, 11, 2), "as_of": NOW}, "as of an instant the books begin"),
    ],
)
def test_what_cannot_be_told_is_refused_with_the_reason(asked, reason):
    october()
    with pytest.raises(Asked, match=reason):
        papers.statement(**asked)


@pytest.mark.django_db
def test_the_fund_is_not_valued_in_an_unknown_asset():
    with pytest.raises(Asked, match="the books have no asset 'DOGE'; they have: AUD, CHF, "):
        papers.fund(in_asset="DOGE", now=NOW)


@pytest.mark.django_db
def test_empty_books_have_empty_reports():
    assert table(papers.trial_balance()) == table(papers.trial_balance(), "totals") == []
    assert table(papers.fund(now=NOW)) == table(papers.fund(now=NOW), "topups") == []


@pytest.mark.django_db
def test_what_is_posted_late_counts_on_its_day_and_only_from_its_posting_on():
    october()
    book("seed_capital", "late", "50 USDT", day=date(2022, 10, 2), now=noon(date(2022, 11, 9)))
    cash = Line("Assets:Fund:Cash", "USDT", Decimal("1066.50"), Decimal("0.00"))
    assert cash in trial_balance(date(2022, 10, 31))
    assert cash not in trial_balance(datetime.combine(date(2022, 10, 31), time.max, UTC))


@pytest.mark.django_db
def test_a_day_after_two_closed_months_stands_on_the_last_one():
    october()
    close_october()
    november()
    mia, max_ = User.objects.get(username="mia"), User.objects.get(username="max")
    at = noon(date(2022, 12, 2))
    before = balances(date(2022, 12, 1))
    closing.close(closing.propose(date(2022, 11, 30), by=max_, now=at).pk, by=mia, now=at)
    assert balances(date(2022, 12, 1)) == before == balances(date(2022, 11, 30))


class AnyBooks(TestCase):
    """Whatever was posted, reversed and asked for, each way to a balance finds the same."""

    @settings(max_examples=25, deadline=None)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(
                    ["seed_capital", "liquidation_fee", "bankruptcy_cover", "outage_compensation", "goodwill_bonus"]
                ),
                st.integers(min_value=1, max_value=10**12),
                st.sampled_from(["USDT", "BTC"]),
                st.integers(min_value=0, max_value=60),
                st.booleans(),
            ),
            max_size=12,
        ),
        st.integers(min_value=0, max_value=70),
    )
    def test_three_roads_to_the_same_sums(self, facts, days):
        for number, (category, amount, asset, day, undone) in enumerate(facts):
            text = f"{Decimal(amount).scaleb(-2 if asset == 'USDT' else -8):f} {asset}"
            book(category, f"f{number}", text, day=date(2022, 10, 1) + timedelta(days=day))
            if undone:
                undo(f"f{number}", f"f{number}/undone", day=date(2022, 10, 1) + timedelta(days=day + 5))
        day = date(2022, 10, 1) + timedelta(days=days)
        assert balances() == Transfer.objects.sums()
        assert balances(day) == Transfer.objects.effective(last=day).sums()
        for row in _added_up(papers.fund(first=day - timedelta(days=20), last=day, now=NOW)):
            assert row["opening"] + row["in"] - row["out"] == row["closing"]
        assert all(total.balance == 0 for total in reports.totals(trial_balance(day)).values())
