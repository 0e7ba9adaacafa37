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
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import PurePosixPath
from typing import IO

from django.core.files.base import File
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from claims import evidence as files_seen
from claims import gate, inspecting, likenesses, probe, workflow
from claims.assessment import current_outage
from claims.gate import Refused
from claims.models import Claim, Evidence

CHUNK = 1 << 18

UNFIT = {  # why a file is not kept, and what would be right
    "empty": _("the file is empty; send the picture again"),
    "too_large": _("the file is larger than %(limit)s MB; send a smaller picture"),
    "too_large_recording": _("the recording is larger than %(limit)s MB; send the part that shows the failure"),
    "unknown_type": _(
        "this is neither a picture nor a screen recording; send a PNG, JPEG, WebP, HEIC, MP4, MOV or WebM file"
    ),
    "other_type": _("this is %(type)s; send a PNG, JPEG, WebP, HEIC, MP4, MOV or WebM file"),
    "too_many_pixels": _("the picture has more than %(limit)s million pixels; send a smaller one"),
    "too_many_frames": _("the animation has %(frames)s pictures, more than %(limit)s; send a still picture"),
    "truncated": _("the picture is cut off before its end; send it again"),
    "damaged": _("the picture is damaged and cannot be opened; take it or export it again"),
    "too_heavy": _("the picture could not be opened with reasonable means; export it again as PNG or JPEG"),
    "too_long": _("the recording lasts longer than %(minutes)s minutes; send the part that shows the failure"),
    "too_many_images": _(
        "the recording has %(frames)s images, more than %(limit)s; send the part that shows the failure"
    ),
    "too_many_pixels_each": _("the recording's images have more than %(limit)s million pixels; send a smaller one"),
    "no_picture": _("there is no moving picture in the file, only sound; send the screen recording itself"),
    "other_codec": _("the recording is coded as %(codec)s; export it as H.264, HEVC, VP9 or AV1"),
    "truncated_recording": _("the recording is cut off before its end; send it again"),
    "damaged_recording": _("the recording is damaged and cannot be opened; export it again as MP4"),
    "too_heavy_recording": _("the recording could not be opened with reasonable means; export it again as MP4"),
}
FINDINGS = {  # what a reviewer should know of a file that was kept
    "taken_inside_windows": _("taken inside the outage, as the file says"),
    "taken_outside_windows": _("taken outside the outage, as the file says"),
    "capture_time_without_zone": _("the file names a local time without its zone"),
    "identical_elsewhere": _("the identical file is on another claim"),
    "near_identical": _("looks the same as another customer's file: a signal, no ground"),
    "edited_with_software": _("went through an editor"),
    "position_data": _("the original holds a position (not shown)"),
    "trailing_data": _("more data stands behind the picture's end"),
    "animated": _("an animation: only its first picture is shown"),
    "damaged_metadata": _("what the file says about itself cannot be read"),
    "truncated": _("cut off: it holds less than it promises"),
    "damaged_recording": _("parts of it are damaged and could not be seen"),
    "unplayable": _("no image of it could be seen"),
    "bomb": _("takes more to unpack than any honest recording: it was not watched to its end"),
}


class EvidenceRefused(Exception):
    """Files that are not kept: each with its name, what is wrong and what would be right."""

    def __init__(self, *errors: str):
        self.errors = list(errors)
        super().__init__("; ".join(errors))


@dataclass(frozen=True)
class Sizes:
    """The largest files that are taken, in bytes."""

    picture: int = files_seen.BYTES_MAX
    recording: int = files_seen.RECORDING_BYTES_MAX


@dataclass(frozen=True)
class Review:
    """What a person made of a file."""

    accept: bool
    reason: str
    ground: str = ""


@dataclass(frozen=True)
class Upload:
    """A file that passed: a copy of its bytes and what they say; `in_full`: nothing is left for a worker to look at."""

    name: str
    copy: IO[bytes]
    size: int
    sha256: str
    said: files_seen.Inspection
    in_full: bool = True


def receive_evidence(
    claim: Claim, *, name: str, content: IO[bytes], by, now: datetime, sizes: Sizes = Sizes()
) -> Evidence:
    """Keep one file on an open claim, which goes back to be assessed; the same file again is the row that is there.

    Raises EvidenceRefused (the file), gate.Refused (the claim or the person; `by` is None for the customer or the console).
    """
    return attach_evidence(claim, files=[(name, content)], by=by, now=now, sizes=sizes)[0]


