"""The books of one November, worked by hand; what posting refuses, and what it lets be said twice."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import connection

from ledger.journal import CASH, COMPANY_TOPUP, COMPENSATION_PAID, SEED_CAPITAL, Draft, Move
from ledger.models import JournalEntry, Transfer
from ledger.posting import PostingError, available, post, post_manual, reverse
from ledger.reports import Fund, fund, totals, trial_balance
from tests.factories import staff
from tests.ledger.books import DAY, NOW, book, draft, november, undo

pytestmark = pytest.mark.django_db


def balances(as_of=None) -> dict[str, str]:
    return {f"{line.account} {line.asset}": f"{line.balance:f}" for line in trial_balance(as_of)}


def test_the_books_of_november():
    november()
    assert balances() == {
        "Assets:Fund:Cash BTC": "0.50000001",  # the seed, and one satoshi that the company topped up
        "Assets:Fund:Cash USDT": "1008.25",  # 1000.00 + 8.25 + 8.25 − 8.25
        "Equity:SeedCapital BTC": "-0.50000000",
        "Equity:SeedCapital USDT": "-1000.00",
        "Expenses:Compensation BTC": "0.50000001",
        "Expenses:Compensation USDT": "35.50",
        "Expenses:Goodwill USDT": "20.00",
        "Income:CompanyTopup BTC": "-0.00000001",
        "Income:LiquidationFees USDT": "-8.25",
        "Liabilities:Payable:Compensation BTC": "-0.50000001",
        "Liabilities:Payable:Compensation USDT": "-35.50",
        "Liabilities:Payable:Goodwill USDT": "-20.00",
    }
    assert {asset: (f"{sums.debit}", f"{sums.balance}") for asset, sums in totals(trial_balance()).items()} == {
        "BTC": ("1.00000002", "0E-8"),
        "USDT": ("1080.25", "0.00"),
    }
    assert fund() == [
        Fund("BTC", cash=Decimal("0.50000001"), committed=Decimal("0.50000001")),
        Fund("USDT", cash=Decimal("1008.25"), committed=Decimal("55.50")),
    ]
    assert [row.available for row in fund()] == [Decimal(0), Decimal("952.75")]
    assert fund("USDT") == fund()[1:]


def test_the_books_as_of_a_day_and_as_of_an_instant():
    book("seed_capital", "seed", "100 USDT", day=date(2022, 11, 1), now=datetime(2022, 11, 5, 12, tzinfo=UTC))
    book("seed_capital", "late", "50 USDT", day=date(2022, 11, 2), now=datetime(2022, 11, 9, 12, tzinfo=UTC))
    assert balances(date(2022, 11, 1))["Assets:Fund:Cash USDT"] == "100.00"
    assert balances(date(2022, 11, 2))["Assets:Fund:Cash USDT"] == "150.00"  # whenever it was posted
    assert balances(datetime(2022, 11, 8, tzinfo=UTC))["Assets:Fund:Cash USDT"] == "100.00"  # what they said then
    assert balances(datetime(2022, 11, 9, 12, tzinfo=UTC))["Assets:Fund:Cash USDT"] == "150.00"
    assert balances(date(2022, 10, 31)) == {}


def read_from_end_to_end() -> int:
    """How often this transaction read all entries or all transfers."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sum(seq_scan) FROM pg_stat_xact_user_tables WHERE relname IN ('ledger_journalentry', 'ledger_transfer')"
        )
        return cursor.fetchone()[0]


def test_a_posting_never_reads_the_books_from_end_to_end_however_young_they_are():
    november()
    before = read_from_end_to_end()
    book("liquidation_fee", "liq/7002", "8.25 USDT")
    book("outage_compensation", "CLM-000003/award-1/USDT", "12 USDT")
    book("outage_compensation", "CLM-000003/award-1/USDT", "12 USDT")
    assert read_from_end_to_end() == before


# --- the same fact, another fact


def test_the_same_fact_is_booked_once():
    first = book("seed_capital", "seed", "100.00 USDT")
    again = book("seed_capital", "seed", "100 USDT")
    assert (again.pk, Transfer.objects.count()) == (first.pk, 1)


def test_only_what_is_new_of_a_batch_is_booked():
    first = book("liquidation_fee", "liq/1", "1 USDT")
    entries = post(
        [draft("liquidation_fee", "liq/1", "1 USDT"), draft("liquidation_fee", "liq/2", "2 USDT")], by=None, now=NOW
    )
    assert (entries["liq/1"].pk, JournalEntry.objects.count(), available("USDT")) == (first.pk, 2, Decimal(3))


