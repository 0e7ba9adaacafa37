"""The history: on the claim as a timeline, and all of it for the auditor, to narrow down and to take away."""

from __future__ import annotations

import re
import tempfile

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import FileResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, RangeDateFilter, RelatedDropdownFilter
from unfold.decorators import display
from unfold.paginator import InfinitePaginator
from unfold.utils import parse_date_str
from unfold.views import ChangeList

from claims import history
from claims.admin.record import OfClaim
from claims.models import Change, Claim
from claims.screens import history as words
from jobs import office, shown

NUMBER = re.compile(r"-?[0-9]{1,18}\Z")  # what is older than the history's first line is below 0


class ClaimHistory:
    """The addresses of the timeline, under the claims' own."""

    def history_urls(self):
        view = self.admin_site.admin_view(self.timeline_view)
        return [path("<int:pk>/timeline/", view, name="claims_claim_timeline")]

    def timeline_view(self, request, pk):
        """A claim's history, or its next part: for the claim's page, which asks for it when it comes into sight, or by itself."""
        if request.method != "GET" or not self.has_view_permission(request):
            raise PermissionDenied
        claim = get_object_or_404(Claim, pk=pk)
        before = request.GET.get("before", "")
        before = int(before) if NUMBER.match(before) else None
        context = {"claim": claim, "timeline": words.timeline(claim, before=before)}
        if request.htmx:
            return TemplateResponse(request, "claims/_timeline.html", context)
        context |= self.admin_site.each_context(request) | {
            "title": claim.reference,
            "opts": self.opts,
            "original": claim,
        }
        return TemplateResponse(request, "claims/history_of_claim.html", context)


class DayFilter(RangeDateFilter):
    """Days in UTC, both inside."""

    def queryset(self, request, changes):
        first, last = (
            parse_date_str(self.used_parameters.get(f"{self.parameter_name}_{end}") or "") for end in ("from", "to")
        )
        return history.between(first, last, changes)


class KindFilter(DropdownFilter):
    """The rows of one table."""

    title, parameter_name = _("kind"), "kind"

    def lookups(self, request, model_admin):
        return words.kinds()

    def queryset(self, request, changes):
        return changes.filter(kind=self.value()) if self.value() else changes


class HistoryList(ChangeList):
    """A page of the history, in words."""

    result_list: list[Change]

    def get_results(self, request):
        super().get_results(request)
        changes = list(self.result_list)
        for change, line in zip(changes, words.in_words(changes), strict=True):
            change.line = line
        self.result_list = changes


@admin.register(Change)
class HistoryAdmin(OfClaim, office.ReadOnlyScreen):
    """Millions of changes are not counted for a page of fifty."""

    empty_says = _("Nothing was changed yet.")
    list_display = ["instant", "person", "place", "what", "of_claim", "parts"]
    list_display_links = ["instant"]
    list_filter = [
        ("at", DayFilter),
        KindFilter,
        ("operation", ChoicesDropdownFilter),
        ("user", RelatedDropdownFilter),
    ]
    list_filter_submit = True
    list_select_related = ["user", "claim"]
    list_before_template = "claims/history_head.html"
    paginator = InfinitePaginator
    show_full_result_count = False
    search_fields = ["claim__reference__exact", "action__exact"]
    search_help_text = _("A claim's reference, or an action")
    ordering = ["-id"]
    fields = readonly_fields = [
        "instant", "person", "place", "why", "what", "of_claim", "parts", "before", "after", "action", "role", "client",
        "application",
    ]  # fmt: skip
    instant = office.moment("at", _("at"))

    def has_view_permission(self, request, obj=None):
        return request.user.has_perm("claims.view_history")

    def has_module_permission(self, request):
        return self.has_view_permission(request)

    def get_changelist(self, request, **kwargs):
        return HistoryList

    def changelist_view(self, request, extra_context=None):
        may_export = request.user.has_perm("claims.export_history")
        extra = {
            "title": _("History"),
            "file": f"{reverse('admin:claims_history_file')}?{request.GET.urlencode()}" if may_export else "",
        }
        return super().changelist_view(request, extra | (extra_context or {}))

    def get_urls(self):
        view = self.admin_site.admin_view(self.file_view)
        return [path("history.csv", view, name="claims_history_file"), *super().get_urls()]

    def file_view(self, request):
        """The very changes that the list shows, all pages of them; through a temporary file, which holds no query open."""
        if request.method != "GET" or not request.user.has_perm("claims.export_history"):
            raise PermissionDenied
        changes = self.get_changelist_instance(request).get_queryset(request)
        file = tempfile.TemporaryFile()  # noqa: SIM115 the response closes it
        history.write(changes, file)
        file.seek(0)
        return FileResponse(file, as_attachment=True, filename="history.csv", content_type="text/csv; charset=utf-8")

    @display(description=_("person"))
    def person(self, change):
        return words.who(change)

    @display(description=_("from where"))
    def place(self, change):
        return words.where(change)

    @display(description=_("reason"))
    def why(self, change):
        return change.source.get("reason") or "–"

    @display(description=_("what"))
    def what(self, change):
        kind = words.kind_in_words(change.kind)
        return format_html("<div>{} #{}<br>{}</div>", kind, change.object_id, change.get_operation_display())

    @display(description=_("changes"))
    def parts(self, change):
        line = getattr(change, "line", None) or words.in_words([change])[0]
        if line.is_update:
            rows = ((part.name, part.old, part.new) for part in line.parts)
            told = office.lines('<span class="mg-dim">{}</span> {} → {}', rows)
        else:
            said = ((part.name, part.old if line.is_gone else part.new) for part in line.parts)
            told = format_html_join(", ", '<span class="mg-dim">{}</span> {}', said)
        return format_html("<div>{}</div>", told or "–")

    @display(description=_("old"))
    def before(self, change):
        return _told(change.old)

    @display(description=_("new"))
    def after(self, change):
        return _told(change.new)


def _told(values: dict | None) -> str:
    """Column by column, as the database has them."""
    rows = (
        (column, shown.plain(value) if hasattr(value, "as_tuple") else value)
        for column, value in (values or {}).items()
    )
    return office.lines('<span class="mg-mono">{}: {}</span>', rows)