def attach_evidence(
    claim: Claim,
    *,
    files: Iterable[tuple[str, IO[bytes]]],
    by,
    now: datetime,
    review: Review | None = None,
    wait: bool = False,
    sizes: Sizes = Sizes(),
) -> list[Evidence]:
    """Keep all of the files on the claim or none, and review them at once when `review` says how. Raises as above.

    A recording is watched in full by a worker, or here and now when somebody waits or reviews it.
    """
    if by is not None:
        gate.may(by, "claims.add_evidence")
    wait = wait or review is not None
    with _examined(files, sizes, wait=wait) as uploads, transaction.atomic():
        rows = _keep(claim, uploads, by=by, now=now)
        return rows if review is None else [_reviewed(row, review, by=by, now=now) for row in rows]


def _reviewed(row: Evidence, review: Review, *, by, now: datetime) -> Evidence:
    """Reviewed already with this verdict: unchanged."""
    verdict = Evidence.Status.ACCEPTED if review.accept else Evidence.Status.REJECTED
    if row.status == verdict:
        return row
    return workflow.review_evidence(
        row, accept=review.accept, reason=review.reason, ground=review.ground, by=by, now=now
    )


# --- before anything is kept


@contextmanager
def _examined(files: Iterable[tuple[str, IO[bytes]]], sizes: Sizes, *, wait: bool) -> Iterator[list[Upload]]:
    """Every file copied and examined; the copies vanish at the end, whatever happens."""
    uploads: list[Upload] = []
    errors: list[str] = []
    try:
        for given, content in files:
            name = plain_name(given)
            try:
                uploads.append(_examine(name, content, sizes, wait))
            except files_seen.Unfit as unfit:
                errors.append(f"{name}: {UNFIT[unfit.code] % unfit.details}")
        if errors:
            raise EvidenceRefused(*errors)
        yield uploads
    finally:
        for upload in uploads:
            upload.copy.close()


def _examine(name: str, content: IO[bytes], sizes: Sizes, wait: bool) -> Upload:
    copy = tempfile.TemporaryFile()
    try:
        head = content.read(CHUNK)
        recording = files_seen.is_recording(head)
        size, sha256 = _copied(head, content, copy, sizes.recording if recording else sizes.picture, recording)
        said = probe.examine(copy, "glance" if recording else "inspect")
        if recording and wait:
            watched, findings = inspecting.watch(copy, said.seconds)
            said = watched or replace(said, findings=(*said.findings, *findings))
        return Upload(name, copy, size, sha256, said, in_full=wait or not recording)
    except BaseException:
        copy.close()
        raise


def _copied(chunk: bytes, content: IO[bytes], copy: IO[bytes], limit: int, recording: bool) -> tuple[int, str]:
    """Size and SHA-256 of what was copied, from the first chunk on. Raises Unfit."""
    digest, size = hashlib.sha256(), 0
    while chunk:
        size += len(chunk)
        if size > limit:
            code = "too_large_recording" if recording else "too_large"
            raise files_seen.Unfit(code, limit=f"{limit / (1 << 20):g}")
        digest.update(chunk)
        copy.write(chunk)
        chunk = content.read(CHUNK)
    return size, digest.hexdigest()


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
    claim = Claim.objects.locked().select_related("incident").get(pk=claim.pk)
    rows = {row.sha256: row for row in claim.evidence.filter(sha256__in=[upload.sha256 for upload in uploads])}
    new = {upload.sha256: upload for upload in reversed(uploads) if upload.sha256 not in rows}
    if new and claim.status not in Claim.OPEN:
        status = claim.get_status_display()
        raise Refused("%(claim)s is %(status)s: it takes no more evidence", claim=claim.reference, status=status)
    for sha256 in sorted(new):  # in one order everywhere, so that two who wait never wait for each other
        rows[sha256] = _put(claim, new[sha256], by=by, now=now)
    if new:
        workflow.reopen([claim.pk])
        workflow.answered([claim.pk], reason=str(_("sent evidence")), by=by, now=now)
    return [rows[upload.sha256] for upload in uploads]


def _put(claim: Claim, upload: Upload, *, by, now: datetime) -> Evidence:
    said, sha256 = upload.said, upload.sha256
    outage = current_outage(claim.incident)
    evidence = Evidence.objects.create(
        claim=claim,
        kind=said.kind,
        name=upload.name,
        size=upload.size,
        sha256=sha256,
        original=inspecting.stored(f"originals/{inspecting.place(sha256)}", File(upload.copy)),
        findings=[*said.findings, *files_seen.seen_against(said.captured_at, outage.spans if outage else ())],
        received_by=by,
        received_at=now,
        inspected_at=now if upload.in_full else None,
        **inspecting.seen(said, sha256),
    )
    inspecting.keep_stills(evidence, said)
    if not upload.in_full:
        inspecting.request_inspection(evidence, now=now)
    likenesses.mark(evidence)
    return evidence
