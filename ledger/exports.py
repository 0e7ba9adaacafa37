"""The journal as a file: CSV for a spreadsheet, beancount for a program that re-adds our books. Streamed, in constant memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, timedelta
from decimal import Decimal
from itertools import groupby
from typing import BinaryIO

from django.db import connection, transaction
from django.db.models import Max, Min

from ledger.journal import places
from ledger.models import Asset, JournalEntry, Transfer

# A spreadsheet never runs a cell: text that could start a formula gets an apostrophe; numbers stay numbers.
TEXT = r"CASE WHEN {0} ~ '^[=+\-@\t\r]' THEN '''' || {0} ELSE {0} END"
# All decimals of the asset; never rounded, so that a wrong amount would show.
AMOUNT = "round(transfer.amount, greatest(asset.decimals, scale(trim_scale(transfer.amount))))"

JOURNAL = f"""
COPY (
    SELECT entry.id AS entry, to_char(entry.posted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS posted_at,
           to_char(entry.effective_on, 'YYYY-MM-DD') AS effective_on, entry.category,
           {TEXT.format("entry.reference")} AS reference, {TEXT.format("entry.description")} AS description,
           debit.name AS debit, credit.name AS credit,
           {AMOUNT} AS amount, asset.code AS asset, NULL AS seal
      FROM ledger_transfer transfer
      JOIN ledger_journalentry entry ON entry.id = transfer.entry_id
      JOIN ledger_account debit ON debit.id = transfer.debit_id
      JOIN ledger_account credit ON credit.id = transfer.credit_id
      JOIN ledger_asset asset ON asset.code = transfer.asset_id
     WHERE (%(first)s::date IS NULL OR entry.effective_on >= %(first)s::date)
       AND (%(last)s::date IS NULL OR entry.effective_on <= %(last)s::date)
     ORDER BY entry.id, transfer.line
) TO STDOUT (FORMAT csv, HEADER)
"""  # noqa: S608 our own text

OPENING = "Equity:OpeningBalances"
# A beancount commodity begins with a letter, has two at least, and is none of its words. One more X makes any of ours legal,
# and no two of ours the same: those that look as if they had been helped get one, too.
NEEDS_X = re.compile(r"X*([0-9].*|[A-Z]?|TRUE|FALSE|NULL)")


def write_csv(file: BinaryIO, *, first: date | None = None, last: date | None = None) -> int:
    """One row per transfer of the entries effective from `first` to `last`, both inside. Returns the number of rows."""
    with connection.cursor() as cursor:
        with cursor.copy(JOURNAL, {"first": first, "last": last}) as copy:
            for block in copy:
                file.write(block)
        return cursor.rowcount


def write_beancount(file: BinaryIO, *, first: date | None = None, last: date | None = None) -> int:
    """The same entries as beancount transactions, opened and closed by what the books say. Returns the number of transfers.

    Each account begins with its balance before `first` and ends with an asserted balance, exact to the last digit (`~ 0`).
    """
    with _snapshot():
        decimals = dict(Asset.objects.values_list("code", "decimals"))
        rows = Transfer.objects.effective(first, last)
        earlier = first and first > date.min and first - timedelta(days=1)
        before = Transfer.objects.effective(last=earlier).sums() if earlier else {}
        after = Transfer.objects.effective(last=last).sums()
        days = rows.aggregate(opening=Min("entry__effective_on"), closing=Max("entry__effective_on"))
        opening = first or days["opening"] or date.min
        closing = max(days["closing"] or opening, opening) + timedelta(days=1)
        for block in (
            _header(opening, sorted(after), decimals),
            _openings(opening, before, decimals),
            _transactions(rows, decimals),
            _assertions(closing, after, decimals),
        ):
            for text in block:
                file.write(text.encode())
        return rows.count()


@contextmanager
def _snapshot() -> Iterator[None]:
    """One view of the books for several questions; inside a caller's transaction, the caller's view."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


def _header(opening: date, accounts: list[tuple[str, str]], decimals: dict[str, int]) -> Iterator[str]:
    yield 'option "title" "Makegood: the insurance fund"\n\n'
    assets = sorted({asset for _name, asset in accounts})
    for asset in assets:
        yield f'{opening} commodity {_commodity(asset)}\n  asset: "{asset}"\n  decimals: {decimals[asset]}\n'
    for name, pairs in groupby(accounts, key=lambda pair: pair[0]):
        yield f"{opening} open {name}  {','.join(_commodity(asset) for _name, asset in pairs)}\n"
    if assets:
        yield f"{opening} open {OPENING}  {','.join(map(_commodity, assets))}\n"


def _openings(opening: date, before: dict, decimals: dict[str, int]) -> Iterator[str]:
    for (name, asset), (debit, credit) in before.items():
        if balance := debit - credit:
            yield f'\n{opening} * "Opening balance"\n'
            yield _posting(name, balance, asset, decimals) + _posting(OPENING, -balance, asset, decimals)


def _transactions(rows, decimals: dict[str, int]) -> Iterator[str]:
    moves = (
        rows.select_related("entry__reverses", "debit", "credit").order_by("entry", "line").iterator(chunk_size=2000)
    )
    for entry, transfers in groupby(moves, key=lambda transfer: transfer.entry):
        yield _head(entry)
        for transfer in transfers:
            yield _posting(transfer.debit.name, transfer.amount, transfer.asset_id, decimals)
            yield _posting(transfer.credit.name, -transfer.amount, transfer.asset_id, decimals)


def _head(entry: JournalEntry) -> str:
    facts = {
        "reference": entry.reference,
        "category": entry.category,
        "posted_at": entry.posted_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
    } | ({"reverses": entry.reverses.reference} if entry.reverses else {})
    lines = [f"\n{entry.effective_on} * {_quoted(entry.description)}", f"  entry: {entry.pk}"]
    return "\n".join(lines + [f"  {key}: {_quoted(value)}" for key, value in facts.items()]) + "\n"


def _assertions(closing: date, after: dict, decimals: dict[str, int]) -> Iterator[str]:
    yield "\n"
    for (name, asset), (debit, credit) in after.items():
        yield f"{closing} balance {name}  {_amount(debit - credit, decimals[asset])} ~ 0 {_commodity(asset)}\n"
    for asset in sorted({asset for _name, asset in after}):
        yield f"{closing} balance {OPENING}  {_amount(Decimal(0), decimals[asset])} ~ 0 {_commodity(asset)}\n"


def _posting(account: str, amount: Decimal, asset: str, decimals: dict[str, int]) -> str:
    return f"  {account}  {_amount(amount, decimals[asset])} {_commodity(asset)}\n"


def _amount(amount: Decimal, decimals: int) -> str:
    """All decimals of the asset: beancount's tolerance follows the coarsest amount shown. Never rounded."""
    return f"{amount:.{places(amount, decimals)}f}"


def _commodity(asset: str) -> str:
    return f"X{asset}" if NEEDS_X.fullmatch(asset) else asset


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
