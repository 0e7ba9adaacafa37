"""Periods are closed by two people; what is closed stays closed, and its balances are kept with it."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from threading import Event

import pytest
from django.db import DatabaseError, transaction

from ledger import closing
from ledger.closing import ClosingError
from ledger.models import ClosingBalance, JournalEntry, Period
from ledger.posting import PostingError
from ledger.verification import problems
from tests.factories import staff
from tests.ledger.books import NOW, book, undo
from tests.together import Person, wait_for_waiting

OCTOBER, NOVEMBER = date(2022, 10, 31), date(2022, 11, 17)  # NOW is 18 November


@pytest.fixture
def mia(db):
    return staff("mia", "manager")


@pytest.fixture
def max_(db):
    return staff("max", "manager")


def closed(last_day: date, *, proposed_by, by) -> Period:
    return closing.close(closing.propose(last_day, by=proposed_by, now=NOW).pk, by=by, now=NOW)


def balances(period: Period) -> dict[str, tuple[str, str]]:
    """What the closing kept: debits and credits by account."""
    return {
        str(kept.account): (f"{kept.debits:.2f}", f"{kept.credits:.2f}")
        for kept in ClosingBalance.objects.filter(period=period).select_related("account").order_by("account__name")
    }


# --- two people


def test_mia_proposes_and_max_closes(mia, max_):
    period = closing.propose(OCTOBER, by=mia, now=NOW)
    assert (period.closed_by, period.closed_at) == (None, None)
    period = closing.close(period.pk, by=max_, now=NOW)
    assert (period.prepared_by, period.closed_by, period.closed_at) == (mia, max_, NOW)
    assert problems() == []


def test_mia_does_not_close_what_she_proposed(mia):
    period = closing.propose(OCTOBER, by=mia, now=NOW)
    with pytest.raises(ClosingError, match="mia proposed to close through 2022-10-31; somebody else closes it"):
        closing.close(period.pk, by=mia, now=NOW)
    assert not Period.objects.closed().exists()


def test_the_database_refuses_one_person_too(mia):
    period = closing.propose(OCTOBER, by=mia, now=NOW)
    with pytest.raises(DatabaseError, match="period_closed_by_two_people"), transaction.atomic():
        Period.objects.filter(pk=period.pk).update(closed_by=mia, closed_at=NOW)


@pytest.mark.parametrize("role", ["agent", "auditor"])
def test_neither_an_agent_nor_an_auditor_touches_a_period(role, mia):
    somebody = staff("somebody", role)
    period = closing.propose(OCTOBER, by=mia, now=NOW)
    for act in (
        lambda: closing.propose(OCTOBER, by=somebody, now=NOW),
        lambda: closing.close(period.pk, by=somebody, now=NOW),
        lambda: closing.take_back(period.pk, by=somebody),
    ):
        with pytest.raises(ClosingError, match="somebody has not the permission ledger.close_period"):
            act()
    assert Period.objects.get() == period


def test_the_same_proposal_twice_is_the_first_one(mia, max_):
    first = closing.propose(OCTOBER, by=mia, now=NOW)
    again = closing.propose(OCTOBER, by=max_, now=NOW + timedelta(hours=1))
    assert (again, again.prepared_by) == (first, mia)


def test_a_proposal_is_taken_back_and_a_closed_period_is_not(mia, max_):
    closing.take_back(closing.propose(OCTOBER, by=mia, now=NOW).pk, by=max_)
    assert not Period.objects.exists()
    period = closed(OCTOBER, proposed_by=mia, by=max_)
    with pytest.raises(ClosingError, match="a closed period stays closed"):
        closing.take_back(period.pk, by=max_)
    assert Period.objects.get() == period


def test_what_was_taken_back_meanwhile_is_not_closed(mia, max_):
    period = closing.propose(OCTOBER, by=mia, now=NOW)
    closing.take_back(period.pk, by=mia)
    with pytest.raises(ClosingError):
        closing.close(period.pk, by=max_, now=NOW)


def test_a_closed_period_is_not_closed_again(mia, max_):
    period = closed(OCTOBER, proposed_by=mia, by=max_)
    with pytest.raises(ClosingError, match="the period through 2022-10-31 is closed already"):
        closing.close(period.pk, by=staff("moe", "manager"), now=NOW)


# --- which days


@pytest.mark.parametrize("day", [date(2022, 11, 18), date(2022, 11, 19)], ids=["today", "tomorrow"])
def test_a_day_that_is_not_over_is_not_closed(day, mia):
    with pytest.raises(ClosingError, match=f"{day} is not over; the last day that can be closed is yesterday"):
        closing.propose(day, by=mia, now=NOW)


def test_the_day_ends_with_utc(mia):
    midnight_in_taipei = datetime.fromisoformat("2022-11-18T00:00:00+08:00")  # still 17 November, 16:00 UTC
    with pytest.raises(ClosingError, match="2022-11-17 is not over"):
        closing.propose(NOVEMBER, by=mia, now=midnight_in_taipei)
    assert closing.propose(NOVEMBER, by=mia, now=datetime(2022, 11, 18, tzinfo=UTC)).last_day == NOVEMBER


def test_the_database_does_not_close_through_today_either(mia, max_):
    today = Period.objects.create(last_day=NOW.date(), prepared_by=mia, prepared_at=NOW)
    with pytest.raises(ClosingError, match="the day has to be over"):
        closing.close(today.pk, by=max_, now=NOW)


def test_an_earlier_day_than_the_last_closed_one_is_not_closed(mia, max_):
    waiting = closing.propose(OCTOBER, by=mia, now=NOW)
    closed(NOVEMBER, proposed_by=mia, by=max_)
    with pytest.raises(ClosingError, match="Cannot close through 2022-10-31: the books are closed through 2022-11-17"):
        closing.close(waiting.pk, by=max_, now=NOW)
    with pytest.raises(ClosingError, match="the books are closed through 2022-11-17 already; choose a later day"):
        closing.propose(date(2022, 10, 30), by=mia, now=NOW)


# --- nothing posts into it


def test_nothing_posts_on_or_before_the_last_closed_day(mia, max_):
    closed(OCTOBER, proposed_by=mia, by=max_)
    for late in (OCTOBER, date(2022, 10, 1)):
        with pytest.raises(PostingError, match=f"the books are closed through 2022-10-31, and {late} is in a closed"):
            book("seed_capital", "late", "100 USDT", day=late)
    assert not JournalEntry.objects.exists()
    assert book("seed_capital", "in-time", "100 USDT", day=date(2022, 11, 1)).effective_on == date(2022, 11, 1)


def test_a_proposal_closes_nothing_yet(mia):
    closing.propose(OCTOBER, by=mia, now=NOW)
    assert book("seed_capital", "seed", "100 USDT", day=OCTOBER).effective_on == OCTOBER


def test_a_top_up_is_not_posted_into_a_closed_period_and_leaves_nothing_behind(mia, max_):
    closed(OCTOBER, proposed_by=mia, by=max_)
    with pytest.raises(PostingError, match="is in a closed period"):
        book("outage_compensation", "award", "100 USDT", day=OCTOBER)
    assert not JournalEntry.objects.exists()


def test_what_is_in_the_closed_period_already_can_be_said_again(mia, max_):
    first = book("seed_capital", "seed", "100 USDT", day=OCTOBER)
    closed(OCTOBER, proposed_by=mia, by=max_)
    assert book("seed_capital", "seed", "100 USDT", day=OCTOBER) == first


def test_an_entry_of_a_closed_period_is_corrected_in_the_open_one(mia, max_):
    book("liquidation_fee", "liq/1", "8.25 USDT", day=OCTOBER)
    period = closed(OCTOBER, proposed_by=mia, by=max_)
    with pytest.raises(PostingError, match="is in a closed period"):
        undo("liq/1", "liq/1/reversed", day=OCTOBER)
    undo("liq/1", "liq/1/reversed", day=date(2022, 11, 1))
    assert balances(period)["Assets:Fund:Cash USDT"] == ("8.25", "0.00")
    assert problems() == []


# --- the balances of the day


def test_the_closing_keeps_what_moved_through_the_day_and_nothing_of_a_later_one(mia, max_):
    book("seed_capital", "seed", "100 USDT", day=date(2022, 10, 1))
    book("bankruptcy_cover", "cover", "30 USDT", day=OCTOBER)
    book("liquidation_fee", "liq/1", "8.25 USDT", day=date(2022, 11, 1))
    assert balances(closed(OCTOBER, proposed_by=mia, by=max_)) == {
        "Assets:Fund:Cash USDT": ("100.00", "30.00"),
        "Equity:SeedCapital USDT": ("0.00", "100.00"),
        "Expenses:BankruptcyCover USDT": ("30.00", "0.00"),
    }


def test_a_later_closing_adds_up_on_the_earlier_one(mia, max_):
    book("seed_capital", "seed", "100 USDT", day=date(2022, 10, 1))
    october = closed(OCTOBER, proposed_by=mia, by=max_)
    book("liquidation_fee", "liq/1", "8.25 USDT", day=date(2022, 11, 1))
    book("goodwill_bonus", "bonus", "20 USDT", day=NOVEMBER)
    november = closed(NOVEMBER, proposed_by=max_, by=mia)
    assert balances(october) == {
        "Assets:Fund:Cash USDT": ("100.00", "0.00"),
        "Equity:SeedCapital USDT": ("0.00", "100.00"),
    }
    assert balances(november) == {
        "Assets:Fund:Cash USDT": ("108.25", "0.00"),
        "Equity:SeedCapital USDT": ("0.00", "100.00"),  # did not move in November, and is carried
        "Expenses:Goodwill USDT": ("20.00", "0.00"),
        "Income:LiquidationFees USDT": ("0.00", "8.25"),
        "Liabilities:Payable:Goodwill USDT": ("0.00", "20.00"),
    }
    assert problems() == []


def test_a_period_in_which_nothing_moved_is_closed_without_balances(mia, max_):
    assert balances(closed(OCTOBER, proposed_by=mia, by=max_)) == {}


# --- at the same moment


@pytest.mark.django_db(transaction=True)
def test_one_of_two_processes_closes_the_period(transactional_db, hire: Callable):
    mia = staff("mia", "manager")
    book("seed_capital", "seed", "100 USDT", day=OCTOBER)
    period = closing.propose(OCTOBER, by=mia, now=NOW)
    names = [staff(name, "manager").username for name in ("max", "moe")]
    clerks = [hire("close", period.pk, name) for name in names]
    for clerk in clerks:
        clerk.ready()
    for clerk in clerks:
        clerk.go()
    said = sorted(clerk.said() for clerk in clerks)
    closer = Period.objects.get().closed_by.username
    assert said == [f"closed by {closer}", "the period through 2022-10-31 is closed already"]
    assert ClosingBalance.objects.count() == 2
    assert problems() == []


@pytest.mark.django_db(transaction=True)
def test_the_closing_waits_for_a_posting_under_way_and_keeps_it(transactional_db):
    mia, max_ = staff("mia", "manager"), staff("max", "manager")
    period = closing.propose(OCTOBER, by=mia, now=NOW)
    posted, commit = Event(), Event()

    def post_slowly():
        with transaction.atomic():
            book("seed_capital", "seed", "100 USDT", day=OCTOBER, now=NOW + timedelta(seconds=1))
            posted.set()
            commit.wait(30)

    poster = Person(post_slowly)
    assert posted.wait(30)
    closer = Person(lambda: closing.close(period.pk, by=max_, now=NOW))  # asked for before the posting, done after it
    wait_for_waiting(1)
    late = Person(lambda: book("seed_capital", "late", "1 USDT", day=OCTOBER))
    wait_for_waiting(2)
    commit.set()
    assert poster.finished() is None
    assert balances(closer.finished())["Assets:Fund:Cash USDT"] == ("100.00", "0.00")
    assert "is in a closed period" in str(late.finished())
    assert list(JournalEntry.objects.values_list("reference", flat=True)) == ["seed"]
    assert problems() == []


@pytest.mark.django_db(transaction=True)
def test_a_posting_that_waited_for_a_closing_that_failed_goes_on(transactional_db):
    mia, max_ = staff("mia", "manager"), staff("max", "manager")
    period = closing.propose(OCTOBER, by=mia, now=NOW)
    is_closed, give_up = Event(), Event()

    def close_and_think_again():
        with transaction.atomic():
            closing.close(period.pk, by=max_, now=NOW)
            is_closed.set()
            give_up.wait(30)
            transaction.set_rollback(True)

    closer = Person(close_and_think_again)
    assert is_closed.wait(30)
    poster = Person(lambda: book("seed_capital", "seed", "100 USDT", day=OCTOBER))
    wait_for_waiting(1)
    give_up.set()
    assert (closer.finished(), poster.finished().reference) == (None, "seed")
    assert not Period.objects.closed().exists()
    assert not ClosingBalance.objects.exists()
    assert problems() == []
