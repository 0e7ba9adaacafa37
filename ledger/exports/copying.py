"""What the exports share: one view of the books, SQL whose answer is the file, how instants and amounts are written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from django.db import connection, transaction

# To the microsecond, in UTC.
INSTANT = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
DAY = "to_char({}, 'YYYY-MM-DD')"
# All decimals of the asset; never rounded, so that a wrong amount would show.
AMOUNT = "round(transfer.amount, greatest(asset.decimals, scale(trim_scale(transfer.amount))))"
# Asked for reversals only: a join would look for every entry's.
REVERSES = """CASE WHEN entry.reverses_id IS NOT NULL THEN
           (SELECT reference FROM ledger_journalentry original WHERE original.id = entry.reverses_id) END"""
EFFECTIVE = (
    """entry.effective_on BETWEEN coalesce(%(first)s::date, '-infinity') AND coalesce(%(last)s::date, 'infinity')"""
)

# COPY's way to lines of free text: one column, and neither of these two signs is ever in it.
PLAIN = r"(FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02')"
QUOTE = b"\x02"


def copied(file: BinaryIO, sql: str, params: dict) -> int:
    """Write what COPY answers, as it comes. Returns the number of rows."""
    with connection.cursor() as cursor:
        with cursor.copy(cursor.mogrify(sql, params)) as copy:
            for block in copy:
                file.write(block)
        return cursor.rowcount


def copied_lines(file: BinaryIO, select: str, params: dict) -> int:
    """Write the one column of the query, whatever lines it has, each row with a line end. Returns the number of rows."""
    with connection.cursor() as cursor:
        with cursor.copy(cursor.mogrify(f"COPY ({select}) TO STDOUT {PLAIN}", params)) as copy:
            for block in copy:
                file.write(bytes(block).replace(QUOTE, b""))
        return cursor.rowcount


@contextmanager
def snapshot() -> Iterator[None]:
    """One view of the books for several questions; inside a caller's transaction, the caller's view."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield
