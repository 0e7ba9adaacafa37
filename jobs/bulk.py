"""A user's file into the database at COPY's speed: a temporary table of its sound rows, checks in SQL, all errors at once.

Knows no room. Inside one transaction a room calls `load`, asks its questions of the table `bulk_row` (column `line` and one
column per `Column`, empty cells NULL) with `check`, `once` and `refuse`, and takes the rows over only if nothing was found.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import available_timezones

from django.db import connection, transaction

from jobs import csv_file
from jobs.cells import EPOCHS, Column, Reading
from jobs.csv_file import LIMIT, Findings, HeaderError, Sheet, told
from jobs.unpacked import Source, Unreadable, opened

TYPES = {
    "text": "text",
    "prose": "text",
    "number": "numeric",
    "real": "double precision",
    "instant": "timestamptz",
    "kdb": "timestamptz",
}
MEMORY = "64MB"  # of one sort or hash, until the transaction ends: a million rows are compared without going to disk
DIGITS = {"s": 0, "ms": 3, "us": 6, "ns": 9}

Progress = Callable[[int, int], None]  # bytes read, bytes in all
Check = tuple[str, str, str]  # column, the SQL condition of a wrong row, what would be right


class Rows(Protocol):
    """The sound rows of a file as portions of CSV text, each row with its line number before it; the others are findings.

    `notes`: what the file says besides its rows.
    """

    sheet: Sheet
    count: int
    findings: Findings
    notes: dict

    def __iter__(self) -> Iterator[str]: ...


Reader = Callable[[io.BufferedReader, Sequence[Column], Reading], Rows]


class Batch:
    """One file's rows, as far as they are sound, and everything found wrong with the others."""

    def __init__(self, errors: Sequence[str] = (), *, sha256: str = ""):
        self.sha256 = sha256
        self.rows = 0
        self.present: set[str] = set()  # the columns that the file has; none: it could not be read
        self.unknown: list[str] = []
        self.headings: dict[str, str] = {}  # how the file names a column, where it names it otherwise
        self.key: tuple[str, str] | None = (
            None  # by what else than its line a reader finds a row: a word, and the column
        )
        self.notes: dict = {}  # what the file says besides its rows
        self.misshapen = Findings(errors=[(0, error) for error in errors], count=len(errors))

    def check(self, *checks: Check) -> None:
        """Find the rows where a condition holds; one pass over the rows for all of them."""
        values = ", ".join(f"(%s, %s, ({condition}))" for _column, condition, _expected in checks)
        params = [text for column, _condition, expected in checks for text in (column, expected)]
        wrong = " OR ".join(f"({condition})" for _column, condition, _expected in checks)
        self.refuse(
            f"SELECT line, in_column, wanted FROM bulk_row, LATERAL (VALUES {values}) AS c (in_column, wanted, is_wrong) "  # noqa: S608 our own text
            f"WHERE ({wrong}) AND is_wrong",
            params,
        )

    def once(self, column: str, key: Sequence[str], expected: str) -> None:
        """Find the rows whose key an earlier row has already; the error names that line too."""
        keys = ", ".join(key)
        self.refuse(
            f"""SELECT line, %s, %s || '; line ' || first || ' has it already'
                  FROM (SELECT line, min(line) OVER (PARTITION BY {keys}) AS first FROM bulk_row
                         WHERE ({keys}) IN (SELECT {keys} FROM bulk_row GROUP BY {keys} HAVING count(*) > 1)) AS twice
                 WHERE line > first""",  # noqa: S608
            [column, expected],
        )

    def refuse(self, query: str, params: Sequence[Any] | Mapping[str, Any] = ()) -> None:
        """Find the rows that a query names: line, column, what would be right."""
        with connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO bulk_error (line, name, expected) {query}", params)

    def refused(self) -> bool:
        return bool(self.misshapen.count) or _one("SELECT EXISTS (SELECT FROM bulk_error)")

    def result(self, **counts: object) -> dict:
        """What the commands print: rows, the counts given, rejected rows, errors, and columns that were not understood."""
        rows, errors = self._found()
        found = sorted(self.misshapen.errors + self._told(), key=lambda error: error[0])[:LIMIT]
        more = self.misshapen.count + errors - len(found)
        texts = [text for _line, text in found] + ([f"… and {more:,} more errors"] if more > 0 else [])
        result = {"rows": self.rows, **counts, "rejected": self.misshapen.rows + rows, "errors": texts}
        return result | ({"unknown_columns": self.unknown} if self.unknown else {})

    def _found(self) -> tuple[int, int]:
        return _row("SELECT count(DISTINCT line), count(*) FROM bulk_error") if self.present else (0, 0)

    def _told(self) -> list[tuple[int, str]]:
        if not self.present:
            return []
        with connection.cursor() as cursor:
            cursor.execute(
                """SELECT e.line, e.name, coalesce(to_jsonb(r) ->> e.name, ''), e.expected, to_jsonb(r) ->> %s
                     FROM (SELECT * FROM bulk_error ORDER BY line, id LIMIT %s) AS e JOIN bulk_row r USING (line)
                    ORDER BY e.line, e.id""",
                [self.key[1] if self.key else "", LIMIT],
            )
            return [
                (line, told(line, self._column(name, key), value, wanted))
                for line, name, value, wanted, key in cursor.fetchall()
            ]

    def _column(self, name: str, key: str | None) -> str:
        heading = self.headings.get(name, name)
        return f"{heading} of {self.key[0]} {key}" if self.key else heading


