"""What the desk's pages share: an incident's frame around them, and how a verb's answer is told."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.template.response import TemplateResponse

from claims import gate
from claims.settlement import PostingError


class IncidentPages:
    """For screens under an incident's desk."""

    def incident_page(self, request, template: str, incident, **more) -> TemplateResponse:
        context = self.admin_site.each_context(request) | {
            "title": incident.reference,
            "subtitle": incident.title,
            "opts": self.opts,
            "original": incident,
            "incident": incident,
        }
        return TemplateResponse(request, template, context | more)

    @staticmethod
    def told(request, verb: Callable[[], str]) -> bool:
        """Do it and say so in its own words, or say why it is refused. Whether it was done."""
        try:
            messages.success(request, verb())
        except (gate.Refused, PostingError) as refusal:
            messages.error(request, str(refusal))
            return False
        return True
