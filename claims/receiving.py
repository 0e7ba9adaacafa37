"""Evidence comes in: examined, kept byte for byte, put on the claim. What it is worth, `workflow.review_evidence` says.

The file is kept first and the row after it. A crash between the two leaves a file that no row names, never the other
way round; for the same reason a kept file is never taken back: another claim may just have found it there.
"""

from __future__ import annotations

import hashlib
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import IO

from django.contrib.postgres.fields import ArrayField
from django.core.files.base import ContentFile, File
from django.db import connection, transaction
from django.db.models import CharField, F, Func, Value
from django.utils.translation import gettext_lazy as _

from claims import evidence as pictures
from claims import gate, probe, workflow
from claims.assessment import current_outage
from claims.gate import Refused
from claims.models import Claim, Evidence

CHUNK = 1 << 18
SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp"}

UNFIT = {  # why a file is not kept, and what would be right
    "empty": _("the file is empty; send the picture again"),
    "too_large": _("the file is larger than %(limit)s MB; send a smaller picture"),
    "unknown_type": _("this is not a picture; send a PNG, JPEG or WebP file"),
    "other_type": _("this is %(type)s; send a PNG, JPEG or WebP file"),
    "too_many_pixels": _("the picture has more than %(limit)s million pixels; send a smaller one"),
    "too_many_frames": _("the animation has %(frames)s pictures, more than %(limit)s; send a still picture"),
    "truncated": _("the picture is cut off before its end; send it again"),
    "damaged": _("the picture is damaged and cannot be opened; take it or export it again"),
    "too_heavy": _("the picture could not be opened with reasonable means; export it again as PNG or JPEG"),
}
FINDINGS = {  # what a reviewer should know of a file that was kept
    "taken_inside_windows": _("taken inside the outage, as the file says"),
    "taken_outside_windows": _("taken outside the outage, as the file says"),
    "capture_time_without_zone": _("the file names a local time without its zone"),
    "identical_elsewhere": _("the identical file is on another claim"),
    "edited_with_software": _("went through an image editor"),
    "position_data": _("the original holds a position (not shown)"),
    "trailing_data": _("more data stands behind the picture's end"),
    "animated": _("an animation: only its first picture is shown"),
    "damaged_metadata": _("what the file says about itself cannot be read"),
}


class EvidenceRefused(Exception):
    """Files that are not kept: each with its name, what is wrong and what would be right."""

    def __init__(self, *errors: str):
        self.errors = list(errors)
        super().__init__("; ".join(errors))


@dataclass(frozen=True)
class Upload:
    """A file that passed: a copy of its bytes and what they say."""

    name: str
    copy: IO[bytes]
    size: int
    sha256: str
    said: pictures.Inspection


def receive_evidence(
    claim: Claim, *, name: str, content: IO[bytes], by, now: datetime, max_bytes: int = pictures.BYTES_MAX
) -> Evidence:
    """Keep one file on an open claim, which goes back to be assessed; the same file again is the row that is there.

    Raises EvidenceRefused (the file), gate.Refused (the claim or the person; `by` is None for the customer or the console).
    """
    return attach_evidence(claim, files=[(name, content)], by=by, now=now, max_bytes=max_bytes)[0]


def attach_evidence(
    claim: Claim,
    *,
    files: Iterable[tuple[str, IO[bytes]]],
    by,
    now: datetime,
    accept: bool | None = None,
    reason: str = "",
    max_bytes: int = pictures.BYTES_MAX,
) -> list[Evidence]:
    """Keep all of the files on the claim or none, and review them at once when `accept` says how. Raises as above."""
    if by is not None:
        gate.may(by, "claims.add_evidence")
    with _examined(files, max_bytes) as uploads, transaction.atomic():
        rows = _keep(claim, uploads, by=by, now=now)
        return rows if accept is None else [_reviewed(row, accept, reason=reason, by=by, now=now) for row in rows]


def _reviewed(row: Evidence, accept: bool, *, reason: str, by, now: datetime) -> Evidence:
    """Reviewed already with this verdict: unchanged."""
    verdict = Evidence.Status.ACCEPTED if accept else Evidence.Status.REJECTED
    if row.status == verdict:
        return row
    return workflow.review_evidence(row, accept=accept, reason=reason, by=by, now=now)


# --- before anything is kept


