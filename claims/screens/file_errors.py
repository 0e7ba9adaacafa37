"""What is wrong with a file, in the reader's language: the import writes English, which a helpdesk's machine can read, too."""

from __future__ import annotations

import re

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

# As `jobs.cells`, `jobs.csv_file`, `jobs.unpacked`, `claims.helpdesk` and `claims.intake` write them.
SENTENCES = (
    _("a value"),
    _("text on one line"),
    _("one of: %(choices)s"),
    _("at most %(most)s characters (there are %(number)s)"),
    _("an instant with its offset, such as 2022-11-16T14:09:00Z"),
    _("an instant with its offset, such as 2022-11-16T14:09:00Z; epoch numbers need their unit stated"),
    _("an instant with its offset, such as 2022-11-16T14:09:00Z, or the file's time zone stated"),
    _("an instant that has been"),
    _("a day and a time that exist"),
    _("an offset: this local time happened twice in %(zone)s"),
    _("a time that exists: the clocks of %(zone)s jumped over this one"),
    _("an e-mail address"),
    _("a language such as en or zh"),
    _("the number as text: a spreadsheet rounds numbers of more than 15 digits"),
    _("a customer: a code, or the e-mail or account of one that we know"),
    _("order ids with spaces between them, each of 64 characters at most"),
    _("each contact (customer, instant, channel, ticket) once in a file; line %(line)s has it already"),
    _("the file is empty: its first line must name the columns"),
    _("it is empty - expected the names of the columns"),
    _("this is not UTF-8 text; save the file as CSV in UTF-8"),
    _("it is not UTF-8 text - save the file as CSV in UTF-8"),
    _("it has a NUL byte - expected text"),
    _("column %(name)s stands %(number)s times - expected once"),
    _("column %(name)s is missing - expected columns: %(columns)s"),
    _("it has %(cells)s cells - expected %(number)s"),
    _("it has %(cells)s cells - expected %(number)s; a decimal comma?"),
    _("a cell is longer than %(most)s characters, or a quote is not closed"),
    _("a quote opens here and is not closed"),
    _("a quote closes inside a cell - expected a separator after it (a quote inside a cell is doubled)"),
    _("a line break stands inside a cell without quotes"),
    _("it cannot be unpacked (%(error)s)"),
    _("it cannot be unpacked to its end (%(error)s)"),
    _("it is no workbook that can be read (%(error)s)"),
    _("the ZIP holds %(number)s files: %(names)s - expected one"),
    _("the ZIP holds %(number)s files - expected one"),
    _("the workbook unpacks to more than %(most)s MiB - save it as CSV"),
    _("it unpacks to more than %(most)s MiB, over %(times)s times its size - unpack it yourself if that is right"),
    _("… and %(number)s more errors"),
)


def _pattern(sentence: str) -> re.Pattern[str]:
    """What the sentence looks like with its places filled."""
    words = re.split(r"%\((\w+)\)s", sentence)
    places = (f"(?P<{word}>.+)" if place % 2 else re.escape(word) for place, word in enumerate(words))
    return re.compile("".join(places), re.DOTALL)


PATTERNS = sorted(((_pattern(sentence), sentence) for sentence in SENTENCES), key=lambda pair: -len(pair[1]))


def in_words(text: str) -> str:
    """A sentence of an import as its reader reads it; one that is not known stays as it is."""
    for pattern, sentence in PATTERNS:
        if found := pattern.fullmatch(text):
            said = gettext(sentence)
            return said % found.groupdict() if found.groupdict() else said
    return text