def load(
    path: Path,
    columns: Sequence[Column],
    *,
    derived: Sequence[Column] = (),
    reading: Reading | None = None,
    reader: Reader = csv_file.rows,
    progress: Progress | None = None,
) -> Batch:
    """Read the file into `bulk_row`, in constant memory. To be called inside a transaction; nothing is left after it.

    A file that cannot be read at all gives a batch without rows and with the reason among its errors. `derived` are columns
    of `bulk_row` for the caller to fill; `reader` reads what is not plain CSV.
    """
    reading = reading or Reading()
    try:
        _check_reading(reading)
        with (
            transaction.atomic(),
            opened(path) as source,
        ):  # an error in the middle leaves the caller's transaction whole
            return _load(source, columns, derived, reading, reader, progress)
    except OSError as error:
        return Batch([f"{path}: {error.strerror or error}"])
    except Unreadable as error:
        return Batch([f"{path}: {error}"])
    except HeaderError as error:
        return Batch(error.errors)


def _load(
    source: Source,
    columns: Sequence[Column],
    derived: Sequence[Column],
    reading: Reading,
    reader: Reader,
    progress: Progress | None,
) -> Batch:
    rows = reader(source.stream, columns, reading)
    batch, sheet = Batch(sha256=source.sha256), rows.sheet
    batch.present, batch.unknown = {column.name for column in sheet.known}, list(sheet.unknown)
    batch.headings = {column.name: column.called for column in (*columns, *sheet.known) if column.called}
    _create((*columns, *derived), sheet, reading)
    _copy(rows, reading, lambda: progress(source.done, source.size) if progress else None)
    batch.rows, batch.misshapen, batch.key, batch.notes = rows.count, rows.findings, sheet.key, rows.notes
    return batch


def lock(kind: str) -> None:
    """Wait until no other import of this kind is under way; until the transaction ends, none begins."""
    _one("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"import of {kind}"])


def analyze(*tables: str) -> None:
    """Let the planner know what came in, now and not when autovacuum finds it: the next statement joins these tables."""
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {', '.join(tables)}")


def _check_reading(reading: Reading) -> None:
    zone = reading.timezone
    if zone and not (
        zone in available_timezones() and _one("SELECT EXISTS (SELECT FROM pg_timezone_names WHERE name = %s)", [zone])
    ):
        raise HeaderError(f"{zone!r} is no time zone - expected an IANA name such as UTC or Asia/Shanghai")
    if reading.time_unit and reading.time_unit not in EPOCHS:
        raise HeaderError(f"{reading.time_unit!r} is no unit of time - expected one of: {', '.join(EPOCHS)}")


def _create(columns: Sequence[Column], sheet: Sheet, reading: Reading) -> None:
    """The table of rows: every column we know, whether the file has it or not, and text for those we do not know."""
    fields = [f"{column.name} {TYPES[column.kind]}" for column in columns]
    if reading.time_unit:
        fields = [field for column in columns for field in _fields(column, reading.time_unit)]
    fields += [f"unknown_{place} text" for place, column in enumerate(sheet.columns) if column is None]
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('work_mem', %s, true)", [MEMORY])
        cursor.execute("DROP TABLE IF EXISTS bulk_row, bulk_error")
        cursor.execute(f"CREATE TEMPORARY TABLE bulk_row (line bigint NOT NULL, {', '.join(fields)}) ON COMMIT DROP")
        cursor.execute(
            "CREATE TEMPORARY TABLE bulk_error "
            "(id bigint GENERATED ALWAYS AS IDENTITY, line bigint, name text, expected text) ON COMMIT DROP"
        )


def _fields(column: Column, unit: str) -> list[str]:
    """An epoch number is kept as it came; its instant, cut to the microsecond, is derived from it."""
    if column.kind != "instant":
        return [f"{column.name} {TYPES[column.kind]}"]
    seconds = f"(trunc({column.name}_epoch * 1e6 / 1e{DIGITS[unit]}) / 1e6)::double precision"
    return [
        f"{column.name}_epoch numeric",
        f"{column.name} timestamptz GENERATED ALWAYS AS (to_timestamp({seconds})) STORED",
    ]


def _copy(rows: Rows, reading: Reading, tick: Callable[[], None]) -> None:
    """Stream the sound rows into the table. Times without an offset are read in the file's zone."""
    names = ["line"]
    for place, column in enumerate(rows.sheet.columns):
        epoch = column is not None and column.kind == "instant" and reading.time_unit
        names.append(f"unknown_{place}" if column is None else f"{column.name}_epoch" if epoch else column.name)
    columns = ", ".join(names)
    sql = (
        f"COPY bulk_row ({columns}) FROM STDIN (FORMAT csv, DELIMITER '{rows.sheet.delimiter}', FORCE_NULL ({columns}))"
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('TimeZone', %s, true)", [reading.timezone or connection.timezone_name])
        with cursor.copy(sql) as copy:
            for portion in rows:
                copy.write(portion)
                tick()
        cursor.execute("SELECT set_config('TimeZone', %s, true)", [connection.timezone_name])
        cursor.execute(f"ANALYZE bulk_row ({', '.join(['line', *_joined(rows.sheet)])})")


def _joined(sheet: Sheet) -> list[str]:
    """The columns that a room's questions may join by: what the planner needs to know of."""
    return [column.name for column in sheet.known if column.kind == "text"]


def _row(sql: str, params: Sequence[Any] = ()) -> tuple:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone()


def _one(sql: str, params: Sequence[Any] = ()):
    return _row(sql, params)[0]
