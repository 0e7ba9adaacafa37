"""Where a picture ends: whatever stands behind it is no part of it."""

from __future__ import annotations

import io
import re
from typing import IO

SEGMENT = b"\x18\x53\x80\x67"  # of WebM
JPEG_MARK = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


def end_of(content: bytes, content_type: str) -> int:
    """The offset behind the picture's last byte; more than there is when its end is missing."""
    return ENDS[content_type](content)


def _end_of_png(content: bytes) -> int:
    at = 8
    while at + 12 <= len(content):
        name, at = content[at + 4 : at + 8], at + 12 + int.from_bytes(content[at : at + 4], "big")
        if name == b"IEND":
            return at
    return len(content) + 1


def _end_of_webp(content: bytes) -> int:
    size = 8 + int.from_bytes(content[4:8], "little")
    return min(size + size % 2, len(content)) if size <= len(content) else size


def _end_of_jpeg(content: bytes) -> int:
    """Behind the last of the pictures that follow one another: phones keep several in one file."""
    at = 0
    while content[at : at + 2] == b"\xff\xd8":
        at = _end_of_one_jpeg(content, at + 2)
    return at


def _end_of_one_jpeg(content: bytes, at: int) -> int:
    while mark := JPEG_MARK.search(content, at):  # from mark to mark, over segments by their length
        if mark[0] == b"\xff\xd9":
            return mark.end()
        length = int.from_bytes(content[mark.end() : mark.end() + 2], "big")
        at = mark.end() + (0 if mark[0] in (b"\xff\x01", b"\xff\xd8") else length)
    return len(content) + 1


def _end_of_heic(content: bytes) -> int:
    return _end_of_boxes(io.BytesIO(content), len(content))


def _end_of_boxes(file: IO[bytes], length: int) -> int:
    """Behind the last of the boxes; what is no box has no name of four letters."""
    at = 0
    while at + 8 <= length:
        file.seek(at)
        head = file.read(16)
        size, name = int.from_bytes(head[:4], "big"), head[4:8]
        if size == 1:  # a large one: its size stands behind the name
            size = int.from_bytes(head[8:16], "big")
        if size == 0:  # to the end of the file
            return length
        if size < 8 or not name.isalnum():
            return at
        at += size
    return at


ENDS = {
    "image/png": _end_of_png,
    "image/jpeg": _end_of_jpeg,
    "image/webp": _end_of_webp,
    "image/heic": _end_of_heic,
}


def is_cut(file: IO[bytes], content_type: str) -> bool:
    """Whether a recording ends before its container says."""
    length = file.seek(0, 2)
    return (_end_of_webm(file) if content_type == "video/webm" else _end_of_boxes(file, length)) > length


def _end_of_webm(file: IO[bytes]) -> int:
    """Behind its one segment; 0 for a live one, which does not say how long it is."""
    file.seek(0)
    head = file.read(64)
    at = _behind_element(head, 4)  # behind the EBML header
    return _behind_element(head, at + 4) if head[at : at + 4] == SEGMENT else 0


def _behind_element(head: bytes, at: int) -> int:
    """The offset behind an element whose size stands at `at`; 0 when the size is not known."""
    if at >= len(head) or not head[at]:
        return 0
    width = 9 - head[at].bit_length()
    size = int.from_bytes(head[at : at + width], "big") & ((1 << 7 * width) - 1)
    return 0 if size == (1 << 7 * width) - 1 else at + width + size
