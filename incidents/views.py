"""The public front: what is disrupted, and each incident's notice."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from incidents.models import Incident


def front(request: HttpRequest) -> HttpResponse:
    """The published incidents, newest first."""
    incidents = Incident.objects.published().prefetch_related("windows")
    return render(request, "incidents/front.html", {"incidents": incidents})


def notice(request: HttpRequest, reference: str) -> HttpResponse:
    """One incident: what broke, when, why, and the rules of its compensation in both languages."""
    incident = get_object_or_404(Incident.objects.published().prefetch_related("windows"), reference=reference)
    context = {"incident": incident, "policy": incident.policies.in_force(), "zone": ZoneInfo(incident.timezone)}
    return render(request, "incidents/notice.html", context)
