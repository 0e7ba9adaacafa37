"""An account as it stood before its liquidation: the replay's TOML file, checked in full. Pure.

All errors at once, each with its place, its value and what would be right; the form of the back office fills in the same
document and is told the same errors, so they are in the reader's language.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from django.utils.translation import gettext as _

NUMBER = re.compile(r"[0-9]{1,16}(\.[0-9]{1,12})?")
SIGNED = re.compile(r"-?[0-9]{1,16}(\.[0-9]{1,12})?")
SHARE = re.compile(r"[01](\.[0-9]{1,6})?")
ASSET = re.compile(r"[A-Z0-9]{1,23}")
SIDES = ("long", "short")
LONGEST_NAME, MOST_ORDERS, MOST_POSITIONS = 64, 1_000_000, 200
YEARS = range(1900, 3000)  # far from the ends of the calendar


class Wrong(NamedTuple):
    """An error of the document and its place: `wallet`, `positions[2].quantity`."""

    place: str
    says: str

    def __str__(self) -> str:
        return f"{self.place} {self.says}" if self.place else self.says


class AccountFileError(Exception):
    """A file that cannot be replayed: every error it has."""

    def __init__(self, wrong: Iterable[Wrong]):
        self.wrong = list(wrong)
        self.errors = [str(error) for error in self.wrong]
        super().__init__("; ".join(self.errors))


def read(text: str) -> dict:
    """The file's text as a document; whether it is a right one, `errors_in` says."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise AccountFileError([Wrong("", _("this is not TOML: %(error)s") % {"error": error})]) from error


def _expected(value: object, what: str) -> str:
    said = value.isoformat() if isinstance(value, datetime) else repr(value)
    return _("is %(value)s; expected %(what)s") % {"value": said, "what": what}


def _name(value: object) -> str | None:
    fits = isinstance(value, str) and 0 < len(value.strip()) and len(value) <= LONGEST_NAME and value.isprintable()
    return None if fits else _expected(value, _("one line of text, 64 characters at most, such as A1"))


def _asset(value: object) -> str | None:
    fits = isinstance(value, str) and ASSET.fullmatch(value)
    return None if fits else _expected(value, _("capital letters and digits, such as USDT"))


def _decimal(pattern: re.Pattern, what: Callable[[], str]) -> Callable[[object], str | None]:
    def problem(value: object) -> str | None:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _("is the number %(value)s; write it in quotes: a number in TOML may lose digits") % {"value": value}
        return None if isinstance(value, str) and pattern.fullmatch(value) else _expected(value, what())

    return problem


_wallet = _decimal(SIGNED, lambda: _("a decimal number of up to 16 digits and 12 decimals, such as 394.50"))
_number = _decimal(NUMBER, lambda: _("a decimal number above 0 of up to 16 digits and 12 decimals, such as 0.5"))
_share = _decimal(SHARE, lambda: _("a share above 0 and at most 1 with up to 6 decimals, such as 0.40"))


def _positive(value: object) -> str | None:
    return _number(value) or (None if Decimal(str(value)) > 0 else _expected(value, _("more than 0")))


def _ratio(value: object) -> str | None:
    if problem := _share(value):
        return problem
    return None if 0 < Decimal(str(value)) <= 1 else _expected(value, _("more than 0 and at most 1, such as 0.40"))


def _instant(value: object) -> str | None:
    fits = isinstance(value, datetime) and value.tzinfo and value.year in YEARS
    return None if fits else _expected(value, _("a date-time with its offset, such as 2022-11-16T14:09:00Z"))


def _count(value: object) -> str | None:
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_ORDERS
    return None if fits else _expected(value, _("a whole number, 0 or more"))


def _side(value: object) -> str | None:
    return None if value in SIDES else _expected(value, _("long or short"))


Check = Callable[[object], str | None]
KEYS: dict[str, Check] = {
    "account": _name,
    "asset": _asset,
    "wallet": _wallet,
    "ratio": _ratio,
    "from": _instant,
    "to": _instant,
    "open_orders": _count,
}
POSITION: dict[str, Check] = {
    "symbol": _name,
    "side": _side,
    "quantity": _positive,
    "entry_price": _positive,
    "used_margin": _positive,
}
MAY_BE_ABSENT = {"ratio", "open_orders"}  # the ratio in force then; none are known of


def errors_in(document: dict) -> list[Wrong]:
    """Everything that is wrong with a document; nothing is wrong with a right one."""
    errors = [*_errors_in_table(document, KEYS, "", also=("positions",)), *_errors_in_positions(document)]
    places = {error.place for error in errors}
    if not places & {"from", "to"} and document["to"] < document["from"]:
        errors.append(Wrong("to", _expected(document["to"], _("an instant not before `from`"))))
    return errors


def _errors_in_table(table: dict, checks: dict[str, Check], place: str, also: tuple[str, ...] = ()) -> list[Wrong]:
    known = ", ".join((*checks, *also))
    errors = [
        Wrong(f"{place}{key}", _("is an unknown key; known: %(keys)s") % {"keys": known})
        for key in table
        if key not in (*checks, *also)
    ]
    for key, check in checks.items():
        if key not in table:
            errors += [] if key in MAY_BE_ABSENT else [Wrong(f"{place}{key}", _("is missing"))]
        elif problem := check(table[key]):
            errors.append(Wrong(f"{place}{key}", problem))
    return errors


def _errors_in_positions(document: dict) -> list[Wrong]:
    positions = document.get("positions")
    if not isinstance(positions, list) or not positions or not all(isinstance(row, dict) for row in positions):
        return [Wrong("positions", _("are missing; write each position under its own [[positions]]"))]
    if len(positions) > MOST_POSITIONS:
        what = {"number": len(positions), "most": MOST_POSITIONS}
        return [Wrong("positions", _("are %(number)s; expected %(most)s at most") % what)]
    return [
        error
        for number, row in enumerate(positions, start=1)
        for error in _errors_in_table(row, POSITION, f"positions[{number}].")
    ]


def write(document: dict) -> str:
    """The file of a right document, to keep and to run again."""
    lines = [f"{key} = {_value(document[key])}" for key in KEYS if key in document]
    for row in document["positions"]:
        lines += ["", "[[positions]]", *(f"{key} = {_value(row[key])}" for key in POSITION)]
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    """Instants as they are, numbers plain, texts in quotes: a right text is one printable line."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, int):
        return str(value)
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
