"""Several people at the books at the same moment, each on their own connection."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from threading import Barrier, Event

import pytest
from django.db import connection, transaction
from django.db.models import Sum

from ledger.journal import CASH, LIQUIDATION_FEES
from ledger.models import JournalEntry, Transfer
from ledger.posting import PostingError, available, post, post_selected
from ledger.verification import problems
from tests.ledger.books import NOW, book, draft, undo
from tests.together import PATIENCE, Person, wait_for_waiting

pytestmark = pytest.mark.django_db(transaction=True)

FILE = f"""
    SELECT 'liq/' || number AS reference, 'liquidation_fee' AS category, %s::date AS effective_on, 'As agreed' AS description,
           '{CASH}' AS debit, '{LIQUIDATION_FEES}' AS credit, 1::numeric AS amount, 'USDT' AS asset
      FROM generate_series(1, 3000) AS number
"""  # noqa: S608


def at_once(*acts: Callable) -> list:
    """Each act on its own thread and connection, all let go together: what they returned, or the refusal they met."""
    start = Barrier(len(acts))

    def run(act):
        try:
            connection.ensure_connection()
            start.wait()
            return act()
        except PostingError as refusal:
            return refusal
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def test_the_same_reference_at_once_is_one_entry():
    entries = at_once(*[lambda: book("seed_capital", "seed", "100 USDT")] * 6)
    assert len({entry.pk for entry in entries}) == 1
    assert (JournalEntry.objects.count(), available("USDT")) == (1, Decimal(100))


def test_the_same_taking_reference_at_once_is_one_entry_and_one_top_up():
    entries = at_once(*[lambda: book("outage_compensation", "award", "100 USDT")] * 6)
    assert len({entry.pk for entry in entries}) == 1
    assert sorted(JournalEntry.objects.values_list("reference", flat=True)) == ["award", "award/topup-USDT"]


def test_two_facts_under_one_reference_at_once_are_one_entry_and_one_refusal():
    acts = [lambda amount=amount: book("seed_capital", "seed", f"{amount} USDT") for amount in (100, 200)]
    outcomes = at_once(*acts)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["JournalEntry", "PostingError"]
    assert JournalEntry.objects.count() == 1


def test_overlapping_batches_at_once_lose_nothing():
    fees = [draft("liquidation_fee", f"liq/{number:02}", "1 USDT") for number in range(30)]
    acts = [lambda part=part: post(part, by=None, now=NOW) for part in (fees[:20], fees[10:], fees)]
    for result, part in zip(at_once(*acts), (fees[:20], fees[10:], fees), strict=True):
        assert set(result) == {fee.reference for fee in part}
    assert (JournalEntry.objects.count(), available("USDT")) == (30, Decimal(30))


def test_takers_wait_for_each_other_and_the_company_pays_exactly_the_shortage():
    book("seed_capital", "seed", "100 USDT")
    takers = [lambda n=n: book("outage_compensation", f"award-{n}", "30 USDT") for n in range(8)]
    givers = [lambda n=n: book("liquidation_fee", f"liq/{n}", "5 USDT") for n in range(4)]
    at_once(*takers, *givers)
    topped_up = Transfer.objects.filter(entry__category="company_topup").aggregate(total=Sum("amount"))["total"]
    # 8 × 30 against 100 and between 0 and 4 × 5 of fees, depending on who came first; whatever a fee came too late for is left
    assert 120 <= topped_up <= 140
    assert available("USDT") == 100 + 20 + topped_up - 240
    assert problems() == []  # the walk through the entries: never below zero


def test_eight_takers_of_thirty_from_a_hundred_are_topped_up_by_140():
    book("seed_capital", "seed", "100 USDT")
    at_once(*[lambda n=n: book("outage_compensation", f"award-{n}", "30 USDT") for n in range(8)])
    top_ups = (
        Transfer.objects.filter(entry__category="company_topup").order_by("entry").values_list("amount", flat=True)
    )
    assert list(top_ups) == [Decimal(20)] + [Decimal(30)] * 4
    assert available("USDT") == 0
    assert problems() == []


def test_takers_of_two_assets_never_wait_in_a_circle():
    acts = [
        lambda n=n, a=a: book("outage_compensation", f"award-{n}", *a)
        for n, a in enumerate([("30 USDT", "1 BTC"), ("1 BTC", "30 USDT")] * 4)
    ]
    assert not [outcome for outcome in at_once(*acts) if isinstance(outcome, PostingError)]
    assert (available("USDT"), available("BTC")) == (0, 0)


def test_a_giver_who_then_takes_does_not_meet_another_one_head_on():
    def give_and_take(number):
        with transaction.atomic():
            book("liquidation_fee", f"liq/{number}", "5 USDT")
            book("outage_compensation", f"award-{number}", "30 USDT")

    at_once(*[lambda n=n: give_and_take(n) for n in range(6)])
    assert JournalEntry.objects.filter(category="outage_compensation").count() == 6
    assert problems() == []


# --- nobody waits for those who bring something


@contextmanager
def still_open(*acts: Callable) -> Iterator[None]:
    """Somebody has done these in one transaction, and commits it only at the end of the block."""
    done, commit = Event(), Event()

    def slowly():
        with transaction.atomic():
            for act in acts:
                act()
            done.set()
            commit.wait(PATIENCE)

    somebody = Person(slowly)
    try:
        assert done.wait(PATIENCE), somebody.answer
        yield
    finally:
        commit.set()
        assert somebody.finished() is None


def test_eight_post_and_finish_while_a_long_transaction_stays_open():
    book("seed_capital", "seed", "100 USDT")
    with still_open(lambda: book("seed_capital", "slow", "7 USDT")):
        people = [Person(lambda n=n: book("seed_capital", f"seed-{n}", "1 USDT")) for n in range(8)]
        assert [person.finished().reference for person in people] == [f"seed-{n}" for n in range(8)]
        assert available("USDT") == 108  # without the seven that nobody can rely on yet
    assert available("USDT") == 115
    assert problems() == []


def test_whoever_takes_does_not_wait_for_a_giver_and_does_not_count_on_what_is_not_committed():
    book("liquidation_fee", "liq/1", "100 USDT")
    with still_open(lambda: book("liquidation_fee", "liq/2", "50 USDT")):
        taker = Person(lambda: book("outage_compensation", "award", "130 USDT"))
        assert taker.finished().reference == "award"
    assert Transfer.objects.get(entry__category="company_topup").amount == 30
    assert available("USDT") == 50
    assert problems() == []


def test_while_one_takes_givers_finish_and_another_taker_waits():
    book("seed_capital", "seed", "100 USDT")
    with still_open(lambda: book("outage_compensation", "award-1", "80 USDT")):
        givers = [Person(lambda n=n: book("seed_capital", f"seed-{n}", "1 USDT")) for n in range(8)]
        assert [giver.finished().reference for giver in givers] == [f"seed-{n}" for n in range(8)]
        taker = Person(lambda: book("outage_compensation", "award-2", "30 USDT"))
        wait_for_waiting(1)
    assert taker.finished().reference == "award-2"
    assert Transfer.objects.get(entry__category="company_topup").amount == 2  # 100 − 80 + 8 − 30
    assert problems() == []


def test_takers_of_another_asset_do_not_wait():
    book("seed_capital", "seed", "100 USDT", "1 BTC")
    with still_open(lambda: book("outage_compensation", "award-1", "80 USDT")):
        assert Person(lambda: book("outage_compensation", "award-2", "1 BTC")).finished().reference == "award-2"
    assert problems() == []


def test_a_twin_waits_and_gets_the_first_entry():
    with still_open(lambda: book("seed_capital", "seed", "100 USDT")):
        twin = Person(lambda: book("seed_capital", "seed", "100 USDT"))
        wait_for_waiting(1)
    assert twin.finished() == JournalEntry.objects.get()


def test_two_who_reverse_an_entry_at_once_reverse_it_once():
    book("seed_capital", "seed", "100 USDT")
    outcomes = at_once(*[lambda n=n: undo("seed", f"seed/reversed-{n}") for n in range(4)])
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["JournalEntry", *["PostingError"] * 3]
    assert available("USDT") == 0
    assert problems() == []


# --- in processes of their own


def test_eight_processes_post_the_same_drafts_in_their_own_orders_and_get_the_same_entries(hire):
    clerks = [hire("same", seed, 300) for seed in range(8)]
    for clerk in clerks:
        clerk.ready()
    for clerk in clerks:
        clerk.go()
    told = [json.loads(clerk.said()) for clerk in clerks]
    books = dict(JournalEntry.objects.filter(reference__regex="^same/[0-9]+$").values_list("reference", "pk"))
    assert len(books) == 300
    assert told == [books] * 8
    assert problems() == []


def test_the_same_file_of_fees_at_once_is_posted_once():
    acts = [lambda: post_selected(FILE, ["2022-11-16"], by=None, now=NOW)] * 4
    assert at_once(*acts) == [3000] * 4
    assert (JournalEntry.objects.count(), available("USDT")) == (3000, Decimal(3000))
    assert problems() == []
