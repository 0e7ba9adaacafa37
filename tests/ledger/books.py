"""Facts for the books, in an accountant's words."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from ledger import journal
from ledger.journal import Draft, Move
from ledger.models import JournalEntry
from ledger.posting import post, reverse

NOW = datetime(2022, 11, 18, 9, 0, tzinfo=UTC)
DAY = date(2022, 11, 16)
PAIRS = {
    "seed_capital": (journal.CASH, journal.SEED_CAPITAL),
    "company_topup": (journal.CASH, journal.COMPANY_TOPUP),
    "liquidation_fee": (journal.CASH, journal.LIQUIDATION_FEES),
    "bankruptcy_cover": (journal.BANKRUPTCY_COVER, journal.CASH),
    "outage_compensation": (journal.COMPENSATION, journal.PAYABLE_COMPENSATION),
    "goodwill_bonus": (journal.GOODWILL, journal.PAYABLE_GOODWILL),
}


def draft(category: str, reference: str, *amounts: str, day: date = DAY, description: str = "As agreed") -> Draft:
    """`draft("seed_capital", "seed", "1000.00 USDT")`: each amount moves between the accounts of its category."""
    moves = (Move(*PAIRS[category], Decimal(amount.split()[0]), amount.split()[1]) for amount in amounts)
    return Draft(reference, category, day, description, tuple(moves))


def book(category: str, reference: str, *amounts: str, by=None, now: datetime = NOW, **fields) -> JournalEntry:
    return post([draft(category, reference, *amounts, **fields)], by=by, now=now)[reference]


def undo(reference: str, new_reference: str, *, day: date = DAY, now: datetime = NOW) -> JournalEntry:
    made = reverse(reference, new_reference=new_reference, description=f"Undoes {reference}", effective_on=day)
    return post([made], by=None, now=now)[new_reference]


def november() -> None:
    """A month with every kind of fact: two assets, a top-up that nobody had to ask for, and a fee that was booked in error."""
    book("seed_capital", "seed-2022", "1000.00 USDT", "0.50000000 BTC", day=date(2022, 11, 1), description="The seed")
    book("liquidation_fee", "liq/7001", "8.25 USDT", description="Liquidation 7001")
    book("liquidation_fee", "liq/7001-twice", "8.25 USDT", description="Liquidation 7001, booked in error")
    book("outage_compensation", "CLM-000001/award-1/USDT", "35.50 USDT", day=date(2022, 11, 18))
    book("goodwill_bonus", "CLM-000001/goodwill", "20 USDT", day=date(2022, 11, 18))
    book("outage_compensation", "CLM-000002/award-1/BTC", "0.50000001 BTC", day=date(2022, 11, 19))
    undo("liq/7001-twice", "liq/7001-twice/reversed", day=date(2022, 11, 20))
