"""How numbers and instants are shown to people, in every language the same. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import Decimal

FORMULA = re.compile(r"[=+\-@\t\r]")


def harmless(text: str) -> str:
    """Text that a spreadsheet would run gets an apostrophe before it."""
    return f"'{text}" if FORMULA.match(text) else text


def number(value: Decimal | None, least: int = 0) -> str:
    """Thousands apart, no needless zeros, `least` decimals at least: 16571 -> '16,571.00' for least=2."""
    if value is None:
        return "–"
    whole, _point, decimals = f"{value:,f}".partition(".")
    decimals = decimals.rstrip("0").ljust(least, "0")
    text = f"{whole}.{decimals}" if decimals else whole
    return text.replace("-", "−")


def plain(value: Decimal | None) -> str:
    """The same number for a machine: '16571', '0.0000001'; nothing for none."""
    if value is None:
        return ""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def instant(at: datetime | None) -> str:
    """'2022-11-16 14:34:00 UTC'. Instants are kept in UTC (rules §1)."""
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "–"


def exact(at: datetime | None) -> str:
    """The same with its fraction of a second, where there is one: a millisecond decides a clause."""
    if at is None or not at.microsecond:
        return instant(at)
    return f"{at:%Y-%m-%d %H:%M:%S}{f'{at:.%f}'.rstrip('0')} UTC"


def duration(length: timedelta | None) -> str:
    """'1 h 02 min 03 s', '111.2 s': what is not there is left out, no zero units in front."""
    if length is None:
        return "–"
    seconds = Decimal(length // timedelta(microseconds=1)).scaleb(-6)
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    if hours:
        return f"{hours} h {minutes:02f} min {int(rest):02} s"
    return f"{minutes} min {int(rest):02} s" if minutes else f"{rest.normalize():f} s"
