"""What got stuck, as a part of the page of the jobs (settings.JOBS_STUCK): listed, linked, and queued again at a click."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.shortcuts import redirect
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from claims import stuck
from claims.admin.incident_pages import IncidentPages
from claims.workflow.waking import KINDS, queue_again


class StuckWork(IncidentPages):
    """The addresses, under the claims' own."""

    def stuck_urls(self):
        view, again = map(self.admin_site.admin_view, (self.stuck_view, self.queue_again_view))
        return [
            path("stuck/", view, name="claims_stuck"),
            path("stuck/<slug:kind>/", again, name="claims_queue_again"),
        ]

    def stuck_view(self, request):
        if request.method != "GET" or not request.user.has_perm("jobs.view_job"):
            raise PermissionDenied
        now = timezone.now()
        return self.framed(
            request,
            "claims/stuck.html",
            title=_("What got stuck"),
            claims=stuck.found(stuck.claims(now).select_related("incident", "customer"), "submitted_at"),
            letters=stuck.found(stuck.letters(now).select_related("claim"), "written_at"),
            doubtful=stuck.found(stuck.doubtful_letters(now).select_related("claim"), "tried_at"),
            evidence=stuck.found(stuck.evidence(now).select_related("claim"), "received_at"),
            may={kind for kind, (permission, _wake) in KINDS.items() if request.user.has_perm(permission)},
        )

    def queue_again_view(self, request, kind):
        if request.method != "POST" or kind not in KINDS:
            raise PermissionDenied

        def verb():
            n = queue_again(kind, by=request.user, hands=settings.WORKERS, now=timezone.now())
            return ngettext("%(n)s is queued again.", "%(n)s are queued again.", n) % {"n": n}

        self.told(request, verb)
        return redirect("admin:jobs_job_changelist")
