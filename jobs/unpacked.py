"""A user's file as it came: plain, gzipped, or a ZIP of one file, read as a stream. Pure.

What comes out is bounded: a small file that unpacks to a thousand times its size is an attack or a mistake, and is refused
before it fills a disk.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

MEBIBYTE = 1 << 20
ALWAYS = 64 * MEBIBYTE  # what any file may unpack to
WORKBOOK = 4 * ALWAYS  # its words are held in memory
RATIO = 100  # beyond that; quotes and orders unpack to 5 to 25 times their size
TOO_MUCH = f"it unpacks to more than %s MiB, over {RATIO} times its size - unpack it yourself if that is right"
GZIP, ZIP = b"\x1f\x8b", b"PK"
Packed = IO[bytes] | gzip.GzipFile


class Unreadable(Exception):
    """A packed file that cannot be read, and why."""


@dataclass(frozen=True)
class Source:
    """The bytes of a file, unpacked; how far it is read; and the SHA-256 of the file as it was given."""

    stream: io.BufferedReader
    given: IO[bytes]
    size: int
    sha256: str

    @property
    def done(self) -> int:
        """Bytes read of the file as it was given."""
        return self.given.tell()


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    """Open a file for reading. OSError where there is none; Unreadable here or while reading."""
    with path.open("rb") as given:
        sha256 = hashlib.file_digest(given, "sha256").hexdigest()
        size = given.seek(0, io.SEEK_END)
        given.seek(0)
        start = given.read(2)
        given.seek(0)
        if start == GZIP:
            stream = _bounded(gzip.GzipFile(fileobj=given), size)
        elif start == ZIP:
            stream = given if _is_workbook(given) else _bounded(_only_member(given), size)
        else:
            stream = given
        yield Source(stream, given, size, sha256)


def _is_workbook(given: IO[bytes]) -> bool:
    """Whether the archive is a workbook, which is for its reader to open; one that unpacks to too much is refused here."""
    try:
        members = zipfile.ZipFile(given).infolist()
    except (zipfile.BadZipFile, OSError):
        return False  # said where it is unpacked
    finally:
        given.seek(0)
    if "[Content_Types].xml" not in {member.filename for member in members}:
        return False
    if sum(member.file_size for member in members) > WORKBOOK:  # no member gives more than it says here
        raise Unreadable(f"the workbook unpacks to more than {WORKBOOK // MEBIBYTE:,} MiB - save it as CSV")
    return True


def _only_member(given: IO[bytes]) -> IO[bytes]:
    try:
        archive = zipfile.ZipFile(given)
    except (zipfile.BadZipFile, OSError) as error:
        raise Unreadable(f"it cannot be unpacked ({error})") from error
    names = [member.filename for member in archive.infolist() if not member.is_dir()]
    if len(names) != 1:
        some = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
        raise Unreadable(f"the ZIP holds {len(names)} files{': ' if names else ''}{some} - expected one")
    try:
        return archive.open(names[0])
    except (RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
        raise Unreadable(f"it cannot be unpacked ({error})") from error


def _bounded(stream: Packed, size: int) -> io.BufferedReader:
    return io.BufferedReader(_Bounded(stream, max(ALWAYS, RATIO * size)), MEBIBYTE)


class _Bounded(io.RawIOBase):
    """Passes on so many bytes and no more."""

    def __init__(self, stream: Packed, limit: int):
        self.stream, self.limit, self.left = stream, limit, limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        try:
            got = self.stream.read(len(buffer))
        except (EOFError, OSError, zlib.error, zipfile.BadZipFile) as error:
            raise Unreadable(f"it cannot be unpacked to its end ({error})") from error
        self.left -= len(got)
        if self.left < 0:
            raise Unreadable(TOO_MUCH % f"{self.limit // MEBIBYTE:,}")
        buffer[: len(got)] = got
        return len(got)
