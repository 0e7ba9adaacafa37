"""An incident's desk: its policy, its assessments and their progress, and the two buttons that spend money at once."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from claims import workflow
from claims.admin.incident_pages import IncidentPages
from claims.assessment import incidents
from claims.screens import desk
from jobs import shown

STOP_POLLING = 286  # htmx: swap this answer in and ask no more


class Desk(IncidentPages):
    """The desk's addresses, under the claims' own."""

    def desk_urls(self):
        return [
            self.desk_at("", self.desk_view, "claims_desk"),
            self.desk_at("progress/", self.progress_view, "claims_desk_progress"),
            self.desk_at("assess/", self.assess_all_view, "claims_desk_assess"),
            self.desk_at("pause/", self.pause_view, "claims_desk_pause"),
            self.desk_at("resume/", self.resume_view, "claims_desk_resume"),
            self.desk_at("approve/", self.approve_all_view, "claims_desk_approve"),
            self.desk_at("bonuses/", self.bonuses_view, "claims_desk_bonuses"),
        ]

    def desk_view(self, request, reference):
        return self._page(request, "claims/desk.html", self._desk(request, reference))

    def progress_view(self, request, reference):
        """The small fragment that the page asks for every two seconds while a run is under way."""
        found = self._desk(request, reference)
        status = 200 if found.under_way else STOP_POLLING
        return TemplateResponse(
            request, "claims/desk_progress.html", {"desk": found, "ended": not found.under_way}, status=status
        )

    def assess_all_view(self, request, reference):
        found = self._spending(request, reference, "claims.assess_claim", post=True)

        def verb():
            workflow.queue_assessment(found.incident, hands=settings.WORKERS, by=request.user, now=timezone.now())
            return _("The assessment is queued; its progress is shown below.")

        self.told(request, verb)
        return redirect("admin:claims_desk", reference)

    def pause_view(self, request, reference):
        found = self._spending(request, reference, "claims.assess_claim", post=True)

        def verb():
            workflow.pause_assessment(found.incident, by=request.user)
            return _("Paused: what is being assessed is finished, nothing more is begun.")

        self.told(request, verb)
        return redirect("admin:claims_desk", reference)

    def resume_view(self, request, reference):
        found = self._spending(request, reference, "claims.assess_claim", post=True)

        def verb():
            workflow.resume_assessment(found.incident, by=request.user, now=timezone.now())
            return _("The assessment goes on where it stopped.")

        self.told(request, verb)
        return redirect("admin:claims_desk", reference)

    def approve_all_view(self, request, reference):
        """First what it would come to, then, once confirmed, claim by claim through the one gate."""
        found = self._spending(request, reference, "claims.approve_claim")
        if request.method != "POST":
            return self._page(request, "claims/desk_approve.html", found)
        result = workflow.approve_all(found.incident, by=request.user, now=timezone.now())
        totals = ", ".join(f"{shown.number(amount, 2)} {asset}" for asset, amount in sorted(result.totals.items()))
        if result.approved:
            text = ngettext("%(n)s claim approved: %(totals)s.", "%(n)s claims approved: %(totals)s.", result.approved)
            messages.success(request, text % {"n": result.approved, "totals": totals})
        if result.endorsed:
            text = ngettext(
                "%(n)s claim waits for a second manager.", "%(n)s claims wait for a second manager.", result.endorsed
            )
            messages.info(request, text % {"n": result.endorsed})
        return self._page(request, "claims/desk_approved.html", found, result=result)

    def bonuses_view(self, request, reference):
        """First whom it would reach, then, once confirmed, each customer once."""
        found = self._spending(request, reference, "claims.grant_bonus")
        if request.method != "POST":
            return self._page(request, "claims/desk_bonuses.html", found)

        def verb():
            granted, already = workflow.grant_bonuses(found.incident, by=request.user, now=timezone.now())
            totals = ", ".join(f"{shown.number(n, 2)} {a}" for a, n in sorted(workflow.by_asset(granted).items()))
            text = _("Bonuses granted: %(n)s (%(totals)s); customers who had theirs already: %(already)s.")
            return text % {"n": len(granted), "totals": totals or "0", "already": already}

        self.told(request, verb)
        return redirect("admin:claims_desk", reference)

    def _desk(self, request, reference) -> desk.Desk:
        if not self.has_view_permission(request):
            raise PermissionDenied
        incident = get_object_or_404(incidents().prefetch_related("windows"), reference=reference)
        return desk.Desk(incident, request.user, now=timezone.now())

    def _spending(self, request, reference, permission, *, post=False) -> desk.Desk:
        if not request.user.has_perm(permission) or (post and request.method != "POST"):
            raise PermissionDenied
        return self._desk(request, reference)

    def _page(self, request, template, found, **more) -> HttpResponse:
        return self.incident_page(request, template, found.incident, desk=found, **more)
