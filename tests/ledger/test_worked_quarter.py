"""The fund's fourth quarter of 2022, posted fact by fact and worked by hand, in USDT and in BTC.

After each step the balance sheet is what an accountant would write beside it: debits less credits of every account that moved.
"""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db.models import F, Sum

from ledger import closing, journal
from ledger.journal import COMMITTED, Draft, Fact
from ledger.models import Balance, ClosingBalance, JournalEntry, Period
from ledger.posting import PostingError, available, balance, post, post_manual, reverse
from ledger.verification import problems
from tests.factories import staff

pytestmark = pytest.mark.django_db


def at(day: date) -> datetime:
    """Posted the next morning, when the day is over."""
    return datetime(day.year, day.month, day.day, 9, tzinfo=UTC)


def entry(fact: Fact, reference: str, day: date, *amounts: str, description: str) -> Draft:
    """`entry(FEE_RECEIVED, "liq/7001", DAY, "8.25 USDT", …)`."""
    moves = tuple(fact.move(Decimal(amount.split()[0]), amount.split()[1]) for amount in amounts)
    return Draft(reference, fact.category, day, description, moves)


def book(*facts, **says) -> JournalEntry:
    made = entry(*facts, **says)
    return post([made], by=None, now=at(made.effective_on))[made.reference]


def balances(asset: str) -> dict[str, str]:
    """Debits less credits of every account of an asset, now, with the asset's decimals; what stands at nothing is left out."""
    rows = Balance.objects.filter(account__asset=asset).values("account__name")
    sums = rows.annotate(balance=Sum(F("debits") - F("credits"))).order_by("account__name")
    decimals = {"USDT": 2, "BTC": 8}[asset]
    return {row["account__name"]: f"{row['balance']:.{decimals}f}" for row in sums if row["balance"]}


def committed(asset: str) -> Decimal:
    return -sum(balance(name, asset) for name in COMMITTED)


def kept(period: Period, asset: str) -> dict[str, tuple[str, str]]:
    """Debits and credits that a closing stored."""
    rows = ClosingBalance.objects.filter(period=period, account__asset=asset).order_by("account__name")
    decimals = {"USDT": 2, "BTC": 8}[asset]
    return {row.account.name: (f"{row.debits:.{decimals}f}", f"{row.credits:.{decimals}f}") for row in rows}


def seed_paid_in(mia) -> None:
    """1 October: the company pays in its seed. Mia posts it by hand."""
    seed = entry(
        journal.SEED_PAID_IN, "seed-2022", date(2022, 10, 1), "10000.00 USDT", "1.00000000 BTC", description="The seed"
    )
    post_manual(seed, by=mia, now=at(date(2022, 10, 1)))
    assert balances("USDT") == {"Assets:Fund:Cash": "10000.00", "Equity:SeedCapital": "-10000.00"}
    assert balances("BTC") == {"Assets:Fund:Cash": "1.00000000", "Equity:SeedCapital": "-1.00000000"}


def october_of_the_fund() -> None:
    """Fees, one of them booked twice; a surplus comes in, a bankruptcy is covered; the second fee is reversed."""
    book(journal.FEE_RECEIVED, "liq/7001", date(2022, 10, 12), "8.25 USDT", description="Liquidation 7001")
    book(journal.FEE_RECEIVED, "liq/7001-twice", date(2022, 10, 12), "8.25 USDT", description="Liquidation 7001 again")
    book(journal.FEE_RECEIVED, "liq/7002", date(2022, 10, 13), "0.00250001 BTC", description="Liquidation 7002")
    book(
        journal.SURPLUS_RECEIVED, "liq/7003/surplus", date(2022, 10, 20), "120.00 USDT", description="Liquidation 7003"
    )
    assert available("USDT") == Decimal("10136.50")  # 10000.00 + 8.25 + 8.25 + 120.00
    book(journal.LOSS_COVERED, "liq/7004/cover", date(2022, 10, 25), "400.00 USDT", description="Liquidation 7004")
    assert available("USDT") == Decimal("9736.50")  # less 400.00
    undone = reverse(
        "liq/7001-twice", new_reference="liq/7001-twice/reversed", description="Twice", effective_on=date(2022, 10, 31)
    )
    post([undone], by=None, now=at(date(2022, 10, 31)))
    assert balances("USDT") == {
        "Assets:Fund:Cash": "9728.25",  # 9736.50 − 8.25
        "Equity:SeedCapital": "-10000.00",
        "Expenses:BankruptcyCover": "400.00",
        "Income:LiquidationFees": "-8.25",  # 8.25 + 8.25 − 8.25
        "Income:LiquidationSurplus": "-120.00",
    }
    assert balances("BTC") == {
        "Assets:Fund:Cash": "1.00250001",
        "Equity:SeedCapital": "-1.00000000",
        "Income:LiquidationFees": "-0.00250001",
    }