@pytest.mark.parametrize(
    "other",
    [
        draft("seed_capital", "seed", "100.01 USDT"),
        draft("seed_capital", "seed", "100 BTC"),
        draft("company_topup", "seed", "100 USDT"),
        draft("seed_capital", "seed", "100 USDT", day=date(2022, 11, 17)),
        draft("seed_capital", "seed", "100 USDT", description="Something else"),
        draft("seed_capital", "seed", "60 USDT", "40 USDT"),
    ],
    ids=["amount", "asset", "category", "day", "description", "lines"],
)
def test_another_fact_under_a_used_reference_is_refused(other):
    book("seed_capital", "seed", "100 USDT")
    with pytest.raises(PostingError, match="'seed' is already in the books as another fact"):
        post([other], by=None, now=NOW)


# --- the company bears the shortage


def test_a_shortage_is_topped_up_first_to_the_last_digit():
    book("seed_capital", "seed", "100 USDT")
    book("outage_compensation", "award", "130.01 USDT")
    references = JournalEntry.objects.order_by("pk").values_list("reference", flat=True)
    assert list(references) == ["seed", "award/topup-USDT", "award"]
    assert Transfer.objects.get(entry__category="company_topup").amount == Decimal("30.01")
    assert available("USDT") == 0


def test_what_comes_in_later_in_a_batch_does_not_cover_what_goes_out_before():
    taker, giver = draft("outage_compensation", "award", "30 USDT"), draft("liquidation_fee", "liq/1", "30 USDT")
    post([taker, giver], by=None, now=NOW)
    assert Transfer.objects.get(entry__category="company_topup").amount == Decimal(30)
    assert available("USDT") == 30


def test_what_comes_in_earlier_in_a_batch_covers_what_goes_out_after():
    taker, giver = draft("outage_compensation", "award", "30 USDT"), draft("liquidation_fee", "liq/1", "30 USDT")
    post([giver, taker], by=None, now=NOW)
    assert not JournalEntry.objects.filter(category="company_topup").exists()
    assert available("USDT") == 0


def test_each_asset_is_topped_up_for_itself():
    book("seed_capital", "seed", "100 USDT")
    book("outage_compensation", "award", "30 USDT", "0.5 BTC")
    assert {line.asset: line.credit for line in trial_balance() if line.account == COMPANY_TOPUP} == {
        "BTC": Decimal("0.5")
    }


# --- nobody is paid what is not owed


def paid(reference: str, amount: str) -> Draft:
    return Draft(reference, "outage_compensation", DAY, "Paid", (COMPENSATION_PAID.move(Decimal(amount), "USDT"),))


def test_a_payout_pays_what_was_approved_and_leaves_what_is_available_alone():
    book("seed_capital", "seed", "100 USDT")
    book("outage_compensation", "award", "30 USDT")
    assert fund("USDT") == [Fund("USDT", cash=Decimal(100), committed=Decimal(30))]
    post([paid("award/paid", "30")], by=None, now=NOW)
    assert fund("USDT") == [Fund("USDT", cash=Decimal(70), committed=Decimal(0))]
    assert available("USDT") == 70


def test_more_than_is_owed_is_not_paid():
    book("seed_capital", "seed", "100 USDT")
    book("outage_compensation", "award", "30 USDT")
    post([paid("award/paid", "20")], by=None, now=NOW)
    with pytest.raises(PostingError, match="rest: 0.01 USDT more than Liabilities:Payable:Compensation owes"):
        post([paid("rest", "10.01")], by=None, now=NOW)
    assert available("USDT") == 70


def test_what_was_paid_is_not_taken_back():
    book("seed_capital", "seed", "100 USDT")
    book("outage_compensation", "award", "30 USDT")
    post([paid("award/paid", "30")], by=None, now=NOW)
    with pytest.raises(PostingError, match="30 USDT more than Liabilities:Payable:Compensation owes would be"):
        undo("award", "award/reversed")


# --- reversals


def test_a_reversal_mirrors_the_entry_and_leaves_it_alone():
    entry = book("liquidation_fee", "liq/1", "8.25 USDT", "0.1 BTC")
    reversal = undo("liq/1", "liq/1/reversed")
    assert (reversal.category, reversal.reverses, reversal.transfer_count) == ("correction", entry, 2)
    assert all(line.balance == 0 for line in trial_balance())
    assert entry.transfers.count() == 2


def test_reversing_twice_under_one_reference_is_the_same_fact():
    book("liquidation_fee", "liq/1", "8.25 USDT")
    assert undo("liq/1", "liq/1/reversed") == undo("liq/1", "liq/1/reversed")


def test_an_entry_is_reversed_once():
    book("liquidation_fee", "liq/1", "8.25 USDT")
    undo("liq/1", "liq/1/reversed")
    with pytest.raises(PostingError, match="'liq/1' is reversed already, by 'liq/1/reversed'"):
        undo("liq/1", "liq/1/again")


