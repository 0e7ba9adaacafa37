"""What helpdesks export, in our words: their names of columns, their channels, times and languages; CSV or a workbook. Pure.

A file with our own headings is read at full speed; any other row by row.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from itertools import islice

from openpyxl import load_workbook

from claims import order_numbers
from jobs.cells import Column, Reading
from jobs.csv_file import EMPTY_HEADER, PORTION, Form, HeaderError, Lines, Rows, Sheet, header, told, written
from jobs.unpacked import Unreadable

# Our column -> what helpdesks (Zendesk, Freshdesk, Intercom, Jira, a spreadsheet) call it; the first that a file has is taken.
SYNONYMS = {
    "customer": (
        "customer id", "customer code", "customer number", "user id", "userid", "uid", "client id", "client code",
        "requester external id", "requester id", "member id", "客户", "客户号", "客户编号", "用户id", "用户编号",
    ),
    "name": ("requester", "requester name", "customer name", "contact name", "full name", "姓名", "客户姓名", "联系人"),
    "email": ("requester email", "e-mail", "email address", "contact email", "customer email", "邮箱", "电子邮件"),
    "language": ("locale", "requester language", "requester locale", "语言"),
    "account": ("account id", "account number", "trading account", "账户", "账号", "交易账户"),
    "order_ids": (
        "orders", "order", "order id", "order ids", "order number", "order numbers", "order no", "order no.", "order #",
        "orders affected", "订单", "订单号", "订单编号",
    ),
    "channel": ("via", "source", "ticket channel", "ticket source", "contact channel", "渠道", "来源"),
    "contacted_at": (
        "created at", "created", "created time", "created date", "date created", "received at", "requested",
        "ticket created at", "conversation started at", "opened at", "创建时间", "联系时间", "受理时间",
    ),
    "message": ("description", "body", "content", "comment", "first comment", "subject", "summary", "描述", "内容", "主题"),
    "ticket": (
        "ticket #", "ticket id", "ticket number", "ticket no", "ticket no.", "case number", "conversation id", "issue key",
        "id", "#", "工单", "工单号", "工单编号",
    ),
}  # fmt: skip
CHANNELS = {
    "email": ("e-mail", "mail", "email message", "邮件", "电子邮件"),
    "chat": ("live chat", "messaging", "native messaging", "web messaging", "messenger", "whatsapp", "wechat", "telegram",
             "在线客服", "聊天", "微信"),
    "phone": ("phone call", "call", "voice", "voicemail", "inbound call", "phone call (incoming)", "电话"),
    "web": ("web form", "webform", "web widget", "form", "portal", "help center", "help centre", "website", "网页", "网站"),
    "social": (
        "social media", "twitter", "x", "twitter dm", "facebook", "facebook post", "instagram", "reddit", "weibo", "社交媒体",
    ),
    "other": ("其他",),
}  # fmt: skip
LANGUAGES = {"en": ("english",), "zh": ("chinese", "simplified chinese", "中文", "简体中文")}
IDS = ("customer", "account", "ticket")  # which a spreadsheet may have rounded, as it may order numbers
ROUNDED = "the number as text: a spreadsheet rounds numbers of more than 15 digits"
TIME = re.compile(r"([0-9]{4})[-/]([0-9]{2})[-/]([0-9]{2}) ([0-9:.]+) ?(UTC|GMT|[+-][0-9]{2}:?[0-9]{2})?")
NO_WORKBOOK = "it is no workbook that can be read (%s)"
EXACT = 10**15  # from here on a spreadsheet does not keep every digit


def rows(stream: io.BufferedReader, columns: Sequence[Column], reading: Reading) -> Rows:
    """Begin to read a file of contacts; HeaderError if its first line is not understood."""
    if stream.peek(2)[:2] == b"PK":
        return _workbook(stream, columns, reading)
    lines = Lines(stream)
    sheet = _header(lines.first() if stream.peek(1) else "", columns)
    ours = all(not column.called for column in sheet.known)
    return (Rows if ours else HelpdeskRows)(lines, sheet, reading)


def _header(line: str, columns: Sequence[Column]) -> Sheet:
    """A line of headings, understood under the names that it has for our columns."""
    alone = Lines(io.BufferedReader(io.BytesIO(line.encode("utf-8", "surrogateescape"))))  # type: ignore[arg-type]
    return header(alone, known_as(columns, _names(line)), Form())


def known_as(columns: Sequence[Column], names: Sequence[str]) -> list[Column]:
    """The columns under the names that this file has for them. Without a customer it may name an e-mail or an account."""
    has = {_plain(name): name for name in reversed(names)}
    called = {column.name: _called(column.name, names, has) for column in columns}
    others = called["email"] or called["account"]
    return [
        replace(
            column,
            called="" if called[column.name] in ("", column.name) else called[column.name],
            needed=column.needed and not (column.name == "customer" and others),
        )
        for column in columns
    ]


def _called(name: str, names: Sequence[str], has: dict[str, str]) -> str:
    if name in names:
        return name
    return next((has[word] for word in (_plain(name), *SYNONYMS[name]) if word in has), "")


def _plain(text: str) -> str:
    return " ".join(text.replace("_", " ").lower().split())


def _names(line: str) -> list[str]:
    """The headings of a file, whichever sign stands between them."""
    found = [next(csv.reader([line], delimiter=sign), []) for sign in ",;"]
    return [name.strip() for name in max(found, key=len)]


class HelpdeskRows(Rows):
    """Rows in a helpdesk's words, each cell put into ours before it is checked; what is not understood stays as it is."""

    def __init__(self, lines: Lines | None, sheet: Sheet, reading: Reading):
        super().__init__(lines, sheet, reading)  # type: ignore[arg-type]  # a workbook has none
        self.is_plain = lambda text: None

    def _wrong(self, number: int, cells: list[str]) -> list[str]:
        errors = []
        for place, column in enumerate(self.sheet.columns):
            if column is None:
                continue
            if _is_rounded(column.name, cells[place]):
                errors.append(told(number, self.sheet.names[place], cells[place], ROUNDED))
            cells[place] = in_our_words(column.name, cells[place])
        return errors or super()._wrong(number, cells)


