"""What a value of each kind must look like: a check gives None, or what is wrong and what would be right."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from claims.terms.shape import LANGUAGES, REASONS, REFERENCES, REMEDIES
from claims.terms.values import ANCHOR, DURATION, anchor, duration

LONGEST = timedelta(days=3660)  # ten years: longer is a slip of the pen, and would leave the calendar
NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,12})?")
CODE = re.compile(r"[A-Z][A-Z0-9-]{0,19}")
ASSET = re.compile(r"[A-Z0-9]{1,23}")


def _one_of(*allowed: str):
    def check(value):
        return None if value in allowed else f"is {value!r}; allowed: {', '.join(map(repr, allowed))}"

    return check


def _matching(pattern: re.Pattern, example: str):
    def check(value):
        return None if isinstance(value, str) and pattern.fullmatch(value) else f"is {value!r}; expected {example}"

    return check


def _duration(value):
    if value == "":
        return None
    problem = _matching(DURATION, "a duration such as '60s', '24h', '14d', or '' for none")(value)
    return problem or _too_long(value, duration(value))


def _anchor(value):
    if value == "":
        return None
    problem = _matching(ANCHOR, "'start' or 'end', with + or - a duration, such as 'end+1h'")(value)
    return problem or _too_long(value, abs(anchor(value).offset))


def _too_long(value, span):
    return None if span <= LONGEST else f"is {value!r}; expected {LONGEST.days}d at most"


def _percentage(value):
    problem = _matching(NUMBER, "a string such as '100' or '12.5'")(value)
    return problem or (None if 0 < Decimal(value) <= 100 else f"is {value!r}; expected more than 0 and at most 100")


def _amounts(value):
    if isinstance(value, dict) and all(
        ASSET.fullmatch(k) and isinstance(v, str) and NUMBER.fullmatch(v) for k, v in value.items()
    ):
        return None
    return f'is {value!r}; expected amounts by asset such as {{ USDT = "10000" }}'


def _all_of(*allowed: str):
    def check(value):
        wrong = [item for item in value if item not in allowed] if isinstance(value, list) else [value]
        return f"has {wrong[0]!r}; allowed: {', '.join(allowed)}" if wrong else None

    return check


def _names(value):
    ok = isinstance(value, list) and all(map(is_text, value))
    return None if ok else f"is {value!r}; expected a list of texts"


def is_text(value) -> bool:
    """Something to read, and nothing that the database cannot keep."""
    return isinstance(value, str) and bool(value.strip()) and "\0" not in value


def _words(value):
    words = value if isinstance(value, dict) else {}
    if missing := [language for language in LANGUAGES if not is_text(words.get(language))]:
        return f"lacks its published words in: {', '.join(missing)}"
    if unknown := [language for language in words if language not in LANGUAGES]:
        return f"has words in {unknown[0]!r}; allowed: {', '.join(LANGUAGES)}"
    return None


def _instant(value):
    try:
        aware = value == "" or datetime.fromisoformat(value).utcoffset() is not None
    except (TypeError, ValueError):
        aware = False
    return None if aware else f"is {value!r}; expected a date and time with its offset, such as 2022-11-16T14:09:00Z"


KINDS: dict[str, Callable[[Any], str | None]] = {
    "flag": lambda value: None if isinstance(value, bool) else f"is {value!r}; expected true or false",
    "condition": lambda value: (
        None if value is None or isinstance(value, bool) else f"is {value!r}; expected true or false"
    ),
    "duration": _duration,
    "anchor": _anchor,
    "instant": _instant,
    "number": _matching(NUMBER, "a number as a string, such as '20' or '0.5'"),
    "asset": _matching(ASSET, "an asset such as 'USDT'"),
    "percentage": _percentage,
    "amounts": _amounts,
    "reference": _one_of(*REFERENCES),
    "netting": _one_of("none", "smaller_of"),
    "code": _matching(CODE, "a code such as 'C2'"),
    "effect": _one_of("include", "exclude"),
    "result": _one_of("", "loss", "profit", "flat"),
    "reasons": _all_of(*REASONS),
    "remedies": _all_of(*REMEDIES),
    "names": _names,
    "words": _words,
}
