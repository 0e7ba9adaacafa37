"""The first page after signing in: what waits, for whom, and where to go on."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from claims.screens import today
from jobs import pulse


def dashboard(request: HttpRequest, context: dict) -> dict:
    """unfold's DASHBOARD_CALLBACK."""
    context["title"] = _("Today")
    if request.user.has_perm("claims.view_claim"):
        context["today"] = today.Today(request.user, now=timezone.now())
    if request.user.has_perm("jobs.view_job"):
        context["health"] = pulse.health(wanted=settings.WORKERS, now=timezone.now())
    return context
