"""Reports as files: CSV (one table), XLSX and JSON (all tables), and a table to read; piece by piece, in constant memory.

Money leaves JSON as strings, CSV as plain decimals, a workbook as numbers. A spreadsheet never runs a cell.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from itertools import chain, islice
from typing import BinaryIO

from jobs import workbook
from jobs.paper import Paper, Row, Table
from jobs.shown import harmless

FORMATS = ("csv", "xlsx", "json")
TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "json": "application/json",
}
AT_ONCE = 500  # rows in a piece
LOOKED_AT = 1_000  # rows that say how wide a table to read is


def write(paper: Paper, form: str, file: BinaryIO, *, table: str = "") -> None:
    """The report into a binary file; `table` names the one that a CSV holds, the main one unless said."""
    if form == "xlsx":
        workbook.write(file, ((one.name, one.heads, one.rows) for one in paper.tables))
        return
    for piece in pieces(paper, form, table=table):
        file.write(piece)


def pieces(paper: Paper, form: str, *, table: str = "") -> Iterator[bytes]:
    """The report as CSV, JSON or (`text`) to read, in pieces."""
    if form == "csv":
        return as_csv(paper.table(table))
    return as_json(paper) if form == "json" else as_text(paper)


def as_csv(table: Table) -> Iterator[bytes]:
    lines = chain([table.heads], (map(_in_csv, row) for row in table.rows))
    while some := list(islice(lines, AT_ONCE)):
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(some)
        yield text.getvalue().encode()


def as_json(paper: Paper) -> Iterator[bytes]:
    """One object on one line: `report`, what was asked for, and a list of objects for each table."""
    told = {name: _in_json(value) for name, value in paper.told.items()}
    yield json.dumps({"report": paper.name} | told, ensure_ascii=False)[:-1].encode()
    for table in paper.tables:
        yield f", {json.dumps(table.name)}: [".encode()
        yield from _objects(table)
        yield b"]"
    yield b"}\n"


def _objects(table: Table) -> Iterator[bytes]:
    heads, rows, before = table.heads, iter(table.rows), ""
    while some := list(islice(rows, AT_ONCE)):
        objects = (dict(zip(heads, map(_in_json, row), strict=True)) for row in some)
        yield (before + ", ".join(json.dumps(each, ensure_ascii=False) for each in objects)).encode()
        before = ", "


def as_text(paper: Paper) -> Iterator[bytes]:
    """Tables one below the other, numbers on the right; a wide cell far down may stand out."""
    for number, table in enumerate(paper.tables):
        rows = iter(table.rows)
        first = list(islice(rows, LOOKED_AT))
        if number and not first:
            continue
        yield f"\n{table.name.replace('_', ' ')}\n".encode() if number else b""
        yield from _aligned(table.heads, first, rows)


def _aligned(heads: list[str], first: list[Row], rows: Iterable[Row]) -> Iterator[bytes]:
    right = [any(isinstance(row[n], int | Decimal) for row in first) for n in range(len(heads))]
    read = [[_in_csv(cell) for cell in row] for row in first]
    widths = [max(len(line[n]) for line in [heads, *read]) for n in range(len(heads))]
    for line in chain([heads], read, ([_in_csv(cell) for cell in row] for row in rows)):
        cells = (f"{cell:>{w}}" if at else f"{cell:<{w}}" for cell, w, at in zip(line, widths, right, strict=True))
        yield "  ".join(cells).rstrip().encode() + b"\n"


def _plain(number: Decimal) -> str:
    return f"{number:f}"


def _as_it_is(value: object) -> object:
    return value


IN_JSON: dict[type, Callable] = {Decimal: _plain, datetime: workbook.instant, date: date.isoformat}
IN_CSV: dict[type, Callable] = IN_JSON | {str: harmless, type(None): lambda _nothing: "", bool: json.dumps}


def _in_json(value: object) -> object:
    return IN_JSON.get(type(value), _as_it_is)(value)


def _in_csv(value: object) -> str:
    return IN_CSV.get(type(value), str)(value)
