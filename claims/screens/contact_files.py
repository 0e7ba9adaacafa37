"""A helpdesk's file: what a look at it found, how far a worker is, what came of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from claims.models import ContactFile
from claims.screens.file_errors import in_words
from jobs.models import Job

CELL = re.compile(r'line ([0-9]+), column (.+?): "(.*)" - expected (.*)', re.DOTALL)
LINE = re.compile(r"line ([0-9]+): (.*)", re.DOTALL)


@dataclass(frozen=True)
class Wrong:
    """An error of a file: where, what stands there, what would be right; or, of the file as a whole, in one text."""

    text: str
    line: str = ""
    column: str = ""
    value: str = ""


def wrong(error: str) -> Wrong:
    """An error as the import tells it, taken apart for a table; in the reader's language."""
    if match := CELL.fullmatch(error):
        line, column, value, expected = match.groups()
        return Wrong(in_words(expected), line, column, value)
    if match := LINE.fullmatch(error):
        return Wrong(in_words(match[2]), match[1])
    return Wrong(in_words(error))


class Import:
    """Everything the page shows of one file."""

    def __init__(self, file: ContactFile):
        self.file, self.found = file, file.found

    @cached_property
    def job(self) -> Job | None:
        return Job.objects.filter(key=self.file.job_key).first()

    @property
    def under_way(self) -> bool:
        return self.job is not None and self.job.state in Job.UNFINISHED

    @property
    def percent(self) -> int:
        return 100 * self.job.done // max(self.job.total, 1) if self.job else 0

    @property
    def errors(self) -> list[Wrong]:
        """A file that cannot be read at all is told by the path that it was read from: its name says enough."""
        at_hand = re.compile(rf"/\S*/{re.escape(self.file.name)}: ")
        return [wrong(at_hand.sub("", error)) for error in self.found["errors"]]

    @property
    def columns(self) -> list[tuple[str, str]]:
        """(ours, the file's), in our order."""
        return self.found["columns"]

    @property
    def rows(self) -> list[tuple[int, list[str]]]:
        """The first rows as they were understood, in the order of `columns`."""
        return [(row["line"], [row[ours] or "" for ours, _theirs in self.columns]) for row in self.found["first"]]

    @property
    def changes(self) -> bool:
        """Whether there is anything to confirm."""
        return not self.found["errors"] and bool(self.found["contacts_added"])

    @property
    def unchanged(self) -> int:
        """Once it is in: contacts that were there already."""
        return self.found["rows"] - self.file.contacts_added
