"""A part of a file, as HTTP asks for it (RFC 9110 §14): what a player needs to jump."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO

ONE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
CHUNK = 1 << 16


class Unsatisfiable(Exception):
    """A range that lies behind the end."""


def asked(header: str, size: int) -> tuple[int, int] | None:
    """First byte and the one behind the last; None where the whole is to be sent (no range, several, or nonsense)."""
    found = ONE_RANGE.fullmatch(header.replace(" ", ""))
    if not found or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:  # so many from the end
        first, end = max(size - int(last), 0), size
    else:
        first, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < first:
            return None
    if first >= size or first >= end:
        raise Unsatisfiable
    return first, end


class Part:
    """The bytes of an open file from `first` to before `end`, piece by piece; it closes the file."""

    def __init__(self, file: IO[bytes], first: int, end: int):
        self.file, self.first, self.end = file, first, end

    def __iter__(self) -> Iterator[bytes]:
        self.file.seek(self.first)
        left = self.end - self.first
        while left and (piece := self.file.read(min(CHUNK, left))):
            left -= len(piece)
            yield piece

    def close(self) -> None:
        self.file.close()
