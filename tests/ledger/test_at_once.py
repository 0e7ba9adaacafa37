"""Several people at the books at the same moment, each on their own connection."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier

import pytest
from django.db import connection
from django.db.models import Sum

from ledger.models import JournalEntry, Transfer
from ledger.posting import PostingError, available, post
from ledger.verification import problems
from tests.ledger.books import NOW, book, draft

pytestmark = pytest.mark.django_db(transaction=True)


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
        from django.db import transaction

        with transaction.atomic():
            book("liquidation_fee", f"liq/{number}", "5 USDT")
            book("outage_compensation", f"award-{number}", "30 USDT")

    at_once(*[lambda n=n: give_and_take(n) for n in range(6)])
    assert JournalEntry.objects.filter(category="outage_compensation").count() == 6
    assert problems() == []