def october_closed(mia, max_) -> Period:
    """2 November: Mia proposes, Max closes. Turnover on both sides is kept, the error and its reversal included."""
    now = at(date(2022, 11, 2))
    period = closing.close(closing.propose(date(2022, 10, 31), by=mia, now=now).pk, by=max_, now=now)
    assert kept(period, "USDT") == {
        "Assets:Fund:Cash": ("10136.50", "408.25"),  # in: seed, two fees, surplus; out: cover, reversal
        "Equity:SeedCapital": ("0.00", "10000.00"),
        "Expenses:BankruptcyCover": ("400.00", "0.00"),
        "Income:LiquidationFees": ("8.25", "16.50"),
        "Income:LiquidationSurplus": ("0.00", "120.00"),
    }
    assert kept(period, "BTC") == {
        "Assets:Fund:Cash": ("1.00250001", "0.00000000"),
        "Equity:SeedCapital": ("0.00000000", "1.00000000"),
        "Income:LiquidationFees": ("0.00000000", "0.00250001"),
    }
    return period


def a_fee_that_came_late() -> None:
    """A fee of 30 October arrives on 3 November: October is closed, so it counts on the day it came."""
    facts = {"description": "Liquidation 7005, of 30 October"}
    with pytest.raises(PostingError, match="the books are closed through 2022-10-31"):
        book(journal.FEE_RECEIVED, "liq/7005", date(2022, 10, 30), "3.50 USDT", **facts)
    book(journal.FEE_RECEIVED, "liq/7005", date(2022, 11, 3), "3.50 USDT", **facts)
    assert available("USDT") == Decimal("9731.75")  # 9728.25 + 3.50


def the_outage_is_made_good() -> None:
    """18 November: what was approved is owed from now on. In BTC the fund lacks 0.24749999, and the company brings it first."""
    day = date(2022, 11, 18)
    book(
        journal.COMPENSATION_APPROVED, "CLM-000001/award-1", day, "9000.00 USDT", "1.25000000 BTC", description="Carla"
    )
    book(journal.GOODWILL_GRANTED, "CLM-000001/goodwill", day, "20.00 USDT", description="Carla's bonus")
    book(journal.FEE_REFUND_APPROVED, "CLM-000001/refund", day, "8.25 USDT", description="Fee of liquidation 7001")
    assert (available("USDT"), committed("USDT")) == (Decimal("703.50"), Decimal("9028.25"))  # 9731.75 − 9028.25
    assert (available("BTC"), committed("BTC")) == (Decimal(0), Decimal("1.25"))
    assert balances("BTC") == {
        "Assets:Fund:Cash": "1.25000000",  # 1.00250001 + 0.24749999
        "Equity:SeedCapital": "-1.00000000",
        "Expenses:Compensation": "1.25000000",
        "Income:CompanyTopup": "-0.24749999",
        "Income:LiquidationFees": "-0.00250001",
        "Liabilities:Payable:Compensation": "-1.25000000",
    }
    top_up, award = JournalEntry.objects.filter(reference__startswith="CLM-000001/award-1").order_by("pk")
    assert (top_up.reference, top_up.effective_on) == ("CLM-000001/award-1/topup-BTC", day)
    assert award.transfer_count == 2


def a_loss_beyond_the_fund() -> None:
    """22 November: a cover of 900.00 meets 703.50 available, though cash is 9731.75: what is promised is not touched."""
    book(journal.LOSS_COVERED, "liq/7006/cover", date(2022, 11, 22), "900.00 USDT", description="Liquidation 7006")
    assert (available("USDT"), committed("USDT")) == (Decimal(0), Decimal("9028.25"))
    assert balances("USDT") == {
        "Assets:Fund:Cash": "9028.25",  # 9731.75 + 196.50 − 900.00
        "Equity:SeedCapital": "-10000.00",
        "Expenses:BankruptcyCover": "1300.00",  # 400.00 + 900.00
        "Expenses:Compensation": "9000.00",
        "Expenses:Goodwill": "20.00",
        "Income:CompanyTopup": "-196.50",
        "Income:LiquidationFees": "-3.50",  # 8.25 + 3.50 − 8.25 to be refunded
        "Income:LiquidationSurplus": "-120.00",
        "Liabilities:Payable:Compensation": "-9008.25",  # 9000.00 and the refund
        "Liabilities:Payable:Goodwill": "-20.00",
    }


def the_customers_are_paid() -> None:
    """25 November: payables against cash. Nothing is available more or less, nothing is committed any longer."""
    day = date(2022, 11, 25)
    for fact, kind, amounts in (
        (journal.COMPENSATION_PAID, "award-1", ("9000.00 USDT", "1.25000000 BTC")),
        (journal.GOODWILL_PAID, "goodwill", ("20.00 USDT",)),
        (journal.FEE_REFUND_PAID, "refund", ("8.25 USDT",)),
    ):
        book(fact, f"CLM-000001/{kind}/paid", day, *amounts, description="Payout 1")
    assert (available("USDT"), committed("USDT")) == (0, 0)
    assert (available("BTC"), committed("BTC")) == (0, 0)
    assert balances("USDT") == {
        "Equity:SeedCapital": "-10000.00",  # and no cash: 9028.25 − 9000.00 − 20.00 − 8.25
        "Expenses:BankruptcyCover": "1300.00",
        "Expenses:Compensation": "9000.00",
        "Expenses:Goodwill": "20.00",
        "Income:CompanyTopup": "-196.50",
        "Income:LiquidationFees": "-3.50",
        "Income:LiquidationSurplus": "-120.00",
    }


