"""The fund's fourth quarter of 2022, worked by hand: two assets, every category, a closed month, a reversal, a payout.

October
    1  The company seeds the fund: 1,000.00 USDT and 0.50000000 BTC.
   10  Liquidation 7001 brings a fee of 8.25 USDT, 7002 one of 0.00120000 BTC. 7001 is booked once more in error.
   20  Liquidation 7002 left a loss of 0.10000000 BTC: the fund covers it.
   31  Mia proposes to close October, Max closes it on 2 November.
November
    2  The error of October is found: October is closed, the reversal counts from today.
   16  The outage. On the 18th Carla is awarded 35.50 USDT and 0.45000000 BTC. Of BTC the fund has 0.40120000 available, so the
       company tops up 0.04880000 first. She gets the goodwill bonus of 20.00 USDT.
   21  Liquidation 7003 closes better than its bankruptcy price: 3.10 USDT stay with the fund.
   25  Treasury pays Carla: 35.50 USDT, the bonus, and the BTC.
   30  Dora's liquidation fee of 1.25 USDT is refunded: owed today, paid on 5 December.
December
   12  The company tops up 500.00 USDT of its own accord.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal

from ledger import closing, journal, rates
from ledger.journal import Draft, Fact, Move
from ledger.models import JournalEntry
from ledger.posting import post, reverse
from tests.factories import staff

CARLA = "CLM-000001"


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


def booked(fact: Fact, reference: str, day: date, *amounts: str, says: str = "As agreed") -> JournalEntry:
    """The fact, effective on this day and posted at noon of it."""
    moves: list[Move] = [fact.move(Decimal(amount.split()[0]), amount.split()[1]) for amount in amounts]
    draft = Draft(reference, fact.category, day, says, tuple(moves))
    return post([draft], by=None, now=noon(day))[reference]


def october() -> None:
    booked(journal.SEED_PAID_IN, "seed", date(2022, 10, 1), "1000.00 USDT", "0.5 BTC", says="The company's seed")
    booked(journal.FEE_RECEIVED, "LIQ-7001", date(2022, 10, 10), "8.25 USDT")
    booked(journal.FEE_RECEIVED, "LIQ-7002", date(2022, 10, 10), "0.0012 BTC")
    booked(journal.FEE_RECEIVED, "LIQ-7001-twice", date(2022, 10, 10), "8.25 USDT")
    booked(journal.LOSS_COVERED, "LIQ-7002/cover", date(2022, 10, 20), "0.1 BTC")


def november() -> None:
    day = date(2022, 11, 2)
    undone = reverse(
        "LIQ-7001-twice", new_reference="LIQ-7001-twice/reversed", description="Booked twice", effective_on=day
    )
    post([undone], by=None, now=noon(day))
    award = date(2022, 11, 18)
    booked(journal.COMPENSATION_APPROVED, f"{CARLA}/award-1/USDT", award, "35.50 USDT")
    booked(journal.COMPENSATION_APPROVED, f"{CARLA}/award-1/BTC", award, "0.45 BTC")
    booked(journal.GOODWILL_GRANTED, f"{CARLA}/goodwill", award, "20 USDT")
    booked(journal.SURPLUS_RECEIVED, "LIQ-7003/surplus", date(2022, 11, 21), "3.10 USDT")
    paid = date(2022, 11, 25)
    booked(journal.COMPENSATION_PAID, f"{CARLA}/award-1/USDT/paid", paid, "35.50 USDT")
    booked(journal.COMPENSATION_PAID, f"{CARLA}/award-1/BTC/paid", paid, "0.45 BTC")
    booked(journal.GOODWILL_PAID, f"{CARLA}/goodwill/paid", paid, "20 USDT")
    booked(journal.FEE_REFUND_APPROVED, "refund-7001", date(2022, 11, 30), "1.25 USDT")


def december() -> None:
    booked(journal.FEE_REFUND_PAID, "refund-7001/paid", date(2022, 12, 5), "1.25 USDT")
    booked(journal.TOPPED_UP, "topup-december", date(2022, 12, 12), "500 USDT")


def close_october() -> None:
    mia, max_ = staff("mia", "manager"), staff("max", "manager")
    day = noon(date(2022, 11, 2))
    closing.close(closing.propose(date(2022, 10, 31), by=mia, now=day).pk, by=max_, now=day)


def price_btc(rate: str = "16571.90", *, on: date = date(2022, 12, 31), by) -> None:
    """Somebody says what a BTC was worth in USDT at noon of a day."""
    rates.enter("BTC", "USDT", Decimal(rate), at=noon(on), source="Binance, close of the day", by=by, now=noon(on))


def quarter() -> None:
    october()
    close_october()
    november()
    december()
