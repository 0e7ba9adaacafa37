"""What was changed: questions to the history that the database keeps, and its rows as a file."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import BinaryIO

from django.db import connection
from django.db.models import F, Func, QuerySet, TextField
from django.db.models.functions import Cast, Coalesce

from claims.models import Change, Claim

COLUMNS = (
    "change", "at", "action", "person", "job", "command", "task", "screen", "address", "reason", "database_role",
    "database_client", "program", "kind", "row", "operation", "claim", "old", "new",
)  # fmt: skip


class Text(Func):
    """A spreadsheet never runs a cell: text that could start a formula gets an apostrophe."""

    template = r"CASE WHEN %(expressions)s ~ '^[=+\-@\t\r]' THEN '''' || %(expressions)s ELSE %(expressions)s END"
    output_field = TextField()


class Instant(Func):
    template = "to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
    output_field = TextField()


class Host(Func):
    """An address without its network."""

    function = "host"
    output_field = TextField()


class Said(Func):
    """One thing that the screen, command or task said of itself, as text."""

    arg_joiner = " ->> "
    template = "(%(expressions)s)"
    output_field = TextField()

    def __init__(self, name: str):
        super().__init__(F("source"), Cast(Func(template=f"'{name}'"), TextField()))


def between(first: date | None, last: date | None, changes: QuerySet[Change] | None = None) -> QuerySet[Change]:
    """The changes of these days in UTC, both inside."""
    found = Change.objects.all() if changes is None else changes
    if first:
        found = found.filter(at__gte=_midnight(first))
    return found.filter(at__lt=_midnight(last + timedelta(days=1))) if last else found


def of_claim(claim: Claim, *, before: int | None = None) -> QuerySet[Change]:
    """A claim's changes and those of all that hangs on it, newest first; `before`: older than this change."""
    changes = Change.objects.filter(claim=claim).select_related("user").order_by("-id")
    return changes.filter(id__lt=before) if before else changes


def of_rows(table: str) -> QuerySet[Change]:
    """The changes of one table's rows: for a room whose pages tell of its own."""
    return Change.objects.filter(kind=table)


def write(changes: QuerySet[Change], file: BinaryIO) -> int:
    """These changes as CSV into a binary file, oldest first, in constant memory. Returns the number of rows."""
    rows = changes.order_by("id").values_list(
        "id",
        Instant("at"),
        "action",
        Text(Coalesce("user__username", Said("by"))),
        Text(Said("job")),
        Text(Said("command")),
        Text(Said("task")),
        Text(Said("url")),
        Text(Said("address")),
        Text(Said("reason")),
        Text("role"),
        Host("client"),
        Text("application"),
        "kind",
        "object_id",
        "operation",
        "claim__reference",
        Cast("old", TextField()),
        Cast("new", TextField()),
    )
    sql, params = rows.query.sql_with_params()
    file.write(f"{','.join(COLUMNS)}\n".encode())
    with connection.cursor() as cursor:
        with cursor.copy(f"COPY ({sql}) TO STDOUT (FORMAT csv)", params) as copy:
            for block in copy:
                file.write(block)
        return cursor.rowcount


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)