def december_of_the_fund() -> None:
    """Fees come in, one is refunded at once; the company tops up by hand; an award of November is undone, which frees it."""
    book(journal.FEE_RECEIVED, "liq/7100", date(2022, 12, 5), "50.00 USDT", description="Liquidation 7100")
    book(journal.FEE_REFUNDED, "liq/7100/refund", date(2022, 12, 6), "5.00 USDT", description="Part of 7100's fee")
    book(journal.TOPPED_UP, "topup-december", date(2022, 12, 7), "500.00 USDT", description="As the board decided")
    book(journal.COMPENSATION_APPROVED, "CLM-000002/award-1", date(2022, 12, 8), "35.50 USDT", description="Cai")
    assert (available("USDT"), committed("USDT")) == (Decimal("509.50"), Decimal("35.50"))  # 50 − 5 + 500 − 35.50
    undone = reverse(
        "CLM-000002/award-1",
        new_reference="CLM-000002/award-1/reversed",
        description="Cai withdrew",
        effective_on=date(2022, 12, 9),
    )
    post([undone], by=None, now=at(date(2022, 12, 9)))
    assert (available("USDT"), committed("USDT")) == (Decimal("545.00"), Decimal(0))


def the_quarter_closed(mia, max_) -> Period:
    """2 January: the year is closed by the two of them, this time the other way round. November needed no closing of its own."""
    now = at(date(2023, 1, 2))
    period = closing.close(closing.propose(date(2022, 12, 31), by=max_, now=now).pk, by=mia, now=now)
    assert kept(period, "USDT") == {
        "Assets:Fund:Cash": ("10886.50", "10341.50"),  # 545.00 more in than out
        "Equity:SeedCapital": ("0.00", "10000.00"),
        "Expenses:BankruptcyCover": ("1300.00", "0.00"),
        "Expenses:Compensation": ("9035.50", "35.50"),
        "Expenses:Goodwill": ("20.00", "0.00"),
        "Income:CompanyTopup": ("0.00", "696.50"),  # 196.50 + 500.00
        "Income:LiquidationFees": ("21.50", "70.00"),  # 8.25 + 8.25 + 5.00; 8.25 + 8.25 + 3.50 + 50.00
        "Income:LiquidationSurplus": ("0.00", "120.00"),
        "Liabilities:Payable:Compensation": ("9043.75", "9043.75"),  # owed, paid or undone: even
        "Liabilities:Payable:Goodwill": ("20.00", "20.00"),
    }
    assert kept(period, "BTC") == {
        "Assets:Fund:Cash": ("1.25000000", "1.25000000"),
        "Equity:SeedCapital": ("0.00000000", "1.00000000"),
        "Expenses:Compensation": ("1.25000000", "0.00000000"),
        "Income:CompanyTopup": ("0.00000000", "0.24749999"),
        "Income:LiquidationFees": ("0.00000000", "0.00250001"),
        "Liabilities:Payable:Compensation": ("1.25000000", "1.25000000"),
    }
    return period


def everything_said_twice() -> None:
    """Whoever sends an old fact again, closed period or not, gets the old entry, and the books are as they were."""
    before = (JournalEntry.objects.count(), balances("USDT"), balances("BTC"))
    a_cover = {"description": "Liquidation 7006"}
    again = book(journal.LOSS_COVERED, "liq/7006/cover", date(2022, 11, 22), "900.00 USDT", **a_cover)
    assert again == JournalEntry.objects.get(reference="liq/7006/cover")
    with pytest.raises(PostingError, match="'liq/7006/cover' is already in the books as another fact"):
        book(journal.LOSS_COVERED, "liq/7006/cover", date(2022, 11, 22), "900.01 USDT", **a_cover)
    assert (JournalEntry.objects.count(), balances("USDT"), balances("BTC")) == before


def test_a_quarter_of_the_fund():
    mia, max_ = staff("mia", "manager"), staff("max", "manager")
    seed_paid_in(mia)
    october_of_the_fund()
    october = october_closed(mia, max_)
    a_fee_that_came_late()
    the_outage_is_made_good()
    a_loss_beyond_the_fund()
    the_customers_are_paid()
    december_of_the_fund()
    assert kept(october, "USDT")["Assets:Fund:Cash"] == ("10136.50", "408.25")  # closed stays closed
    the_quarter_closed(mia, max_)
    everything_said_twice()
    categories = set(JournalEntry.objects.values_list("category", flat=True))
    assert categories == set(JournalEntry.Category.values)  # every one there is
    assert problems() == []
