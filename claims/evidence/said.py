"""What is said of a file: fit or not, and what its bytes tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any


class Unfit(Exception):
    """Not an acceptable file. `code` says why (the words are in `claims.receiving`), `details` what is put into them."""

    def __init__(self, code: str, **details: Any):
        self.code, self.details = code, details
        super().__init__(code, details)


@dataclass(frozen=True)
class Still:
    """A picture out of a recording, new and bare: seconds from its start, and a JPEG."""

    at: Decimal
    picture: bytes


@dataclass(frozen=True)
class Inspection:
    """What the bytes say of themselves. `captured_at` is UTC and, like `device`, anyone's to edit.

    Of a recording that was only glanced at, `preview`, `look` and `stills` are empty and `seconds` is what it promises.
    """

    kind: str
    content_type: str
    width: int
    height: int
    captured_at: datetime | None
    findings: tuple[str, ...]
    preview_type: str = ""
    preview: bytes = b""
    device: str = ""
    look: str | None = None
    seconds: Decimal | None = None
    stills: tuple[Still, ...] = ()


def seen_against(captured_at: datetime | None, spans: Sequence[tuple[datetime, datetime | None]]) -> list[str]:
    """Whether it was taken while the outage lasted (both ends inside); nothing when either is unknown."""
    if captured_at is None or not spans:
        return []
    inside = any(start <= captured_at and (end is None or captured_at <= end) for start, end in spans)
    return ["taken_inside_windows" if inside else "taken_outside_windows"]
