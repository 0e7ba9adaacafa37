"""What an incident file says: its TOML, checked in full. All errors at once, each with its place. Pure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from datetime import datetime
from zoneinfo import available_timezones

REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")


class IncidentFileError(Exception):
    """A file that is no TOML."""


def read(text: str) -> dict:
    """The file's text as a document; whether it is a right one, `errors_in` says."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise IncidentFileError(f"not a TOML file: {error}") from error


def _text(longest: int, *, needed: bool = True) -> Callable[[object], str | None]:
    def problem(value: object) -> str | None:
        if not isinstance(value, str) or (needed and not value.strip()):
            return f"is {value!r}; expected a text"
        if "\0" in value:
            return "has a NUL character; expected a text"
        return f"has {len(value)} characters; expected {longest} at most" if len(value) > longest else None

    return problem


def _names(longest: int) -> Callable[[object], str | None]:
    one = _text(longest)

    def problem(value: object) -> str | None:
        if not isinstance(value, list):
            return f"is {value!r}; expected a list of texts"
        if wrong := next(filter(None, map(one, value)), None):
            return f"has an item that {wrong}"
        twice = next((item for item in value if value.count(item) > 1), None)
        return f"has {twice!r} twice" if twice else None

    return problem


def _reference(value: object) -> str | None:
    if isinstance(value, str) and REFERENCE.fullmatch(value):
        return None
    return f"is {value!r}; expected letters, digits, dot, dash and underscore, 40 at most, such as INC-2022-001"


def _timezone(value: object) -> str | None:
    known = isinstance(value, str) and value in available_timezones()
    return None if known else f"is {value!r}; expected an IANA name such as UTC or Asia/Shanghai"


def _instant(value: object) -> str | None:
    if isinstance(value, datetime) and value.tzinfo:
        return None
    shown = value.isoformat() if isinstance(value, datetime) else repr(value)
    return f"is {shown}; expected a date-time with its offset, such as 2022-11-16T14:09:00Z"


KEYS: dict[str, tuple[Callable[[object], str | None], object]] = {  # key: (its check, its default; None: needed)
    "reference": (_reference, None),
    "title": (_text(200), None),
    "cause": (_text(20_000, needed=False), ""),
    "timezone": (_timezone, "UTC"),
    "services": (_names(60), []),
    "products": (_names(40), []),
    "instruments": (_names(40), []),
    "windows": (lambda value: None, []),  # below
}
WINDOW = {"starts_at", "ends_at"}


def errors_in(document: dict) -> list[str]:
    """Everything that is wrong with a document, each with its place; nothing is wrong with a right one."""
    errors = [f"{key}: unknown key; known: {', '.join(KEYS)}" for key in document if key not in KEYS]
    for key, (check, default) in KEYS.items():
        if key not in document and default is None:
            errors.append(f"{key}: it is missing")
        elif problem := check(document.get(key, default)):
            errors.append(f"{key} {problem}")
    return errors + _errors_in_windows(document.get("windows", []))


def _errors_in_windows(windows: object) -> list[str]:
    if not isinstance(windows, list) or not windows or not all(isinstance(window, dict) for window in windows):
        return ["[[windows]]: an incident needs at least one outage window"]
    errors = [
        f"windows[{number}] {error}" for number, window in enumerate(windows, start=1) for error in _errors_in(window)
    ]
    if errors:
        return errors
    starts = [window["starts_at"] for window in windows]
    return [
        f"windows[{number}] starts_at is {start.isoformat()}; another window starts then already"
        for number, start in enumerate(starts, start=1)
        if start in starts[: number - 1]
    ]


def _errors_in(window: dict) -> list[str]:
    errors = [f"{key}: unknown key; known: starts_at, ends_at" for key in window if key not in WINDOW]
    if "starts_at" not in window:
        errors.append("starts_at: it is missing")
    for key in ("starts_at", "ends_at"):
        if key in window and (problem := _instant(window[key])):
            errors.append(f"{key} {problem}")
    if not errors and "ends_at" in window and window["ends_at"] <= window["starts_at"]:
        errors.append(f"ends_at is {window['ends_at'].isoformat()}; expected after starts_at")
    return errors


def completed(document: dict) -> dict:
    """A right document with its defaults filled in."""
    return {key: document.get(key, default) for key, (_check, default) in KEYS.items()}
