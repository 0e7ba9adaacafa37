"""Pages of this room outside the back office: the checked way to an evidence file."""

from __future__ import annotations

from pathlib import PurePosixPath

from django.contrib.auth.decorators import login_required, permission_required
from django.core.exceptions import PermissionDenied
from django.db.models.fields.files import FieldFile
from django.http import FileResponse, Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from claims.models import Evidence
from claims.receiving import SUFFIXES

TYPES = {suffix: content_type for content_type, suffix in SUFFIXES.items()}
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}


@require_safe
@login_required
@permission_required("claims.view_evidence", raise_exception=True)
def evidence_original(request: HttpRequest, pk: int) -> FileResponse:
    """The file as received, to be saved: its bytes are a stranger's, so no browser is to open it here."""
    evidence = _evidence(request, pk)
    return _sent(evidence, evidence.original, content_type=evidence.content_type, as_attachment=True)


@require_safe
@login_required
@permission_required("claims.view_evidence", raise_exception=True)
def evidence_preview(request: HttpRequest, pk: int) -> FileResponse:
    """Our own small copy, to be looked at."""
    evidence = _evidence(request, pk)
    content_type = TYPES.get(PurePosixPath(evidence.preview.name or "").suffix, "application/octet-stream")
    return _sent(evidence, evidence.preview, content_type=content_type, as_attachment=False)


def _evidence(request: HttpRequest, pk: int) -> Evidence:
    if not request.user.is_staff:
        raise PermissionDenied
    return get_object_or_404(Evidence.objects.select_related("claim"), pk=pk)


def _sent(evidence: Evidence, file: FieldFile, *, content_type: str, as_attachment: bool) -> FileResponse:
    """Named after the claim, with the ending of its real type: what a stranger called it opens nothing."""
    try:
        opened = file.open("rb")
    except (FileNotFoundError, ValueError):  # ValueError: no preview
        raise Http404 from None
    name = f"{evidence.claim.reference}-{evidence.pk}{SUFFIXES.get(content_type, '.bin')}"
    return FileResponse(opened, as_attachment=as_attachment, filename=name, content_type=content_type, headers=SAFE)
