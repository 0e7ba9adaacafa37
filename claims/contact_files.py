"""A helpdesk's file on screen: looked at in full and undone, confirmed by a person, taken in by a worker slice by slice.

All of it is `intake`'s code: a slice is an import of some of the file's lines, in one commit with its progress.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.core.files import File
from django.db import connection, transaction
from django.db.models import F

from claims import gate, intake
from claims.gate import Refused
from claims.models import ContactFile
from jobs import bulk, shown
from jobs.models import Job, Part
from jobs.queue import enqueue

PERMISSIONS = ("claims.import_claim", "claims.add_contact")
SLICE = 1_000  # rows in one commit: about a second, the most that a dead worker costs
SHOWN = 10  # rows that a preview shows
KEPT = timedelta(days=1)  # a file that nobody confirmed
COUNTS = ("claims_created", "contacts_added")


@transaction.atomic
def look_at(incident, *, name: str, content: File, timezone: str, by, now: datetime) -> ContactFile:
    """Keep the file with what an import of it would do now; nothing else remains of it."""
    _may(by)
    _forget(before=now - KEPT)
    file = ContactFile(incident=incident, name=name[-255:], timezone=timezone, added_by=by, added_at=now)
    file.content.save(f"{now:%Y%m%d-%H%M%S}", content, save=False)
    with at_hand(file) as path:
        with path.open("rb") as upload:
            file.sha256 = hashlib.file_digest(upload, "sha256").hexdigest()
        file.found = _rehearsed(file, path, now=now)
    file.save()
    return file


def _may(by) -> None:
    for permission in PERMISSIONS:
        gate.may(by, permission)


def _forget(*, before: datetime) -> None:
    """Files that nobody confirmed in time: they are people's letters."""
    for file in ContactFile.objects.filter(confirmed_at__isnull=True, added_at__lt=before):
        file.content.delete(save=False)
        file.delete()


@contextmanager
def at_hand(file: ContactFile) -> Iterator[Path]:
    """The file in a folder of its own, wherever the storage keeps it, for as long as it is read."""
    with TemporaryDirectory(prefix="contacts-") as folder:
        path = Path(folder) / (Path(file.name).name or "contacts")
        with file.content.open("rb") as kept, path.open("wb") as copy:
            shutil.copyfileobj(kept, copy)
        yield path


def _rehearsed(file: ContactFile, path: Path, *, now: datetime) -> dict[str, Any]:
    """What an import would come to: its counts or its errors, how its columns were understood, its first rows."""
    with transaction.atomic():
        batch = intake.load(path, timezone=file.timezone, now=now)
        shape = {"columns": _columns(batch), "first": _first_rows(batch), "slices": _slices(batch)}
        if batch.refused():
            found = batch.result(**intake.NOTHING)
        else:
            counts = intake.take_over(file.incident, by=file.added_by, now=now)
            found = batch.result(**counts, unchanged=batch.rows - counts["contacts_added"])
        transaction.set_rollback(True)
    return found | shape


def _columns(batch: bulk.Batch) -> list[tuple[str, str]]:
    """(our column, what the file calls it), in our order."""
    names = (column.name for column in intake.CONTACTS)
    return [(name, batch.headings.get(name, name)) for name in names if name in batch.present]


def _first_rows(batch: bulk.Batch) -> list[dict[str, Any]]:
    if not batch.present:
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM bulk_row ORDER BY line LIMIT %s", [SHOWN])
        names = [column.name for column in cursor.description]
        return [dict(zip(names, map(_shown, row), strict=True)) for row in cursor.fetchall()]


def _shown(value: object) -> object:
    return shown.exact(value) if isinstance(value, datetime) else value


def _slices(batch: bulk.Batch) -> list[tuple[int, int, int]]:
    """(first line, last line, rows) of each slice."""
    if not batch.present:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT min(line), max(line), count(*)
                 FROM (SELECT line, (row_number() OVER (ORDER BY line) - 1) / %s AS slice FROM bulk_row) AS cut
                GROUP BY slice ORDER BY slice""",
            [SLICE],
        )
        return cursor.fetchall()


@transaction.atomic
def confirm(file: ContactFile, *, by, now: datetime) -> Job:
    """Have a worker take the file in; confirmed already, the job is the same."""
    _may(by)
    file = ContactFile.objects.select_for_update(of=("self",)).get(pk=file.pk)
    if file.found["errors"]:
        raise Refused("%(file)s has errors: nothing of it is taken in", file=file.name)
    if file.confirmed_at is None:
        file.confirmed_at = now
        file.save(update_fields=["confirmed_at"])
    parts = [Part(first=first, last=last, size=rows) for first, last, rows in file.found["slices"]]
    argument = {"contact_file": file.pk}
    task, total = "claims.tasks.take_contacts_in", file.found["rows"]
    return enqueue(key=file.job_key, task=task, argument=argument, total=total, parts=parts, now=now)


def take_part_in(file: ContactFile, part: Part, *, now: datetime) -> None:
    """A slice of the file; safe to run twice, meant to share its commit with the job's progress."""
    with at_hand(file) as path:
        batch = intake.load(path, timezone=file.timezone, now=now)
    if batch.refused():
        raise Refused("%(file)s has errors: nothing of it is taken in", file=file.name)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM bulk_row WHERE line NOT BETWEEN %s AND %s", [part.first, part.last])
    counts = intake.take_over(file.incident, by=file.added_by, now=now)
    ContactFile.objects.filter(pk=file.pk).update(**{name: F(name) + counts[name] for name in COUNTS})


def finish(file: ContactFile, *, now: datetime) -> None:
    """All of it is in: remember the file as every import does, and let the upload go."""
    ContactFile.objects.filter(pk=file.pk).update(finished_at=now)
    file.refresh_from_db()
    result = {"rows": file.found["rows"]} | {name: getattr(file, name) for name in COUNTS}
    result["unchanged"] = result["rows"] - result["contacts_added"]
    intake.finish(file.incident, Path(file.name), bulk.Batch(sha256=file.sha256), result, now=now)
    transaction.on_commit(lambda: file.content.delete(save=False))