def test_a_reversal_is_not_reversed():
    book("liquidation_fee", "liq/1", "8.25 USDT")
    undo("liq/1", "liq/1/reversed")
    with pytest.raises(PostingError, match="is itself a reversal"):
        undo("liq/1/reversed", "liq/1/back")


def test_what_is_not_in_the_books_is_not_reversed():
    with pytest.raises(PostingError, match="there is no entry 'liq/9' to reverse"):
        reverse("liq/9", new_reference="r", description="Undo", effective_on=DAY)
    loose = Draft("r", "correction", DAY, "Undo", (Move(SEED_CAPITAL, CASH, Decimal(1), "USDT"),), reverses="liq/9")
    with pytest.raises(PostingError, match="there is no entry 'liq/9' to reverse"):
        post([loose], by=None, now=NOW)


def test_a_reversal_of_another_amount_is_refused():
    book("seed_capital", "seed", "100 USDT")
    half = Draft("r", "correction", DAY, "Undo", (Move(SEED_CAPITAL, CASH, Decimal(50), "USDT"),), reverses="seed")
    with pytest.raises(PostingError, match="r does not mirror 'seed'"):
        post([half], by=None, now=NOW)


# --- what the books refuse


def move(debit=CASH, credit=SEED_CAPITAL, amount="1", asset="USDT"):
    return Move(debit, credit, Decimal(amount), asset)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (Draft("a b", "seed_capital", DAY, "x", (move(),)), "is no reference"),
        (Draft("r", "gift", DAY, "x", (move(),)), "unknown category 'gift'"),
        (Draft("r", "seed_capital", DAY, "", (move(),)), "a description is one line of text"),
        (Draft("r", "seed_capital", DAY, "two\nlines", (move(),)), "a description is one line of text"),
        (Draft("r", "seed_capital", DAY, "x"), "an entry needs at least one transfer"),
        (Draft("r", "correction", DAY, "x", (move(),)), "a correction reverses an entry"),
        (Draft("r", "seed_capital", DAY, "x", (move(),), reverses="s"), "a correction reverses an entry"),
        (Draft("r", "seed_capital", DAY, "x", (move(debit="Assets:Petty"),)), "unknown account 'Assets:Petty'"),
        (Draft("r", "seed_capital", DAY, "x", (move(credit=CASH),)), "debit and credit are the same account"),
        (Draft("r", "seed_capital", DAY, "x", (move(asset="usdt"),)), "'usdt' is no asset"),
        (Draft("r", "seed_capital", DAY, "x", (move(amount="0"),)), "amount 0 is not positive"),
        (Draft("r", "seed_capital", DAY, "x", (move(amount="-1"),)), "amount -1 is not positive"),
        (Draft("r", "seed_capital", DAY, "x", (move(amount="NaN"),)), "amount NaN is not positive"),
        (Draft("r", "seed_capital", DAY, "x", (move(amount="1e16"),)), "more than 16 digits"),
        (Draft("r", "seed_capital", DAY, "x", (move(amount="0.001"),)), "0.001 USDT has more than the 2 decimals"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_draft_is_refused_with_the_reason(wrong, reason):
    with pytest.raises(PostingError, match=reason):
        post([wrong], by=None, now=NOW)
    assert not JournalEntry.objects.exists()


# --- by hand


@pytest.mark.parametrize("role", ["agent", "auditor"])
def test_only_a_manager_posts_by_hand(role):
    with pytest.raises(PostingError, match="has not the permission ledger.post_journalentry"):
        post_manual(draft("seed_capital", "seed", "100 USDT"), by=staff("somebody", role), now=NOW)


def test_nobody_posts_by_hand_without_a_name():
    with pytest.raises(PostingError, match="nobody has not the permission"):
        post_manual(draft("seed_capital", "seed", "100 USDT"), by=None, now=NOW)


def test_a_manager_posts_the_seed_by_hand():
    mia = staff("mia", "manager")
    entry = post_manual(draft("seed_capital", "seed", "100 USDT"), by=mia, now=NOW)
    assert (entry.reference, entry.posted_by, entry.posted_at) == ("seed", mia, NOW)


@pytest.mark.parametrize("category", ["outage_compensation", "goodwill_bonus"])
def test_a_compensation_is_not_posted_by_hand(category):
    with pytest.raises(PostingError, match=f"'{category}' is not posted by hand"):
        post_manual(draft(category, "x", "100 USDT"), by=staff("mia", "manager"), now=NOW)


def test_a_category_moves_its_own_accounts():
    crooked = Draft("r", "seed_capital", DAY, "x", (move(debit=SEED_CAPITAL, credit=CASH),))
    with pytest.raises(PostingError, match="right would be: debit Assets:Fund:Cash, credit Equity:SeedCapital"):
        post_manual(crooked, by=staff("mia", "manager"), now=NOW)
