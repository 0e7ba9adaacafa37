"""One account's statement, newest first: pages of lines, each with the balance after it, however long the books are.

The balance is not added up from the beginning: it is taken from the nearest one that is kept, which is that of a closed period or
of this moment. Lines and balance are one question, so that what posts meanwhile is in both or in neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from django.contrib.auth import get_user_model
from django.db import connection

from ledger.models import Account, JournalEntry

LINES = 50  # to a page
PEOPLE = get_user_model()._meta.db_table


class Place(NamedTuple):
    """A line's place in the books: pages go on below it."""

    day: date
    entry: int
    line: int

    def __str__(self) -> str:
        return f"{self.day}.{self.entry}.{self.line}"


@dataclass(frozen=True)
class Asked:
    """What the statement is to show; with a category or a person the lines are not all, and have no running balance."""

    first: date | None = None
    last: date | None = None
    category: str = ""
    person: int | None = None
    below: Place | None = None

    @property
    def in_part(self) -> bool:
        return bool(self.category or self.person)


@dataclass(frozen=True)
class StatementLine:
    """One side of one transfer: how it moved this account, and the account it moved against."""

    place: Place
    reference: str
    category: str  # in words
    description: str
    posted_at: datetime
    person: str
    other: int
    other_name: str
    debit: Decimal | None
    credit: Decimal | None
    balance: Decimal


@dataclass(frozen=True)
class Page:
    """Lines newest first; `after` and `before` are the balances above the first and below the last of them."""

    lines: list[StatementLine]
    after: Decimal
    before: Decimal
    further: Place | None  # where the next page begins; None: these were the last lines


SIDE = "%(account)s IN (transfer.debit_id, transfer.credit_id)"
SIGNED = "CASE WHEN transfer.debit_id = %(account)s THEN transfer.amount ELSE -transfer.amount END"
MOVES = "ledger_journalentry entry JOIN ledger_transfer transfer ON transfer.entry_id = entry.id"
# The balance above the page: down from the nearest one that is kept after it, or up from the nearest one before it.
PAGE = f"""
WITH day AS (
    SELECT least(%(day)s::date, last) AS asked, coalesce(before, first) AS lower, coalesce(after, last) AS upper, before, after
      FROM (SELECT (SELECT max(last_day) FROM ledger_period WHERE closed_at IS NOT NULL AND last_day < %(day)s::date) AS before,
                   (SELECT min(last_day) FROM ledger_period WHERE closed_at IS NOT NULL AND last_day >= %(day)s::date) AS after,
                   (SELECT min(effective_on) FROM ledger_journalentry) AS first,
                   (SELECT max(effective_on) FROM ledger_journalentry) AS last) AS known
), closed AS (
    SELECT last_day, debits - credits AS balance
      FROM ledger_closingbalance JOIN ledger_period period ON period.id = period_id WHERE account_id = %(account)s
), top AS (
    SELECT CASE WHEN (SELECT asked - lower < upper - asked FROM day)
                THEN coalesce((SELECT balance FROM closed JOIN day ON last_day = before), 0)
                   + coalesce((SELECT sum({SIGNED}) FROM {MOVES}
                                WHERE {SIDE} AND (entry.effective_on, entry.id) <= (%(day)s::date, %(entry)s)
                                  AND (entry.effective_on, entry.id, transfer.line) < (%(day)s::date, %(entry)s, %(line)s)
                                  AND entry.effective_on > coalesce((SELECT before FROM day), '-infinity')), 0)
                ELSE CASE WHEN (SELECT after FROM day) IS NOT NULL
                          THEN coalesce((SELECT balance FROM closed JOIN day ON last_day = after), 0)
                          ELSE coalesce((SELECT sum(debits - credits) FROM ledger_balance WHERE account_id = %(account)s), 0) END
                   - coalesce((SELECT sum({SIGNED}) FROM {MOVES}
                                WHERE {SIDE} AND (entry.effective_on, entry.id) >= (%(day)s::date, %(entry)s)
                                  AND (entry.effective_on, entry.id, transfer.line) >= (%(day)s::date, %(entry)s, %(line)s)
                                  AND entry.effective_on <= coalesce((SELECT after FROM day), 'infinity')), 0)
           END AS balance
), page AS (
    SELECT entry.effective_on, entry.id, transfer.line, entry.reference, entry.category, entry.description, entry.posted_at,
           entry.posted_by_id, transfer.debit_id + transfer.credit_id - %(account)s AS other, {SIGNED} AS signed
      FROM {MOVES}
     WHERE {SIDE} AND (entry.effective_on, entry.id) <= (%(day)s::date, %(entry)s)
       AND (entry.effective_on, entry.id, transfer.line) < (%(day)s::date, %(entry)s, %(line)s)
       {{wanted}}
     ORDER BY entry.effective_on DESC, entry.id DESC, transfer.line DESC LIMIT %(limit)s
)
SELECT top.balance, page.effective_on, page.id, page.line, page.reference, page.category, page.description, page.posted_at,
       coalesce(person.username, ''), page.other, account.name, page.signed
  FROM top LEFT JOIN page ON true LEFT JOIN ledger_account account ON account.id = page.other
  LEFT JOIN {PEOPLE} person ON person.id = page.posted_by_id
 ORDER BY page.effective_on DESC, page.id DESC, page.line DESC
"""  # noqa: S608 our own text
WANTED = {
    "first": "AND entry.effective_on >= %(first)s",
    "category": "AND entry.category = %(category)s",
    "person": "AND entry.posted_by_id = %(person)s",
}


def statement(account: Account, asked: Asked) -> Page:
    """A page of the account's lines, in one question."""
    top, rows = _rows(account, asked)
    lines, balance, words = [], top, dict(JournalEntry.Category.choices)
    for day, entry, number, reference, category, *told, signed in rows[:LINES]:
        description, posted_at, person, other, other_name = told
        lines.append(
            StatementLine(
                place=Place(day, entry, number),
                reference=reference,
                category=str(words[category]),
                description=description,
                posted_at=posted_at,
                person=person,
                other=other,
                other_name=other_name,
                debit=signed if signed > 0 else None,
                credit=-signed if signed < 0 else None,
                balance=balance,
            )
        )
        balance -= signed
    return Page(lines, after=top, before=balance, further=lines[-1].place if len(rows) > LINES else None)


def _rows(account: Account, asked: Asked) -> tuple[Decimal, list[tuple]]:
    params = {name: getattr(asked, name) for name in WANTED if getattr(asked, name)}
    wanted = " ".join(WANTED[name] for name in params)
    params |= {"account": account.pk, "limit": LINES + 1} | _start(asked)
    with connection.cursor() as cursor:
        cursor.execute(PAGE.format(wanted=wanted), params)
        found = cursor.fetchall()
    return found[0][0], [row[1:] for row in found if row[1] is not None]


def _start(asked: Asked) -> dict[str, object]:
    """Above the newest line that is wanted, or below the last page's."""
    if asked.below:
        return asked.below._asdict()
    day = asked.last + timedelta(days=1) if asked.last and asked.last < date.max else "infinity"
    return {"day": day, "entry": 0, "line": 0}
