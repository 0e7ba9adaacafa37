"""What the desk's pages share: an incident's frame around them, and how a verb's answer is told."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from claims import gate
from claims.settlement import PostingError


class IncidentPages:
    """For screens under an incident's desk."""

    def desk_at(self, route: str, view: Callable, name: str) -> URLPattern:
        return path(f"desk/<str:reference>/{route}", self.admin_site.admin_view(view), name=name)

    def incident_page(self, request, template: str, incident, **more) -> TemplateResponse:
        about = {"title": incident.reference, "subtitle": incident.title, "original": incident, "incident": incident}
        return self.framed(request, template, **about | more)

    @staticmethod
    def told(request, verb: Callable[[], str]) -> bool:
        """Do it and say so in its own words, or say why it is refused. Whether it was done."""
        try:
            messages.success(request, verb())
        except (gate.Refused, PostingError) as refusal:
            messages.error(request, str(refusal))
            return False
        return True
