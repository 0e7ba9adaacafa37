"""Pages of this room outside the back office: the checked way to an evidence file."""

from __future__ import annotations

from pathlib import PurePosixPath

from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.db.models.fields.files import FieldFile
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from claims import byte_ranges
from claims.evidence import SUFFIXES
from claims.models import Evidence, Frame

TYPES = {suffix: content_type for content_type, suffix in SUFFIXES.items()}
PLAYED = {"video/mp4": "video/mp4", "video/quicktime": "video/mp4", "video/webm": "video/webm"}  # as browsers know them
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}


@require_safe
@login_required
@permission_required("claims.view_evidence", raise_exception=True)
def evidence_original(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The file as received, to be saved: its bytes are a stranger's, so no browser is to open it here."""
    evidence = _evidence(request, pk)
    return _sent(evidence, evidence.original, content_type=evidence.content_type, as_attachment=True)


@require_safe
@login_required
@permission_required("claims.view_evidence", raise_exception=True)
def evidence_recording(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The recording as received, for the player of our page, which asks for it part by part."""
    evidence = _evidence(request, pk)
    if evidence.content_type not in PLAYED:
        raise Http404
    tag = f'"{evidence.sha256}"'
    whole = request.headers.get("If-Range", tag) != tag
    try:
        wanted = None if whole else byte_ranges.asked(request.headers.get("Range", ""), evidence.size)
    except byte_ranges.Unsatisfiable:
        return HttpResponse(status=416, headers=SAFE | {"Content-Range": f"bytes */{evidence.size}"})
    content_type = PLAYED[evidence.content_type]
    headers = {"Accept-Ranges": "bytes", "ETag": tag}
    if wanted is None:
        return _sent(evidence, evidence.original, content_type=content_type, as_attachment=True, headers=headers)
    first, end = wanted
    headers |= {
        "Content-Range": f"bytes {first}-{end - 1}/{evidence.size}",
        "Content-Length": str(end - first),
        "Content-Disposition": f'attachment; filename="{_name(evidence, content_type)}"',
    }
    part = byte_ranges.Part(_opened(evidence.original), first, end)
    return StreamingHttpResponse(part, status=206, content_type=content_type, headers=SAFE | headers)


@require_safe
@login_required
@permission_required("claims.view_evidence", raise_exception=True)
def evidence_preview(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Our own small copy, to be looked at."""
    return _shown(_evidence(request, pk))


@require_safe
@login_required
@permission_required("claims.view_evidence", raise_exception=True)
def evidence_frame(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Our own picture out of a recording, to be looked at."""
    if not request.user.is_staff:
        raise PermissionDenied
    frame = get_object_or_404(Frame.objects.select_related("evidence__claim"), pk=pk)
    return _shown(frame.evidence, frame.picture)


def _evidence(request: HttpRequest, pk: int) -> Evidence:
    if not request.user.is_staff:
        raise PermissionDenied
    return get_object_or_404(Evidence.objects.select_related("claim"), pk=pk)


def _shown(evidence: Evidence, picture: FieldFile | None = None) -> FileResponse:
    """A picture that we made, in place."""
    picture = picture or evidence.preview
    content_type = TYPES.get(PurePosixPath(picture.name or "").suffix, "application/octet-stream")
    return _sent(evidence, picture, content_type=content_type, as_attachment=False)


def _sent(
    evidence: Evidence,
    file: FieldFile,
    *,
    content_type: str,
    as_attachment: bool,
    headers: dict[str, str] | None = None,
) -> FileResponse:
    """Named after the claim, with the ending of its real type: what a stranger called it opens nothing."""
    return FileResponse(
        _opened(file),
        as_attachment=as_attachment,
        filename=_name(evidence, content_type),
        content_type=content_type,
        headers=SAFE | (headers or {}),
    )


def _opened(file: FieldFile):
    try:
        return file.open("rb")
    except (FileNotFoundError, ValueError):  # ValueError: no preview
        raise Http404 from None


def _name(evidence: Evidence, content_type: str) -> str:
    return f"{evidence.claim.reference}-{evidence.pk}{SUFFIXES.get(content_type, '.bin')}"
