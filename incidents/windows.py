"""Spans of time. Pure: instants in, instants out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

Span = tuple[datetime, datetime | None]


def merge(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Overlapping or touching spans become one; an empty end lasts for ever. In order of their starts."""
    merged: list[Span] = []
    for start, end in sorted(spans, key=lambda span: span[0]):
        if merged and (merged[-1][1] is None or start <= merged[-1][1]):
            last_start, last_end = merged[-1]
            merged[-1] = (last_start, None if last_end is None or end is None else max(last_end, end))
        else:
            merged.append((start, end))
    return tuple(merged)