@contextmanager
def _examined(files: Iterable[tuple[str, IO[bytes]]], max_bytes: int) -> Iterator[list[Upload]]:
    """Every file copied and examined; the copies vanish at the end, whatever happens."""
    uploads: list[Upload] = []
    errors: list[str] = []
    try:
        for given, content in files:
            name = plain_name(given)
            try:
                uploads.append(_examine(name, content, max_bytes))
            except pictures.Unfit as unfit:
                errors.append(f"{name}: {UNFIT[unfit.code] % unfit.details}")
        if errors:
            raise EvidenceRefused(*errors)
        yield uploads
    finally:
        for upload in uploads:
            upload.copy.close()


def _examine(name: str, content: IO[bytes], max_bytes: int) -> Upload:
    copy, digest, size = tempfile.TemporaryFile(), hashlib.sha256(), 0
    try:
        while chunk := content.read(CHUNK):
            size += len(chunk)
            if size > max_bytes:
                raise pictures.Unfit("too_large", limit=f"{max_bytes / (1 << 20):g}")
            digest.update(chunk)
            copy.write(chunk)
        return Upload(name=name, copy=copy, size=size, sha256=digest.hexdigest(), said=probe.examine(copy))
    except BaseException:
        copy.close()
        raise


def plain_name(name: str) -> str:
    """A file's name as the customer called it, for reading only: no folders, nothing invisible, 255 characters at most."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    seen = "".join(letter for letter in unicodedata.normalize("NFC", last) if unicodedata.category(letter)[0] != "C")
    seen = seen.strip() or "unnamed"
    suffix = PurePosixPath(seen).suffix[:20]
    return seen if len(seen) <= 255 else seen[: 255 - len(suffix)] + suffix


# --- keeping


def _keep(claim: Claim, uploads: list[Upload], *, by, now: datetime) -> list[Evidence]:
    """The claim's rows for these files, in their order; new ones on an open claim only."""
    claim = Claim.objects.select_for_update(of=("self",)).select_related("incident").get(pk=claim.pk)
    rows = {row.sha256: row for row in claim.evidence.filter(sha256__in=[upload.sha256 for upload in uploads])}
    new = {upload.sha256: upload for upload in reversed(uploads) if upload.sha256 not in rows}
    if new and claim.status not in Claim.OPEN:
        status = claim.get_status_display()
        raise Refused("%(claim)s is %(status)s: it takes no more evidence", claim=claim.reference, status=status)
    for sha256 in sorted(new):  # in one order everywhere, so that two who wait never wait for each other
        rows[sha256] = _put(claim, new[sha256], by=by, now=now)
    if new:
        workflow.reopen([claim.pk])
    return [rows[upload.sha256] for upload in uploads]


def _put(claim: Claim, upload: Upload, *, by, now: datetime) -> Evidence:
    said, sha256 = upload.said, upload.sha256
    place = f"{sha256[:2]}/{sha256[2:4]}/{sha256}"
    outage = current_outage(claim.incident)
    findings = [*said.findings, *pictures.seen_against(said.captured_at, outage.spans if outage else ())]
    return Evidence.objects.create(
        claim=claim,
        kind=said.kind,
        name=upload.name,
        content_type=said.content_type,
        size=upload.size,
        sha256=sha256,
        original=_stored(f"originals/{place}", File(upload.copy)),
        preview=_stored(f"previews/{place}{SUFFIXES[said.preview_type]}", ContentFile(said.preview)),
        width=said.width,
        height=said.height,
        captured_at=said.captured_at,
        findings=findings + _identical_elsewhere(claim, sha256),
        received_by=by,
        received_at=now,
    )


def _stored(name: str, content: File) -> str:
    """Kept under a name that its content decides: there already means nothing to do. A storage shows whole files only."""
    storage = Evidence._meta.get_field("original").storage
    if not storage.exists(name):
        content.seek(0)
        kept = storage.save(name, content)
        if kept != name:  # somebody else stored the same bytes in between
            storage.delete(kept)
    return name


def _identical_elsewhere(claim: Claim, sha256: str) -> list[str]:
    """The finding, if another claim has this very file; then it is put on their rows as well."""
    finding = "identical_elsewhere"
    with connection.cursor() as cursor:  # two claims that bring the file at the same moment see each other
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [sha256])
    others = Evidence.objects.filter(sha256=sha256).exclude(claim=claim)
    unmarked = others.exclude(findings__contains=[finding])
    unmarked.update(
        findings=Func(F("findings"), Value(finding), function="array_append", output_field=_list_of_codes())
    )
    return [finding] if others.exists() else []


def _list_of_codes() -> ArrayField:
    return ArrayField(CharField(max_length=40))
