"""What the books ask the claims: where an entry comes from, which entries are an incident's, which a person wrote.

The books know these pages and filters only by the names that the settings give them (LEDGER_ORIGIN, LEDGER_FILTERS).
"""

from __future__ import annotations

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import DropdownFilter

from claims import origins
from claims.assessment import incidents


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


class EntryOrigins:
    """The address of the page behind an entry, under the claims' own."""

    def origin_urls(self):
        view = self.admin_site.admin_view(self.origin_view)
        return [path("entries/<int:pk>/", view, name="claims_entry_origin")]

    def origin_view(self, request, pk):
        """Alone, or as the part that the entry's own page asks for."""
        if not request.user.has_perm("ledger.view_journalentry") or not self.has_view_permission(request):
            raise PermissionDenied
        origin = origins.Origin(get_object_or_404(origins.entries(), pk=pk))
        context = self.admin_site.each_context(request) | {
            "title": _("Where it comes from"),
            "subtitle": origin.entry.reference,
            "opts": self.opts,
            "origin": origin,
        }
        return TemplateResponse(request, "claims/origin.html", context)
