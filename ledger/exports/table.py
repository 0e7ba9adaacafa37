"""The journal as a table, one row a transfer: CSV by the database itself, or its rows for a workbook."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from functools import partial
from itertools import chain
from typing import BinaryIO

from django.db import connection, transaction

from ledger.canonical import INSTANT
from ledger.exports.copying import AMOUNT, DAY, EFFECTIVE, copied

# A spreadsheet never runs a cell: text that begins with = + - @, tab or return gets an apostrophe; numbers stay numbers.
TEXT = "CASE WHEN ascii({0}) IN (61, 43, 45, 64, 9, 13) THEN '''' || {0} ELSE {0} END"

COLUMNS = (
    "entry", "posted_at", "effective_on", "category", "reference", "description", "debit", "credit", "amount", "asset", "seal",
)  # fmt: skip
FROM = f"""
      FROM ledger_journalentry entry
      JOIN ledger_transfer transfer ON transfer.entry_id = entry.id
      JOIN ledger_account debit ON debit.id = transfer.debit_id
      JOIN ledger_account credit ON credit.id = transfer.credit_id
      JOIN ledger_asset asset ON asset.code = transfer.asset_id
      LEFT JOIN ledger_sealing sealing ON sealing.entry_id = entry.id
     WHERE {EFFECTIVE}
     ORDER BY entry.id, transfer.line
"""
ROWS = f"""
    SELECT entry.id, entry.posted_at, entry.effective_on, entry.category, entry.reference, entry.description,
           debit.name, credit.name, {AMOUNT}, asset.code, sealing.seal_id {FROM}
"""  # noqa: S608 our own text
JOURNAL = f"""
    SELECT entry.id AS entry, {INSTANT.format("entry.posted_at")} AS posted_at,
           {DAY.format("entry.effective_on")} AS effective_on, entry.category,
           {TEXT.format("entry.reference")} AS reference, {TEXT.format("entry.description")} AS description,
           debit.name AS debit, credit.name AS credit, {AMOUNT} AS amount, asset.code AS asset, sealing.seal_id AS seal {FROM}
"""  # noqa: S608 our own text
AT_ONCE = 2_000  # rows fetched


def write_csv(file: BinaryIO, *, first: date | None = None, last: date | None = None) -> int:
    """One row per transfer of the entries effective from `first` to `last`, both inside. Returns the number of rows."""
    return copied(file, f"COPY ({JOURNAL}) TO STDOUT (FORMAT csv, HEADER)", {"first": first, "last": last})


@contextmanager
def table(*, first: date | None = None, last: date | None = None) -> Iterator[Iterator[tuple]]:
    """The same rows as values (int, datetime, date, str, Decimal), for as long as the block lasts."""
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(ROWS, {"first": first, "last": last})
        yield chain.from_iterable(iter(partial(cursor.fetchmany, AT_ONCE), []))
