"""Periods, rates and seals on screen: Mia proposes, Max closes, Aude looks on, Ana has no books."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from ledger import sealing
from ledger.models import ClosingBalance, JournalEntry, Period, Rate, Verification
from tests import factories as f
from tests.claims.desk import signed_in, text_of
from tests.ledger.books import NOW, book, november

pytestmark = pytest.mark.django_db
PERIODS, RATES, SEALS = "/staff/ledger/period/", "/staff/ledger/rate/", "/staff/ledger/seal/"
JOURNAL, RUNS = "/staff/ledger/journalentry/", "/staff/ledger/verification/"
DAY = "2022-11-16"


@pytest.fixture
def mia():
    return signed_in(f.staff("mia", "manager"))


@pytest.fixture
def max_():
    return signed_in(f.staff("max", "manager"))


@pytest.fixture
def aude():
    return signed_in(f.staff("aude", "auditor"))


def propose(desk, day: str = DAY):
    return desk.post(f"{PERIODS}propose/", {"last_day": day}, follow=True)


def do(desk, verb: str, period: Period):
    return desk.post(f"{PERIODS}{period.pk}/{verb}/", follow=True)


# --- periods


def test_one_manager_proposes_and_another_closes_what_both_saw(mia, max_):
    november()
    assert "another manager is to close them" in text_of(propose(mia))
    period = Period.objects.get()
    page = f"{PERIODS}{period.pk}/change/"
    seen = text_of(mia.get(page))
    assert "You proposed it: another manager looks at the balances and closes it." in seen
    assert "Balances, as they would be stored now" in seen
    assert "Close the books through" not in seen
    seen = text_of(max_.get(page))
    assert "1,016.50 USDT available" in seen
    assert "Close the books through 2022-11-16" in seen
    assert "The books are closed through 2022-11-16." in text_of(do(max_, "close", period))
    period.refresh_from_db()
    assert (period.prepared_by.username, period.closed_by.username) == ("mia", "max")
    stored = text_of(max_.get(page))
    assert "Balances, as the closing stored them" in stored
    assert "1,016.50 USDT available" in stored
    assert "Take back" not in stored
    assert "Closed through 2022-11-16" in text_of(max_.get(PERIODS))


def test_who_proposed_does_not_close_even_without_the_button(mia):
    november()
    propose(mia)
    assert "somebody else closes it" in text_of(do(mia, "close", Period.objects.get()))
    assert not ClosingBalance.objects.exists()


def test_a_proposal_is_taken_back_and_a_closed_period_is_not(mia, max_):
    november()
    propose(mia)
    assert "nothing was closed" in text_of(do(mia, "take-back", Period.objects.get()))
    assert not Period.objects.exists()
    propose(mia)
    do(max_, "close", Period.objects.get())
    assert "a closed period stays closed" in text_of(do(max_, "take-back", Period.objects.get()))
    assert Period.objects.closed().exists()


@pytest.mark.parametrize(
    ("day", "said"), [("soon", "Enter a valid date"), ("", "required"), ("2999-01-01", "is not over")]
)
def test_a_day_that_cannot_be_closed_is_refused_in_words(mia, day, said):
    assert said in text_of(propose(mia, day))
    assert not Period.objects.exists()


def test_what_was_closed_meanwhile_is_told(mia, max_):
    november()
    propose(mia)
    period = Period.objects.get()
    do(max_, "close", period)
    assert "is closed already" in text_of(do(max_, "close", period))
    assert "choose a later day" in text_of(propose(mia, DAY))


def test_an_auditor_sees_periods_and_closes_none(mia, aude):
    november()
    propose(mia)
    period = Period.objects.get()
    seen = text_of(aude.get(f"{PERIODS}{period.pk}/change/"))
    assert "Balances, as they would be stored now" in seen
    assert ("Close the books" in seen, "Take back" in seen) == (False, False)
    assert "Propose to close" not in text_of(aude.get(PERIODS))
    assert aude.post(f"{PERIODS}propose/", {"last_day": DAY}).status_code == 403
    assert [aude.post(f"{PERIODS}{period.pk}/{verb}/").status_code for verb in ("close", "take-back")] == [403, 403]
    assert Period.objects.proposed().count() == 1


def test_the_buttons_answer_to_a_post_alone(max_, mia):
    november()
    propose(mia)
    period = Period.objects.get()
    addresses = [f"{PERIODS}propose/", f"{PERIODS}{period.pk}/close/", f"{PERIODS}{period.pk}/take-back/"]
    assert [max_.get(address).status_code for address in addresses] == [403, 403, 403]


def test_the_page_of_a_period_asks_few_questions(aude, mia, django_assert_max_num_queries):
    november()
    propose(mia)
    page = f"{PERIODS}{Period.objects.get().pk}/change/"
    with django_assert_max_num_queries(10):
        aude.get(page)


# --- rates

RATE = {
    "asset": "BTC",
    "in_asset": "USDT",
    "rate": "16571.5",
    "at": "2022-11-16 14:30:00",
    "source": "The day's closing",
}


def test_a_manager_enters_a_rate_and_an_auditor_reads_it(mia, aude):
    november()
    assert "Entered: 1 BTC = 16571.5 USDT" in text_of(mia.post(f"{RATES}add/", RATE, follow=True))
    rate = Rate.objects.get()
    assert (rate.rate, rate.at, rate.entered_by.username) == (Decimal("16571.5"), f.at("14:30"), "mia")
    seen = text_of(aude.get(RATES))
    assert "1 BTC = 16,571.5 USDT" in seen
    assert "The day's closing" in seen
    assert aude.get(f"{RATES}add/").status_code == 403
    assert aude.post(f"{RATES}add/", RATE).status_code == 403
    assert mia.post(f"{RATES}{rate.pk}/change/", {"rate": "1"}).status_code == 403


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"in_asset": "BTC"}, "a rate is between two assets"),
        ({"rate": "0"}, "a rate is a number above 0"),
        ({"rate": "much"}, "Enter a number."),
        ({"at": "2999-01-01 00:00:00"}, "is still to come"),
        ({"asset": "DOGE"}, "Select a valid choice"),
        ({"source": " "}, "This field is required."),
    ],
)
def test_what_is_wrong_with_a_rate_is_said_on_the_form_and_nothing_typed_is_lost(mia, sent, said):
    november()
    page = mia.post(f"{RATES}add/", RATE | sent)
    assert said in text_of(page)
    assert not Rate.objects.exists()


# --- seals


def test_the_latest_seal_is_there_to_copy_and_each_shows_its_entries(aude):
    november()
    seal = sealing.seal(now=NOW)
    book("seed_capital", "later", "1 USDT")
    page = aude.get(RUNS)
    assert f'value="{seal.number}:{seal.hash}"' in page.content.decode()
    assert "1 entry not sealed yet" in text_of(page)
    assert seal.hash in text_of(aude.get(SEALS))
    shown = text_of(aude.get(f"{SEALS}{seal.number}/change/"))
    assert (seal.root in shown, seal.previous in shown) == (True, True)
    under = {entry.reference for entry in aude.get(JOURNAL, {"seal": seal.number}).context_data["cl"].result_list}
    assert under == set(JournalEntry.objects.exclude(reference="later").values_list("reference", flat=True))
    entry = JournalEntry.objects.get(reference="seed-2022")
    assert seal.hash in text_of(aude.get(f"{JOURNAL}{entry.pk}/change/"))


def test_entries_that_wait_too_long_for_their_seal_are_pointed_out(aude):
    book("seed_capital", "seed", "1 USDT")
    assert "longer than it takes: is a worker running?" in text_of(aude.get(RUNS))
    sealing.seal(now=NOW)
    assert "Every entry is sealed." in text_of(aude.get(RUNS))
    book("seed_capital", "now", "1 USDT", now=timezone.now())
    assert "longer than it takes" not in text_of(aude.get(RUNS))


def test_the_problems_of_a_verification_are_listed_as_text(aude):
    found = Verification.objects.create(
        started_at=NOW, finished_at=NOW + timedelta(seconds=2.5), checked={"entries": 7, "transfers": 8},
        problems=["seed: <b>out</b> by 1"], problem_count=1,
    )  # fmt: skip
    shown = aude.get(RUNS)
    assert "problems: 1" in text_of(shown)
    assert "7 entries, 8 transfers" in text_of(shown)
    assert "2.5 s" in text_of(shown)
    page = aude.get(f"{RUNS}{found.pk}/change/").content.decode()
    assert "seed: &lt;b&gt;out&lt;/b&gt; by 1" in page


@pytest.mark.parametrize("page", [PERIODS, RATES, SEALS, RUNS])
def test_an_agent_has_no_books(page):
    assert signed_in(f.staff("ana", "agent")).get(page).status_code == 403


def test_no_day_of_the_future_is_suggested(mia):
    assert (
        date.fromisoformat(mia.get(PERIODS).context_data["form"].initial["last_day"].isoformat())
        < timezone.now().date()
    )
