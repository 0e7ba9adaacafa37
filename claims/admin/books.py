"""What the books ask the claims: where an entry comes from, which entries are an incident's, which a person wrote.

The books know these pages and filters only by the names in the settings (LEDGER_ORIGIN, LEDGER_FILTERS, LEDGER_VERIFY).
"""

from __future__ import annotations

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import DropdownFilter

from claims import origins, verifying
from claims.assessment import incidents

STOP_POLLING = 286  # htmx: swap this answer in and ask no more


class IncidentFilter(DropdownFilter):
    """Entries that an incident led to."""

    title, parameter_name = gettext_lazy("incident"), "incident"

    def lookups(self, request, model_admin):
        return [(str(pk), reference) for pk, reference in incidents().order_by("-pk").values_list("pk", "reference")]

    def queryset(self, request, entries):
        return entries.filter(origins.of_incident(int(self.value()))) if (self.value() or "").isdecimal() else entries


class ByHandFilter(admin.SimpleListFilter):
    """Entries that a person wrote, or that followed from a decision, a liquidation or the books' own rules."""

    title, parameter_name = gettext_lazy("how it was posted"), "posted"

    def lookups(self, request, model_admin):
        return [("hand", _("by hand")), ("automatic", _("automatically"))]

    def queryset(self, request, entries):
        if self.value() == "hand":
            return entries.filter(origins.by_hand())
        return entries.exclude(origins.by_hand()) if self.value() == "automatic" else entries


class BooksAsked:
    """The addresses of the page behind an entry, and of the button that has the books verified, under the claims' own."""

    def books_urls(self):
        origin, verify = map(self.admin_site.admin_view, (self.origin_view, self.verify_view))
        return [
            path("entries/<int:pk>/", origin, name="claims_entry_origin"),
            path("verification/", verify, name="claims_verify_books"),
        ]

    def verify_view(self, request):
        """Asks for a verification that a worker carries out; to read: the button, or that one is under way."""
        may_ask = request.user.has_perm(verifying.PERMISSION)
        if not request.user.has_perm("ledger.view_verification") or (request.method == "POST" and not may_ask):
            raise PermissionDenied
        if request.method == "POST":
            verifying.request(by=request.user, now=timezone.now())
            messages.success(request, _("Asked for: a worker verifies the books; the answer will be shown here."))
            return redirect("admin:ledger_verification_changelist")
        job = verifying.latest_job()
        under_way = bool(job and job.state in job.UNFINISHED)
        context = self.admin_site.each_context(request) | {
            "title": _("Verification"),
            "opts": self.opts,
            "job": job,
            "under_way": under_way,
            "ended": "waited" in request.GET and not under_way,
            "may_ask": may_ask,
        }
        status = STOP_POLLING if context["ended"] else 200
        return TemplateResponse(request, "claims/verifying.html", context, status=status)

    def origin_view(self, request, pk):
        """Alone, or as the part that the entry's own page asks for."""
        if not request.user.has_perm("ledger.view_journalentry") or not self.has_view_permission(request):
            raise PermissionDenied
        origin = origins.Origin(get_object_or_404(origins.entries(), pk=pk))
        title = _("Where it comes from")
        return self.framed(request, "claims/origin.html", title=title, subtitle=origin.entry.reference, origin=origin)