def _is_rounded(name: str, cell: str) -> bool:
    words = cell.split() if name == "order_ids" else [cell] if name in IDS else []
    return any(order_numbers.is_rounded(word.strip(",;")) for word in words)


def in_our_words(name: str, cell: str) -> str:
    """A helpdesk's cell as our own files would have it."""
    if name == "channel":
        return _said(cell, CHANNELS)
    if name == "language":
        return _said(cell, LANGUAGES).replace("_", "-")
    if name == "contacted_at":
        return _instant(cell)
    if name == "order_ids":
        return " ".join(order_numbers.read(cell).ids) or " ".join(cell.split())
    return cell.removeprefix("#") if name == "ticket" else cell


def _said(cell: str, words: dict[str, tuple[str, ...]]) -> str:
    plain = _plain(cell)
    return next((code for code, others in words.items() if plain == code or plain in others), cell)


def _instant(cell: str) -> str:
    """2022/11/16 15:00 UTC, 2022-11-16 23:00 +0800: the same in ISO 8601."""
    match = TIME.fullmatch(cell)
    if match is None:
        return cell
    year, month, day, clock, offset = match.groups()
    return f"{year}-{month}-{day} {clock}{'Z' if offset in ('UTC', 'GMT') else offset or ''}"


# --- a workbook


def _workbook(stream: io.BufferedReader, columns: Sequence[Column], reading: Reading) -> HelpdeskRows:
    """Its first sheet, row by row."""
    try:
        sheet = load_workbook(stream, read_only=True, data_only=True).worksheets[0]
        table = enumerate(sheet.iter_rows(values_only=True), 1)
        first = next((row for _number, row in table if any(value is not None for value in row)), ())
    except Exception as error:  # whatever openpyxl meets in a broken archive
        raise Unreadable(NO_WORKBOOK % error) from error
    names = [_text(value) for value in first]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise HeaderError(EMPTY_HEADER)
    return _WorkbookRows(table, _header(written(names), columns), reading)


class _WorkbookRows(HelpdeskRows):
    """The rows of a sheet, with its own row numbers as lines."""

    def __init__(self, table: Iterator[tuple[int, tuple]], sheet: Sheet, reading: Reading):
        super().__init__(None, sheet, reading)
        self.table = table

    def __iter__(self) -> Iterator[str]:
        rows = iter(self._read())
        while portion := list(islice(rows, PORTION)):
            yield "".join(portion)

    def _read(self) -> Iterator[str]:
        width = len(self.sheet.names)
        for number, row in self._whole():
            cells = [_text(value) for value in row[:width]]
            cells += [""] * (width - len(cells))
            if not any(cells):
                continue
            self.count += 1
            if errors := self._misshapen(number, cells) or self._wrong(number, cells):
                self.findings.add(number, *errors)
            else:
                yield written([str(number), *cells], self.sheet.delimiter)

    def _whole(self) -> Iterator[tuple[int, tuple]]:
        try:
            yield from self.table
        except Exception as error:  # as above: it is read while it is unpacked
            raise Unreadable(NO_WORKBOOK % error) from error


def _text(value: object) -> str:
    """A cell as a person would have typed it; a number whose digits a spreadsheet does not keep shows that it was rounded."""
    if value is None:
        return ""
    if isinstance(value, datetime | date):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= EXACT:
        return f"{value:.14E}"
    return str(value).strip()
