"""A report as it is shown and as it leaves: what was asked, and tables whose rows are counted, cut into pages or streamed."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any, overload

from django.db import connection

Row = Sequence[Any]
Moment = datetime | date | None  # an instant, or a day up to its end; None: now
AT_ONCE = 2_000  # rows fetched together while streaming


class Asked(Exception):
    """What was asked for cannot be told; the message says why and what would be right."""


@dataclass(frozen=True)
class Column:
    """`code` heads it in files, `words` on screen (empty: files only); `says`: words for codes, `link`: where it leads."""

    code: str
    words: object
    says: Mapping[str, object] = field(default_factory=dict)
    link: Callable[[Row], str | None] | None = None


class Query:
    """The rows of one SELECT that ends its thinnest part with `LIMIT %(limit)s OFFSET %(offset)s`; read anew each time.

    To a reader a sequence: its length, a slice, or all of it through a cursor of the database, in constant memory.
    """

    def __init__(self, sql: str, params: dict, *, count: str = ""):
        self.sql, self.params, self.counted = sql, params, count

    def __iter__(self) -> Iterator[Row]:
        with connection.chunked_cursor() as cursor:
            cursor.execute(self.sql, self.params | {"limit": None, "offset": 0})
            while rows := cursor.fetchmany(AT_ONCE):
                yield from rows

    def __len__(self) -> int:
        count = self.counted or f"SELECT count(*) FROM ({self.sql}) AS counted"  # noqa: S608 our own text
        with connection.cursor() as cursor:
            cursor.execute(count, self.params | {"limit": None, "offset": 0})
            return cursor.fetchone()[0]

    @overload
    def __getitem__(self, wanted: int) -> Row: ...

    @overload
    def __getitem__(self, wanted: slice) -> list[Row]: ...

    def __getitem__(self, wanted: int | slice) -> Row | list[Row]:
        if isinstance(wanted, int):
            return self[wanted : wanted + 1][0]
        first = wanted.start or 0
        limit = None if wanted.stop is None else max(0, wanted.stop - first)
        with connection.cursor() as cursor:
            cursor.execute(self.sql, self.params | {"limit": limit, "offset": first})
            return cursor.fetchall()


@dataclass(frozen=True)
class Table:
    """One table of a report: its name in files, its title on screen, columns and rows; `empty` says why there are none.

    Cells are Decimal (with all decimals of their asset), int, date, datetime, str, bool, or None. `strong` marks sums.
    """

    name: str
    title: object
    columns: tuple[Column, ...]
    rows: Sequence[Row] | Query
    empty: object = ""
    strong: Callable[[Row], bool] = lambda _row: False

    @property
    def heads(self) -> list[str]:
        return [column.code for column in self.columns]


@dataclass(frozen=True)
class Paper:
    """A report: its name, what it was asked for and what else is to be told, and its tables, the main one first."""

    name: str
    title: object
    told: Mapping[str, object]
    tables: tuple[Table, ...]

    def table(self, name: str) -> Table:
        """The table of this name; without a name the first. Raises Asked."""
        found = next((table for table in self.tables if table.name == (name or self.tables[0].name)), None)
        if found is None:
            raise Asked(f"{self.name} has no table {name!r}; it has: {', '.join(table.name for table in self.tables)}")
        return found


class NoTime(ArgumentTypeError, ValueError):
    """A text that is no day or instant; on the console it is told as it stands."""


def moment(text: str) -> date | datetime:
    """A day (2022-11-30: effective up to its end) or an instant with offset (2022-11-30T12:00:00Z: posted by then)."""
    try:
        found = date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
    except ValueError as error:
        raise NoTime(
            f"{text!r}: expected a day such as 2022-11-30, or an instant such as 2022-11-30T12:00:00Z"
        ) from error
    if isinstance(found, datetime) and found.tzinfo is None:
        raise NoTime(f"{text!r}: an instant needs its offset, such as 2022-11-30T12:00:00Z")
    return found


def by_then(as_of: Moment) -> datetime | None:
    """The instant up to which something was done; of a day its very end. None: now."""
    if as_of is None or isinstance(as_of, datetime):
        return as_of
    return datetime.combine(as_of, time.max, UTC)


def day(text: str) -> date:
    """A day: 2022-11-30."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise NoTime(f"{text!r}: expected a day such as 2022-11-30") from error
