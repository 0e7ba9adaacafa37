"""What the cells of a user's file may say: one grammar, read strictly. Pure.

A column's `plain` pattern passes whole lines at full speed; what it does not match goes, cell by cell, through `read`, which
says what would be right. Nothing is guessed: no decimal commas, no thousands, no local time whose zone is not stated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

NUMBER = r"-?[0-9]{1,16}(?:\.[0-9]{1,12})?"
PLAIN_NUMBER = r"-?+[0-9]{1,16}+(?:\.[0-9]{1,12}+)?+"  # the same, never looking back
YEAR = r"(?:19[7-9]|2[01][0-9])[0-9]"
# Every day of every month but 29 February, which asks for a calendar.
DAY = rf"{YEAR}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6})?)?"
KDB_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?"
OFFSET = r"(?:Z|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)"
INSTANT = re.compile(
    rf"({YEAR}-[0-9]{{2}}-[0-9]{{2}}[T ][0-9]{{2}}:[0-9]{{2}}(?::[0-9]{{2}}(?:\.[0-9]{{1,6}})?)?)[0-9]{{0,3}}({OFFSET})?"
)
# 2022-11-16D14:09:00.123456789, always UTC: how kdb+ writes an instant, and so BitMEX. Cut to the microsecond.
KDB = re.compile(
    r"(?<![^,;\n])([0-9]{4}-[0-9]{2}-[0-9]{2})D([0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?)[0-9]{0,3}(?![^,;\n])"
)
EPOCHS = {"s": "", "ms": "[0-9]{3}", "us": "[0-9]{6}", "ns": "[0-9]{9}"}
# From 9 September 2001 to 2 October 2096: a unit that is a thousand times wrong never passes.
EPOCH_SECONDS = r"[1-3][0-9]{9}"

A_NUMBER = "a decimal number with a point"
AN_INSTANT = "an instant with its offset, such as 2022-11-16T14:09:00Z"
A_KDB_INSTANT = "an instant such as 2022-11-16D14:09:00.123456789 (UTC)"
A_REAL = "a number, such as 296.92564200000004"
REAL = r"-?[0-9]{1,16}(?:\.[0-9]{1,30})?(?:[eE][-+]?[0-9]{1,2})?"
ONE_LINE = r"[^\x00-\x1f\x7f]+"


class CellError(Exception):
    """What would have been right."""


@dataclass(frozen=True)
class Reading:
    """What the user states about the whole file."""

    timezone: str = ""  # of times without an offset; empty: they are refused
    time_unit: str = ""  # instants are epoch numbers in s, ms, us or ns; empty: they are ISO 8601


@dataclass(frozen=True)
class Column:
    """One column that we know, which a file may call otherwise. `needed`: it must be there; `blank`: its cells may be empty."""

    name: str
    kind: str = "text"  # text, prose (line breaks and all), number, real (binary, never money), instant, kdb (instant)
    needed: bool = True
    blank: bool = False
    longest: int = 64
    choices: tuple[str, ...] = ()
    pattern: str = ONE_LINE
    expected: str = "a value"
    called: str = ""

    @property
    def heading(self) -> str:
        return self.called or self.name

    def plain(self, delimiter: str, reading: Reading) -> str:
        """A pattern that only right cells match, and the common ones do: ASCII, no spaces. It never looks back."""
        cell = self._plain(delimiter, reading)
        if self.kind == "kdb":  # which is written anew, without looking for quotes
            return cell
        return rf'(?:{cell}|"{cell}?+")?+' if self.blank else rf'(?:{cell}|"{cell}")'

    def _plain(self, delimiter: str, reading: Reading) -> str:
        if self.kind == "number":
            cell = PLAIN_NUMBER
        elif self.kind == "real":
            cell = REAL
        elif self.kind == "kdb":
            cell = f"{DAY}D{KDB_CLOCK}"
        elif self.kind == "instant" and reading.time_unit:
            cell = _epoch(reading.time_unit)
        elif self.kind == "instant":
            cell = rf"{DAY}[T ]{CLOCK}{OFFSET}{'?' if reading.timezone else ''}"
        elif self.choices:
            cell = "|".join(map(re.escape, self.choices))
        elif self.pattern == ONE_LINE:
            cell = rf'[^\s"{delimiter}\x00-\x1f\x7f]{{1,{self.longest}}}+'
        else:
            cell = self.pattern
        return f"(?:{cell})"

    def read(self, cell: str, reading: Reading) -> str:
        """The cell as the database takes it, or CellError."""
        if not cell:
            if self.blank:
                return ""
            raise CellError(self._wanted())
        if self.kind == "number":
            return _number(cell)
        if self.kind == "real":
            return _matching(cell, REAL, A_REAL)
        if self.kind == "kdb":
            return _from_kdb(cell)
        if self.kind == "instant":
            return _from_epoch(cell, reading.time_unit) if reading.time_unit else _instant(cell, reading.timezone)
        return self._text(cell)

    def _text(self, cell: str) -> str:
        if self.choices and cell not in self.choices:
            raise CellError(self._wanted())
        if len(cell) > self.longest:
            raise CellError(f"at most {self.longest:,} characters (there are {len(cell):,})")
        if self.kind == "text" and not re.fullmatch(self.pattern, cell):
            raise CellError("text on one line" if self.pattern == ONE_LINE else self._wanted())
        return cell

    def _wanted(self) -> str:
        if self.choices:
            return f"one of: {', '.join(self.choices)}"
        kinds = {"number": A_NUMBER, "real": A_REAL, "instant": AN_INSTANT, "kdb": A_KDB_INSTANT}
        return kinds.get(self.kind, self.expected)


def _number(cell: str) -> str:
    if re.fullmatch(NUMBER, cell):
        return cell
    if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", cell):
        raise CellError("at most 16 digits before the point and 12 after it")
    raise CellError(A_NUMBER)


def _matching(cell: str, pattern: str, expected: str) -> str:
    if re.fullmatch(pattern, cell):
        return cell
    raise CellError(expected)


def _from_kdb(cell: str) -> str:
    iso, found = KDB.subn(r"\1T\2Z", cell)
    if not found:
        raise CellError(A_KDB_INSTANT)
    return _instant(iso, "")


def _epoch(unit: str) -> str:
    return rf"{EPOCH_SECONDS}{EPOCHS[unit]}(?:\.[0-9]{{1,9}})?"


def _from_epoch(cell: str, unit: str) -> str:
    if not re.fullmatch(_epoch(unit), cell):
        raise CellError(f"an epoch number in {unit} of the years 2001 to 2096; is the unit right?")
    return cell


def _instant(cell: str, timezone: str) -> str:
    """To the microsecond; what is finer is cut off."""
    match = INSTANT.fullmatch(cell)
    if match is None:
        unit = "; epoch numbers need their unit stated" if re.fullmatch(r"[0-9]{9,}(\.[0-9]+)?", cell) else ""
        raise CellError(AN_INSTANT + unit)
    local, offset = match.groups()
    try:
        at = datetime.fromisoformat(local)
        if not re.fullmatch(rf"{DAY}|{YEAR}-02-29", local[:10]) or not re.fullmatch(CLOCK, local[11:]):
            raise ValueError(local)
    except ValueError as error:
        raise CellError("a day and a time that exist") from error
    if not offset:
        _check_local(at, timezone)
    return local + (offset or "")


def _check_local(at: datetime, timezone: str) -> None:
    """A time without an offset says one instant only in a stated zone, and there not while the clocks are changed."""
    if not timezone:
        raise CellError(f"{AN_INSTANT}, or the file's time zone stated")
    zone = ZoneInfo(timezone)
    earlier, later = (at.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta(0) for fold in (0, 1))
    if earlier == later:
        return
    if earlier > later:
        raise CellError(f"an offset: this local time happened twice in {timezone}")
    raise CellError(f"a time that exists: the clocks of {timezone} jumped over this one")


@cache
def days_of_change(timezone: str) -> frozenset[str]:
    """The local days, and their neighbours, on which the zone's clocks are changed: times on them are looked at one by one."""
    zone, day, last = ZoneInfo(timezone), date(1970, 1, 1), date(2199, 12, 31)
    days, before = set(), None
    while day <= last:
        offset = datetime(day.year, day.month, day.day, tzinfo=zone).utcoffset()
        if offset != before:
            days.update((day + timedelta(days=n)).isoformat() for n in (-2, -1, 0, 1))
        day, before = day + timedelta(days=1), offset
    return frozenset(days)
