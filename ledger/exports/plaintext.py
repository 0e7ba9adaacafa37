"""The journal as plain-text accounting: what a file states of the books, and in which order, whichever program reads it.

It begins with the balances before it, goes through the journal day by day, and states every account's balance where a period was
closed (as the closing stored it) and at its end (as the database keeps it). Whoever adds it up notices a file that was
changed, and a database that was.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import BinaryIO

from django.db.models import Max, Min

from ledger import reports
from ledger.canonical import INSTANT
from ledger.exports.copying import AMOUNT, DAY, EFFECTIVE, REVERSES, copied_lines
from ledger.journal import places
from ledger.models import Asset, ClosingBalance, Seal, Transfer
from ledger.moment import snapshot

OPENING = "Equity:OpeningBalances"  # the other side of what was there before the file begins
TITLE = "Makegood: the insurance fund"
A_DAY = timedelta(days=1)

Balances = dict[tuple[str, str], Decimal]  # debits less credits by account and asset


@dataclass(frozen=True)
class Frame:
    """What surrounds the entries of a file: its days, the balances it begins and ends with, and those of closed periods."""

    opening: date
    closing: date
    before: Balances
    after: Balances
    closed: dict[date, Balances]
    decimals: dict[str, int]
    seal: Seal | None

    @property
    def assets(self) -> list[str]:
        return sorted({asset for _name, asset in self.after})

    def amount(self, balance: Decimal, asset: str) -> str:
        """All decimals of the asset (a reader's tolerance follows what it is shown), and more if it has more."""
        return f"{balance:.{places(balance, self.decimals[asset])}f}"

    def sealed(self) -> str:
        if self.seal is None:
            return "not sealed yet"
        return f"sealed through entry {self.seal.last_entry} by seal {self.seal}"


class Dialect(ABC):
    """How one program wants it written. `head` and `leg` are SQL over the columns of a transfer (`_journal`)."""

    head: str
    leg: str

    @abstractmethod
    def symbol(self, asset: str) -> str:
        """The asset's code as this program's name of a commodity."""

    @abstractmethod
    def preface(self, frame: Frame) -> Iterator[str]:
        """The latest seal, and every commodity and account there is."""

    @abstractmethod
    def brought_forward(self, frame: Frame) -> Iterator[str]:
        """The balances before the first entry."""

    @abstractmethod
    def asserted(self, day: date, balances: Balances, frame: Frame) -> Iterator[str]:
        """What every account must hold at the end of a day."""


def write(dialect: Dialect, file: BinaryIO, *, first: date | None, last: date | None) -> int:
    """The entries effective from `first` to `last`, both inside, in the dialect. Returns the number of transfers."""
    with snapshot():
        frame = _frame(first, last)
        written, begun = 0, first
        _put(file, dialect.preface(frame), dialect.brought_forward(frame))
        for day, balances in sorted(frame.closed.items()):
            written += _entries(dialect, file, frame, first=begun, last=day)
            _put(file, dialect.asserted(day, balances, frame))
            begun = day + A_DAY
        written += _entries(dialect, file, frame, first=begun, last=last)
        _put(file, dialect.asserted(frame.closing, frame.after, frame))
        return written


def _put(file: BinaryIO, *blocks: Iterator[str]) -> None:
    for block in blocks:
        file.writelines(text.encode() for text in block)


def _entries(dialect: Dialect, file: BinaryIO, frame: Frame, *, first: date | None, last: date | None) -> int:
    assets = {
        "assets": list(frame.decimals),
        "decimals": list(frame.decimals.values()),
        "symbols": [dialect.symbol(asset) for asset in frame.decimals],
    }
    return copied_lines(file, _journal(dialect), {"first": first, "last": last} | assets)


def _journal(dialect: Dialect) -> str:
    """One row a transfer; `begins`: the first one of its entry, even in damaged books where that is not line 1."""
    return f"""
    SELECT concat(CASE WHEN begins THEN {dialect.head} END, {dialect.leg})
      FROM (SELECT entry.id AS entry, entry.reference, entry.category, entry.description,
                   {DAY.format("entry.effective_on")} AS day, {INSTANT.format("entry.posted_at")} AS posted_at,
                   {REVERSES} AS reverses, sealing.seal_id AS seal,
                   lag(entry.id) OVER in_turn IS DISTINCT FROM entry.id AS begins,
                   debit.name AS debit, credit.name AS credit, {AMOUNT} AS amount, asset.symbol
              FROM ledger_journalentry entry
              JOIN ledger_transfer transfer ON transfer.entry_id = entry.id
              JOIN ledger_account debit ON debit.id = transfer.debit_id
              JOIN ledger_account credit ON credit.id = transfer.credit_id
              JOIN unnest(%(assets)s::text[], %(decimals)s::integer[], %(symbols)s::text[]) AS asset (code, decimals, symbol)
                   ON asset.code = transfer.asset_id
              LEFT JOIN ledger_sealing sealing ON sealing.entry_id = entry.id
             WHERE {EFFECTIVE}
            WINDOW in_turn AS (ORDER BY entry.effective_on, entry.id, transfer.line)
             ORDER BY entry.effective_on, entry.id, transfer.line) AS transfer
    """  # noqa: S608 our own text


def _frame(first: date | None, last: date | None) -> Frame:
    days = Transfer.objects.effective(first, last).aggregate(
        opening=Min("entry__effective_on"), closing=Max("entry__effective_on")
    )
    after, closed = _balances(last), _closed(first, last)
    opening = first or days["opening"] or date.min
    return Frame(
        opening=opening,
        closing=max(days["closing"] or opening, opening, *closed),
        before=_balances(first - A_DAY) if first and first > date.min else {},
        after=after,
        closed={day: dict.fromkeys(after, Decimal(0)) | balances for day, balances in closed.items()},
        decimals=dict(Asset.objects.values_list("code", "decimals")),
        seal=Seal.objects.first(),
    )


def _closed(first: date | None, last: date | None) -> dict[date, Balances]:
    """The stored closing balances of the periods that end in the file, by their last day."""
    bounds = {"period__last_day__gte": first, "period__last_day__lte": last}
    rows = ClosingBalance.objects.filter(**{bound: day for bound, day in bounds.items() if day})
    closed: dict[date, Balances] = defaultdict(dict)
    for day, name, asset, debits, credits in rows.values_list(
        "period__last_day", "account__name", "account__asset_id", "debits", "credits"
    ):
        closed[day][name, asset] = debits - credits
    return dict(closed)


def _balances(last: date | None) -> Balances:
    """Every account that ever moved: as the database keeps it; or through a day, from the last closing and what came since."""
    return {key: debits - credits for key, (debits, credits) in sorted(reports.balances(last).items())}
