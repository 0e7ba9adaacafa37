"""A user's CSV file, read line by line in constant memory: what is wrong with its shape, and its sound rows. Pure."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

from jobs.cells import KDB, CellError, Column, Reading, days_of_change

LIMIT = 1_000  # errors that are told one by one
BLOCK = LONGEST_LINE = 1 << 20
PORTION = 5_000  # rows handed over at once where they are read one by one
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
    """The lines of a binary file: in blocks at full speed, or one by one as text. `number` is that of the last one.

    A line without end is cut, not swallowed.
    """

    def __init__(self, stream: io.BufferedReader):
        self.stream = stream
        if stream.peek(3)[:3] == codecs.BOM_UTF8:
            stream.read(3)
        self.number, self.whole = 0, True
        self.ahead: deque[bytes] = deque()  # lines read and not yet given out

    def first(self) -> str:
        """The first line; `put_back` if it is to be read again."""
        self.ahead.append(self.stream.readline(LONGEST_LINE))
        return next(self)

    def put_back(self, line: str) -> None:
        self.ahead.appendleft(line.encode("utf-8", "surrogateescape"))
        self.number -= 1

    def blocks(self) -> Iterator[bytes]:
        """Whole lines, some thousand at once. Whoever takes a block has to count its lines or to `open` it."""
        while block := self._block():
            yield block

    def open(self, block: bytes) -> None:
        """Read these lines one by one."""
        self.ahead.extend(io.BytesIO(block))

    def _block(self) -> bytes:
        block = self.stream.read(BLOCK)
        return block if block.endswith(b"\n") else block + self.stream.readline(LONGEST_LINE)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if not self.ahead:
            self.open(self._block())
        line = self.ahead.popleft() if self.ahead else b""
        if not line:
            raise StopIteration
        self.number += self.whole
        self.whole = line.endswith(b"\n")
        return line.decode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class Form:
    """What the files of a known program look like: columns that are not asked for, and those of a file without a header."""

    ignored: tuple[str, ...] = ()
    headless: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sheet:
    """The header row of a file, understood."""

    names: tuple[str, ...]
    delimiter: str
    columns: tuple[Column | None, ...]  # None: a column that we do not know

    unknown: tuple[str, ...] = ()  # columns that nobody knows
    key: tuple[str, str] | None = None  # by what else than its line a reader finds a row: a word, and the column of it

    @property
    def known(self) -> list[Column]:
        return [column for column in self.columns if column is not None]


def header(lines: Lines, columns: Sequence[Column], form: Form) -> Sheet:
    """Read the first line: comma or semicolon, columns in any order. HeaderError with all that is wrong with it."""
    line = lines.first() if lines.stream.peek(1) else ""
    if not line.strip():
        raise HeaderError("the file is empty: its first line must name the columns" if not line else EMPTY_HEADER)
    if "\0" in line or UNREADABLE.search(line):
        raise HeaderError("line 1: this is not UTF-8 text; save the file as CSV in UTF-8")
    known = {column.heading: column for column in columns}
    delimiter = max(",;", key=lambda sign: len(known.keys() & set(_names(line, sign))))
    names = _names(line, delimiter)
    if form.headless and not known.keys() & set(names) and len(names) == len(form.headless):
        lines.put_back(line)
        names = list(form.headless)
    _check_names(names, columns)
    unknown = (name for name in names if name not in known and name not in form.ignored)
    return Sheet(tuple(names), delimiter, tuple(known.get(name) for name in names), tuple(unknown))


def _check_names(names: list[str], columns: Sequence[Column]) -> None:
    errors = [
        f"line 1: column {name} stands {names.count(name)} times - expected once"
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    expected = ", ".join(column.heading for column in columns)
    missing = [column.heading for column in columns if column.needed and column.heading not in names]
    errors += [f"line 1: column {name} is missing - expected columns: {expected}" for name in missing]
    if errors:
        raise HeaderError(*errors)


EMPTY_HEADER = "line 1: it is empty - expected the names of the columns"


def _names(line: str, delimiter: str) -> list[str]:
    try:
        return [name.strip() for name in next(csv.reader([line], delimiter=delimiter, strict=True))]
    except csv.Error:
        return []


class Rows:
    """The sound rows of a file as CSV text, each with its line number before it; the others go to `findings`.

    A block of common lines passes by one pattern; one with quotes, spaces, foreign letters or an error is read line by line
    and cell by cell.
    """

    def __init__(self, lines: Lines, sheet: Sheet, reading: Reading):
        self.lines, self.sheet, self.reading = lines, sheet, reading
        self.count, self.findings = 0, Findings()
        self.notes: dict = {}
        self.is_plain = _plain(sheet, reading)
        self.has_kdb = any(column.kind == "kdb" for column in sheet.known)

    def __iter__(self) -> Iterator[str]:
        """Portions of rows."""
        yield from self._carefully()  # a first line that was put back
        for block in self.lines.blocks():
            text = self._text(block)
            if text is None or not self.is_plain(text):
                self.lines.open(block)
                yield from self._carefully()
            else:
                yield self._numbered(text)

    def _text(self, block: bytes) -> str | None:
        """Plain lines are ASCII; the last one may lack its end."""
        if not self.lines.whole or not block.isascii():
            return None
        text = block.decode("ascii").replace("\r\n", "\n")
        return text if text.endswith("\n") else f"{text}\n"

    def _numbered(self, text: str) -> str:
        if self.has_kdb:
            text = KDB.sub(r"\1T\2Z", text)
        delimiter, start = self.sheet.delimiter, self.lines.number + 1
        rows = text.split("\n")
        rows.pop()
        self.lines.number += len(rows)
        self.count += len(rows)
        return "".join([f"{number}{delimiter}{row}\n" for number, row in enumerate(rows, start)])

    def _carefully(self) -> Iterator[str]:
        rows = iter(self._one_by_one())
        while portion := list(islice(rows, PORTION)):
            yield "".join(portion)

    def _one_by_one(self) -> Iterator[str]:
        """The rows of the lines that are opened; a cell's line breaks may open more of them."""
        while self.lines.ahead:
            line = next(self.lines)
            body = line.rstrip("\r\n")
            if body and body.isascii() and not self.has_kdb and self.is_plain(f"{body}\n"):
                self.count += 1
                yield f"{self.lines.number}{self.sheet.delimiter}{body}\n"
            elif body:
                self.count += 1
                number, cells = self.lines.number, self._cells(line)
                if cells is not None:
                    yield written([str(number), *cells], self.sheet.delimiter)

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
    """Whether a text is nothing but rows that any reader takes as they are."""
    unknown = Column("", blank=True, longest=1_000)
    row = sheet.delimiter.join((column or unknown).plain(sheet.delimiter, reading) for column in sheet.columns)
    match = re.compile(rf"(?:{row}\n)*+").fullmatch
    if not reading.timezone:
        return match
    change = days_of_change(reading.timezone)
    return lambda text: match(text) and change.isdisjoint(A_DAY.findall(text))


A_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")


def written(cells: list[str], delimiter: str = ",") -> str:
    """Cells as a line of CSV."""
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


def rows(stream: io.BufferedReader, columns: Sequence[Column], reading: Reading, *, form: Form | None = None) -> Rows:
    """Begin to read a CSV file; HeaderError if its first line is not understood."""
    lines = Lines(stream)
    return Rows(lines, header(lines, columns, form or Form()), reading)
