"""A user's CSV file, read line by line in constant memory: what is wrong with its shape, and its sound rows. Pure."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import BinaryIO

from jobs.cells import CellError, Column, Reading, days_of_change

LIMIT = 1_000  # errors that are told one by one
LONGEST_LINE = 1 << 20
SHOWN = 60  # characters of a wrong value
UNREADABLE = re.compile("[\ud800-\udfff]")  # how bytes that are not UTF-8 arrive here


def told(line: int, column: str, value: str, expected: str) -> str:
    """An error as its reader needs it: 'line 17, column quantity: "1,5" - expected a decimal number with a point'."""
    shown = value if len(value) <= SHOWN else f"{value[:SHOWN]}…"
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in shown)
    return f'line {line}, column {column}: "{shown}" - expected {expected}'


@dataclass
class Findings:
    """What is wrong with a file: the first thousand errors, and how many rows have one."""

    errors: list[tuple[int, str]] = field(default_factory=list)
    count: int = 0
    rows: int = 0

    def add(self, line: int, *texts: str) -> None:
        """The errors of one more row."""
        self.rows += 1
        self.count += len(texts)
        self.errors += [(line, text) for text in texts[: max(0, LIMIT - len(self.errors))]]


class HeaderError(Exception):
    """A file whose columns are not understood: nothing of it can be read."""

    def __init__(self, *errors: str):
        self.errors = list(errors)
        super().__init__("; ".join(errors))


class Lines:
    """The lines of a binary file as text. `number` is that of the last one; a line without end is cut, not swallowed."""

    def __init__(self, file: BinaryIO):
        if file.read(3) != codecs.BOM_UTF8:
            file.seek(0)
        self.text = io.TextIOWrapper(file, "utf-8", errors="surrogateescape", newline="\n")
        self.number, self.whole = 0, True

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self.text.readline(LONGEST_LINE)
        if not line:
            raise StopIteration
        self.number += self.whole
        self.whole = line.endswith("\n")
        return line


@dataclass(frozen=True)
class Sheet:
    """The header row of a file, understood."""

    names: tuple[str, ...]
    delimiter: str
    columns: tuple[Column | None, ...]  # None: a column that we do not know

    @property
    def unknown(self) -> list[str]:
        return [name for name, column in zip(self.names, self.columns, strict=True) if column is None]


def header(lines: Lines, columns: Sequence[Column]) -> Sheet:
    """Read the first line: comma or semicolon, columns in any order. HeaderError with all that is wrong with it."""
    line = next(lines, "")
    if not line.strip():
        raise HeaderError("the file is empty: its first line must name the columns" if not line else EMPTY_HEADER)
    if "\0" in line or UNREADABLE.search(line):
        raise HeaderError("line 1: this is not UTF-8 text; save the file as CSV in UTF-8")
    known = {column.name: column for column in columns}
    delimiter = max(",;", key=lambda sign: len(known.keys() & set(_names(line, sign))))
    names = _names(line, delimiter)
    errors = [
        f"line 1: column {name} stands {names.count(name)} times - expected once"
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    missing = [column.name for column in columns if column.needed and column.name not in names]
    errors += [f"line 1: column {name} is missing - expected columns: {', '.join(known)}" for name in missing]
    if errors:
        raise HeaderError(*errors)
    return Sheet(tuple(names), delimiter, tuple(known.get(name) for name in names))


EMPTY_HEADER = "line 1: it is empty - expected the names of the columns"


def _names(line: str, delimiter: str) -> list[str]:
    try:
        return [name.strip() for name in next(csv.reader([line], delimiter=delimiter, strict=True))]
    except csv.Error:
        return []


class Rows:
    """The sound rows of a file as CSV lines, each with its line number before it; the others go to `findings`.

    Common lines pass by one pattern; a line with quotes, spaces, foreign letters or an error is read cell by cell.
    """

    def __init__(self, lines: Lines, sheet: Sheet, reading: Reading):
        self.lines, self.sheet, self.reading = lines, sheet, reading
        self.count, self.findings = 0, Findings()
        self.is_plain = _plain(sheet, reading)

    def __iter__(self) -> Iterator[str]:
        delimiter, lines = self.sheet.delimiter, self.lines
        for line in lines:
            body = line.rstrip("\r\n")
            if self.is_plain(body):
                self.count += 1
                yield f"{lines.number}{delimiter}{body}\n"
            elif body:
                self.count += 1
                number = lines.number
                cells = self._cells(line)
                if cells is not None:
                    yield _written([str(number), *cells], delimiter)

    def _cells(self, line: str) -> list[str] | None:
        """The cells of the row that begins in this line, right and clean; None when there was something to find."""
        number = self.lines.number
        try:
            row = next(csv.reader(chain((line,), self.lines), delimiter=self.sheet.delimiter, strict=True))
        except csv.Error as error:
            self.findings.add(number, f"line {number}: {_shape(str(error))}")
            return None
        cells = [cell.strip() for cell in row]
        errors = self._misshapen(number, cells) or self._wrong(number, cells)
        if errors:
            self.findings.add(number, *errors)
            return None
        return cells

    def _misshapen(self, number: int, cells: list[str]) -> list[str]:
        text = "".join(cells)
        if "\0" in text:
            return [f"line {number}: it has a NUL byte - expected text"]
        if UNREADABLE.search(text):
            return [f"line {number}: it is not UTF-8 text - save the file as CSV in UTF-8"]
        if len(cells) != len(self.sheet.names):
            comma = "; a decimal comma?" if len(cells) > len(self.sheet.names) and self.sheet.delimiter == "," else ""
            return [f"line {number}: it has {len(cells)} cells - expected {len(self.sheet.names)}{comma}"]
        return []

    def _wrong(self, number: int, cells: list[str]) -> list[str]:
        """Read each cell in its place; the errors of those that are not right."""
        errors = []
        for place, (name, column) in enumerate(zip(self.sheet.names, self.sheet.columns, strict=True)):
            if column is None:
                continue
            try:
                cells[place] = column.read(cells[place], self.reading)
            except CellError as error:
                errors.append(told(number, name, cells[place], str(error)))
        return errors


def _plain(sheet: Sheet, reading: Reading) -> Callable[[str], object]:
    unknown = Column("", blank=True, longest=1_000)
    cells = [(column or unknown).plain(sheet.delimiter, reading) for column in sheet.columns]
    if not reading.timezone:
        return re.compile(sheet.delimiter.join(cells)).fullmatch
    change = days_of_change(reading.timezone)
    instants = [column is not None and column.kind == "instant" for column in sheet.columns]
    cells = [f"({cell})" if instant else cell for cell, instant in zip(cells, instants, strict=True)]
    match = re.compile(sheet.delimiter.join(cells)).fullmatch

    def is_plain(body: str) -> bool:
        found = match(body)
        return found is not None and not any(instant and instant[:10] in change for instant in found.groups())

    return is_plain


def _written(cells: list[str], delimiter: str) -> str:
    line = io.StringIO()
    csv.writer(line, delimiter=delimiter, lineterminator="\n").writerow(cells)
    return line.getvalue()


def _shape(error: str) -> str:
    """The csv module's words in ours."""
    if "field limit" in error:
        return f"a cell is longer than {csv.field_size_limit():,} characters, or a quote is not closed"
    if "unexpected end" in error:
        return "a quote opens here and is not closed"
    if "expected after" in error:
        return "a quote closes inside a cell - expected a separator after it (a quote inside a cell is doubled)"
    return "a line break stands inside a cell without quotes"
