"""What a report is asked for: bounds that fit together, the addresses of reports and entries."""

from __future__ import annotations

from datetime import date, datetime
from urllib.parse import urlencode

from django.urls import reverse

from jobs.paper import Asked, Moment, by_then
from ledger.models import JournalEntry

CATEGORIES = dict(JournalEntry.Category.choices)


def until(first: date | None, last: date | None, as_of: Moment) -> tuple[datetime | None, date | None]:
    """An instant (by posting) or a last day (by effective date).

    Raises Asked where both are given, or the days are the wrong way round.
    """
    if as_of and last:
        raise Asked("an end is a last day or --as-of, not both")
    if isinstance(as_of, datetime):
        if first:
            raise Asked("as of an instant the books begin with their first entry; days go from a day to a day")
        return as_of, None
    last = last or as_of
    if first and last and first > last:
        raise Asked(f"{first} is after {last}")
    return None, last


def end(moment: Moment, now: datetime) -> datetime:
    """The instant at which a report ends."""
    return by_then(moment) or now


def entry(pk: int | None) -> str | None:
    return reverse("admin:ledger_journalentry_change", args=[pk]) if pk else None


def report(name: str, **asked: object) -> str:
    """The address of another report, asked for this."""
    given = {key: value for key, value in asked.items() if value}
    return f"{reverse('admin:jobs_report', args=[name])}?{urlencode(given)}"
