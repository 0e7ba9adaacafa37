"""Account statements of MetaTrader 4: HTML, sizes in lots, times on the broker's clock, which the statement does not name.

Closed Transactions become closed orders, Open Trades open ones. Deposits, credits and orders that never traded are skipped
and counted. What a row's ticket is annotated with says why it closed: [sl], [tp], or so: (stop-out, a forced liquidation).
"""

from __future__ import annotations

import codecs
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

from incidents.models import Order, Side
from jobs.cells import CellError, Column, Reading
from jobs.csv_file import UNREADABLE, Findings, HeaderError, Sheet, told, written

BLOCK, LARGEST = 1 << 20, 64 << 20  # a statement of a hundred thousand trades has some 40 MiB
TIME = re.compile(r"([0-9]{4})\.([0-9]{2})\.([0-9]{2}) ([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)")
A_TIME = "a time such as 2020.02.12 00:16:33"
SPACES = re.compile("[\\s\u00a0\u2009\u202f\udca0]")  # between thousands; the last is the Latin-1 byte
STOP_OUT = re.compile(r"\bso: ?-?[0-9.,]+ ?%")
SIDES = {"buy": Side.LONG.value, "sell": Side.SHORT.value}
SECTIONS = {"Closed Transactions:": "closed", "Open Trades:": "open", "Working Orders:": "working"}
TICKET = re.compile("[0-9]{1,20}")
HEAD = {"Account": TICKET, "Currency": re.compile("[A-Za-z0-9]{1,23}")}

COLUMNS = (
    Column("order_id", pattern=TICKET.pattern, expected="a ticket: digits only", called="Ticket"),
    Column("opened_at", "instant", called="Open Time"),
    Column("side", choices=tuple(Side.values), called="Type"),
    Column("lots", "number", called="Size"),
    Column("item", longest=40, called="Item"),
    Column("entry_price", "number", called="Price"),
    Column("stop_loss", "number", blank=True, called="S / L"),
    Column("take_profit", "number", blank=True, called="T / P"),
    Column("closed_at", "instant", blank=True, called="Close Time"),
    Column("exit_price", "number", blank=True, called="Price at the close"),
    Column("realized_pnl", "number", blank=True, called="Profit"),
    Column("close_reason", blank=True, choices=tuple(Order.CloseReason.values), called="comment"),
)
ONLY_CLOSED = {"closed_at", "exit_price", "realized_pnl", "close_reason"}


@dataclass
class Cell:
    text: str = ""
    title: str = ""


@dataclass
class TableRow:
    line: int
    cells: list[Cell] = field(default_factory=list)


class Table(HTMLParser):
    """The rows of the tables of a page, as they end."""

    def __init__(self) -> None:
        super().__init__()
        self.ended: list[TableRow] = []
        self.row: TableRow | None = None
        self.in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self._end()
            self.row = TableRow(self.getpos()[0])
        elif tag in ("td", "th") and self.row is not None:
            self.row.cells.append(Cell(title=dict(attrs).get("title") or ""))
            self.in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self.in_cell = False
        elif tag in ("tr", "table"):
            self._end()

    def handle_data(self, data: str) -> None:
        if self.in_cell and self.row is not None:
            self.row.cells[-1].text += data

    def _end(self) -> None:
        if self.row is not None:
            self.ended.append(self.row)
        self.row, self.in_cell = None, False


