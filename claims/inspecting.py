"""Recordings are watched in full by a worker, and what was seen is kept. A codec's crash or a bomb is a finding."""

from __future__ import annotations

import shutil
import tempfile
from datetime import datetime
from decimal import Decimal
from typing import IO

from django.core.files.base import ContentFile, File
from django.db import transaction

from claims import likenesses, probe
from claims.evidence import SUFFIXES, Inspection, Unfit
from claims.models import Evidence, Frame
from jobs import queue
from jobs.models import Job

WATCH = "claims.tasks.inspect"
COPYING = 30  # seconds, around the watching: the file may come from another machine
SPOILED = {  # why a recording that was kept could not be watched, as a finding
    "truncated_recording": "truncated",
    "too_heavy_recording": "bomb",
    "too_long": "bomb",
    "too_many_images": "bomb",
    "damaged_recording": "damaged_recording",
}


def request_inspection(evidence: Evidence, *, now: datetime) -> None:
    """A worker watches it; one job a file."""
    argument = {"evidence": evidence.pk, queue.AT_MOST: probe.seconds_to_watch(evidence.seconds) + COPYING}
    queue.enqueue(key=f"inspect/{evidence.pk}", task=WATCH, argument=argument, now=now, total=1)


def watch_kept(evidence: Evidence) -> tuple[Inspection | None, list[str]]:
    """Watch a recording that was kept: minutes, so never inside a transaction. As `watch`."""
    with evidence.original.open("rb") as kept, tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(kept, copy)
        return watch(copy, evidence.seconds)


def watch(copy: IO[bytes], length: Decimal | None) -> tuple[Inspection | None, list[str]]:
    """What is seen in a recording that promises so many seconds, and the findings; None and the finding that says why not."""
    try:
        said = probe.examine(copy, "watch", within=probe.seconds_to_watch(length))
    except Unfit as unfit:
        return None, [SPOILED.get(unfit.code, "unplayable")]
    return said, list(said.findings)


@transaction.atomic
def keep_inspection(evidence: Evidence, said: Inspection | None, findings: list[str], *, now: datetime) -> None:
    """What was seen, on the row: from now on it can be reviewed. A second time: unchanged."""
    row = Evidence.objects.select_for_update(of=("self",)).select_related("claim").get(pk=evidence.pk)
    if row.inspected_at is not None:
        return
    row.inspected_at = now
    row.findings += [finding for finding in findings if finding not in row.findings]
    if said is not None:
        for name, value in seen(said, row.sha256).items():
            setattr(row, name, value)
    row.save()
    keep_stills(row, said)
    likenesses.mark(row)


def give_up(*, now: datetime) -> int:
    """Recordings at which a worker died at every attempt: that is a finding, and a person reviews what there is. How many."""
    died = Job.objects.filter(task=WATCH, state=Job.State.FAILED, error=queue.DIED).values_list("argument", flat=True)
    given_up = Evidence.objects.filter(pk__in=[argument["evidence"] for argument in died], inspected_at__isnull=True)
    for evidence in given_up.order_by("pk"):
        keep_inspection(evidence, None, ["unplayable"], now=now)
    return len(given_up)


def seen(said: Inspection, sha256: str) -> dict:
    """The columns that an inspection fills; the preview is stored first."""
    preview = f"previews/{place(sha256)}{SUFFIXES[said.preview_type]}" if said.preview else ""
    return {
        "content_type": said.content_type,
        "width": said.width,
        "height": said.height,
        "captured_at": said.captured_at,
        "device": said.device,
        "look": said.look,
        "seconds": said.seconds,
        "preview": preview and stored(preview, ContentFile(said.preview)),
    }


def keep_stills(evidence: Evidence, said: Inspection | None) -> None:
    """The posters of a recording, each stored and then named by a row."""
    folder = f"stills/{place(evidence.sha256)}"
    Frame.objects.bulk_create(
        Frame(evidence=evidence, at=still.at, picture=stored(f"{folder}-{still.at}.jpg", ContentFile(still.picture)))
        for still in (said.stills if said else ())
    )


def place(sha256: str) -> str:
    """A file's folders and name, decided by its content."""
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}"


def stored(name: str, content: File) -> str:
    """Kept under a name that its content decides: there already means nothing to do. A storage shows whole files only."""
    storage = Evidence._meta.get_field("original").storage
    if not storage.exists(name):
        content.seek(0)
        kept = storage.save(name, content)
        if kept != name:  # somebody else stored the same bytes in between
            storage.delete(kept)
    return name
