"""Tables as an XLSX workbook, row by row in constant memory: numbers are numbers with all their decimals, and no cell ever runs.

A spreadsheet computes with doubles, which hold 15 significant digits. A number with more is written as text, right-aligned and
whole: nobody can add it up by accident and lose a digit in silence. The sheet "Notes" counts such cells.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import chain, islice
from typing import BinaryIO

from django.utils.translation import gettext as _
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

from jobs.shown import harmless

EXACT_DIGITS = 15  # what a double holds of any decimal number
MOST_ROWS = 1_048_576  # of one sheet, the header's included; what is beyond continues on a further sheet
LONGEST_TEXT = 32_767  # characters of one cell
LONGEST_TITLE = 31
LOOKED_AT = 200  # rows that say how wide the columns are
WIDEST = 60

Sheet = tuple[str, Sequence[str], Iterable[Sequence[object]]]  # its title, the columns' heads, the rows


def write(file: BinaryIO, sheets: Iterable[Sheet]) -> int:
    """Write each (title, columns, rows) as a sheet; the rows are read once, one after another. Returns how many.

    Cells are Decimal, int, date, datetime, str, bool or None; TypeError for a float (money is never one) and anything else.
    """
    book = _Book()
    try:
        count = sum(book.add(title, columns, rows) for title, columns, rows in sheets)
        book.add_notes()
        book.save(file)
    except BaseException:
        book.clear()
        raise
    return count


def significant(number: Decimal) -> int:
    """How many digits a number needs, without the zeros around it: 0.00120 needs 2, 1000000 one."""
    return len("".join(map(str, number.as_tuple().digits)).strip("0"))


class _Book:
    """A workbook that is being written, the styles its cells share, and what a reader of it has to know."""

    def __init__(self):
        self.book = Workbook(write_only=True)
        self.noted: Counter[str] = Counter()
        self.titles: set[str] = set()
        self.sheet = None
        self.styles: dict[object, object] = {}

    def save(self, file: BinaryIO) -> None:
        if not self.book.worksheets:
            self.book.create_sheet(_("Notes"))  # a workbook without a sheet is none
        self.book.save(file)

    def clear(self) -> None:
        """Leave no temporary file behind of a workbook that is not saved."""
        for sheet in self.book.worksheets:
            if not sheet.closed:
                sheet.close()
            sheet._writer.cleanup()

    def add(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
        """The rows under their heads, on as many sheets as they need."""
        rows, count = iter(rows), 0
        while True:
            first = list(islice(rows, LOOKED_AT))
            if count and not first:
                return count
            self._begin(title, columns, first)
            for row in chain(first, islice(rows, MOST_ROWS - 1 - len(first))):
                self.sheet.append(self._cells(row))
                count += 1
            if len(first) < LOOKED_AT:
                return count

    def add_notes(self) -> None:
        """What a reader of the other sheets has to know, if there is anything."""
        if self.noted:
            words = {
                "cut": _("texts longer than a cell holds, cut"),
                "digits": _("numbers of more than 15 digits, which a spreadsheet would round: as text, in full"),
            }
            rows = [(self.noted[note], words[note]) for note in sorted(self.noted)]
            self.add(_("Notes"), (_("cells"), _("written as")), rows)

    def _begin(self, title: str, columns: Sequence[str], first: list[Sequence[object]]) -> None:
        self.sheet = self.book.create_sheet(self._title(title))
        self.sheet.freeze_panes = "A2"
        for number, head in enumerate(columns):
            widest = max([len(head), *(len(_shown(row[number])) for row in first)])
            self.sheet.column_dimensions[get_column_letter(number + 1)].width = min(widest, WIDEST) + 2
        self.sheet.append([self._cell(harmless(head), "s", "head") for head in columns])

    def _title(self, wanted: str) -> str:
        """A sheet's name as spreadsheets allow it, and no two alike."""
        plain = "".join(" " if sign in r"[]:*?/\'" else sign for sign in wanted)[:LONGEST_TITLE] or "1"
        title, number = plain, 1
        while title.lower() in self.titles:
            number += 1
            title = f"{plain[: LONGEST_TITLE - 5]} ({number})"
        self.titles.add(title.lower())
        return title

    def _cells(self, row: Sequence[object]) -> list:
        return [self._written(value) for value in row]

    def _written(self, value: object):
        if value is None or value == "":
            return None
        if isinstance(value, bool):
            return self._cell(str(value).lower(), "s", "text")
        if isinstance(value, int):
            return self._number(Decimal(value), "0")
        if isinstance(value, Decimal) and value.is_finite():
            decimals = len(f"{value:f}".partition(".")[2])
            return self._number(value, f"#,##0.{'0' * decimals}" if decimals else "#,##0")
        if isinstance(value, datetime):
            return self._cell(instant(value), "s", "text")
        if isinstance(value, date):
            return self._cell(value, "d", "yyyy-mm-dd")
        if isinstance(value, str):
            return self._text(value)
        raise TypeError(f"{value!r} is no cell of a workbook")

    def _number(self, value: Decimal, looks: str):
        """The number's own digits, not those of a double near it."""
        if significant(value) <= EXACT_DIGITS:
            return self._cell(f"{value:f}", "n", looks)
        self.noted["digits"] += 1
        return self._cell(f"{value:f}", "s", "right")

    def _text(self, value: str):
        text = harmless(ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", value))
        if len(text) > LONGEST_TEXT:
            self.noted["cut"] += 1
            text = text[: LONGEST_TEXT - 1] + "…"
        return self._cell(text, "s", "text")

    def _cell(self, value: object, kind: str, looks: str):
        cell = WriteOnlyCell(self.sheet)
        cell._value, cell.data_type = value, kind  # as it is: setting `value` would guess formulas and dates
        cell._style = self._style(looks)
        return cell

    def _style(self, looks: str):
        """One style for all cells that look alike; finding it out for each of a million would take longer than writing them."""
        if looks not in self.styles:
            cell = WriteOnlyCell(self.sheet)
            if looks == "head":
                cell.font = Font(bold=True)
            elif looks == "right":
                cell.alignment = Alignment(horizontal="right")
            cell.number_format = "@" if looks in ("head", "right", "text") else looks
            self.styles[looks] = cell._style
        return self.styles[looks]


def instant(at: datetime) -> str:
    """ISO 8601 in UTC, to the microsecond: a spreadsheet's own times have no zone and no microseconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _shown(value: object) -> str:
    if isinstance(value, datetime):
        return instant(value)
    return "" if value is None else f"{value:,f}" if isinstance(value, Decimal) else str(value)
