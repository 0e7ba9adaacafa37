"""What the exports share: SQL whose answer is the file, how amounts are written."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from django.db import connection
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult

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
    """Write what a COPY answers, as it comes. Returns the number of rows."""
    return _received(sql, params, file.write)


def copied_lines(file: BinaryIO, select: str, params: dict) -> int:
    """Write the one column of the query, whatever lines it has, each row with a line end. Returns the number of rows."""
    return _received(
        f"COPY ({select}) TO STDOUT {PLAIN}", params, lambda row: file.write(bytes(row).replace(QUOTE, b""))
    )


def _received(sql: str, params: dict, write: Callable[[memoryview], object]) -> int:
    """Each row of a COPY to `write`, straight from libpq: a million of them in a third of the time that `cursor.copy` takes.

    The connection can be used again afterwards, whatever happened.
    """
    with connection.cursor() as cursor:
        asked = cursor.mogrify(sql, params).encode()
        with connection.wrap_database_errors:
            libpq: PGconn = cursor.connection.pgconn
            _expect(ExecStatus.COPY_OUT, libpq.exec_(asked))
            try:
                _each(libpq, write)
            except BaseException:
                cursor.connection.cancel()
                _each(libpq, lambda row: None)
                _end(libpq)
                raise
            return _expect(ExecStatus.COMMAND_OK, _end(libpq)).command_tuples or 0


def _each(libpq: PGconn, write: Callable[[memoryview], object]) -> None:
    receive = libpq.get_copy_data
    size, row = receive(0)
    while size > 0:
        write(row)
        size, row = receive(0)


def _end(libpq: PGconn) -> PGresult:
    """What the command came to."""
    return list(iter(libpq.get_result, None))[-1]


def _expect(status: ExecStatus, result: PGresult) -> PGresult:
    if result.status != status:
        raise error_from_result(result)
    return result