class StatementRows:
    """The trades of a statement as CSV text, like `csv_file.Rows`. `notes`: account, currency, and what was skipped."""

    def __init__(self, stream: io.BufferedReader, _columns: Sequence[Column], reading: Reading):
        if not reading.timezone:
            raise HeaderError("a statement's times are of its broker's clock: state it (--timezone Etc/GMT-2)")
        self.stream, self.reading = stream, reading
        self.sheet = Sheet(tuple(c.name for c in COLUMNS), ",", COLUMNS, key=("ticket", "order_id"))
        self.count, self.findings = 0, Findings()
        self.skipped: Counter[str] = Counter()
        self.notes: dict = {"account": "", "currency": "", "skipped": self.skipped}
        self.section, self.places, self.line = "", {}, 0

    def __iter__(self) -> Iterator[str]:
        for row in self._rows():
            text = self._read([Cell(cell.text.strip(), cell.title) for cell in row.cells]) if row.cells else None
            if text:
                yield text
        if not self.notes["account"]:
            self.findings.add(0, "this is no statement of MetaTrader 4: it names no account (Account: 1234567)")

    def _rows(self) -> Iterator[TableRow]:
        """Each row of the page; `line` becomes that of the row in the file, or one more if a line holds several."""
        table, size = Table(), 0
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")  # a broker's own code page may be anything
        while block := self.stream.read(BLOCK):
            size += len(block)
            if size > LARGEST:
                raise HeaderError(f"a statement has at most {LARGEST >> 20} MiB")
            table.feed(decoder.decode(block).replace("\0", "\N{REPLACEMENT CHARACTER}"))
            for row in table.ended:
                self.line = max(self.line + 1, row.line)
                yield row
            table.ended.clear()

    def _read(self, cells: list[Cell]) -> str | None:
        first = cells[0].text
        if first in SECTIONS or first in ("Summary:", "Details:"):
            self.section, self.places = SECTIONS.get(first, ""), {}
        elif not self.section:
            self._read_head(cells)
        elif first == "Ticket":
            self.places = self._places([cell.text for cell in cells])
        elif TICKET.fullmatch(first) and not self.places:
            raise HeaderError(f"line {self.line}: a table of trades without the names of its columns")
        elif self.places and (TICKET.fullmatch(first) or len(cells) > self.places["realized_pnl"]):
            return self._trade(cells)
        return None

    def _read_head(self, cells: list[Cell]) -> None:
        for cell in cells:
            name, colon, value = cell.text.partition(":")
            if colon and name in HEAD and not self.notes[name.lower()] and HEAD[name].fullmatch(value.strip()):
                self.notes[name.lower()] = value.strip()

    def _places(self, headings: list[str]) -> dict[str, int]:
        """Where each column stands; the second Price is that of the close, the last column the profit."""
        places = {column.name: headings.index(column.called) for column in COLUMNS if column.called in headings}
        places["exit_price"] = len(headings) - 1 - headings[::-1].index("Price") if "Price" in headings else 0
        places["realized_pnl"] = len(headings) - 1
        wanted = (
            {column.name for column in COLUMNS}
            - {"close_reason"}
            - ({"closed_at"} if self.section == "open" else set())
        )
        missing = [column.called for column in COLUMNS if column.name in wanted - places.keys()]
        if missing and self.section != "working":
            raise HeaderError(f"line {self.line}: a table of trades without the column {', '.join(missing)}")
        return places

    def _trade(self, cells: list[Cell]) -> str | None:
        kind = cells[2].text.lower() if len(cells) > 2 else ""
        skipped = self._skipped(kind)
        if skipped:
            self.skipped[skipped] += 1
            return None
        self.count += 1
        if kind not in SIDES:
            self._wrong(cells, "Type", kind, "buy or sell (or balance, credit, or an order that did not trade)")
        elif len(cells) <= self.places["realized_pnl"]:
            self._wrong(cells, "Profit", "", f"{self.places['realized_pnl'] + 1} cells in this row")
        else:
            return self._sound(cells, kind)
        return None

    def _skipped(self, kind: str) -> str:
        if self.section == "working":
            return "working"
        if kind in ("balance", "credit"):
            return kind
        return "cancelled" if re.fullmatch("(buy|sell) (limit|stop)", kind) else ""

    def _wrong(self, cells: list[Cell], heading: str, value: str, expected: str) -> None:
        self.findings.add(self.line, told(self.line, _of(heading, cells), value, expected))

    def _sound(self, cells: list[Cell], kind: str) -> str | None:
        """The row as CSV; None when there was something to find."""
        values, errors = [str(self.line)], []
        for column in COLUMNS:
            value = self._value(column, cells, kind)
            try:
                values.append(_read(column, value, self.reading))
            except CellError as error:
                errors.append(told(self.line, _of(column.called, cells), value, str(error)))
        if errors:
            self.findings.add(self.line, *errors)
            return None
        return written(values)

    def _value(self, column: Column, cells: list[Cell], kind: str) -> str:
        if self.section == "open" and column.name in ONLY_CLOSED:
            return ""  # of an open trade the second price is the market's
        if column.name == "side":
            return SIDES[kind]
        if column.name == "close_reason":
            return _reason(cells[0].title)
        return cells[self.places[column.name]].text


def _of(heading: str, cells: list[Cell]) -> str:
    return f"{heading} of ticket {re.sub('[^!-~]', '?', cells[0].text[:20])}"


def _reason(comment: str) -> str:
    if STOP_OUT.search(comment):
        return Order.CloseReason.LIQUIDATION.value
    if "[sl]" in comment:
        return Order.CloseReason.STOP_LOSS.value
    return Order.CloseReason.TAKE_PROFIT.value if "[tp]" in comment else Order.CloseReason.USER.value


def _read(column: Column, value: str, reading: Reading) -> str:
    if column.kind == "number":
        return column.read(SPACES.sub("", value), reading)
    if column.kind == "instant" and value:
        local = TIME.fullmatch(value)
        if local is None:
            raise CellError(A_TIME)
        value = "{}-{}-{} {}".format(*local.groups())
    if UNREADABLE.search(value):
        raise CellError("text in UTF-8")
    return column.read(value, reading)
