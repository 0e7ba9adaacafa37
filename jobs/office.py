"""What every screen of the back office promises: it shows; it changes nothing unless it says so; it deletes nothing."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from django.contrib.admin import display
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin, TabularInline

from jobs import shown


class NothingDeleted:
    """No deletion for anybody, superusers included: corrections are new rows."""

    actions = None

    def has_delete_permission(self, request, obj=None) -> bool:
        return False


class ReadOnly(NothingDeleted):
    """Rows for the eye only: neither added, changed nor deleted here by anybody."""

    def has_add_permission(self, request, obj=None) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False


class Screen(NothingDeleted, ModelAdmin):
    """A list and its pages."""

    list_per_page = 50
    list_fullwidth = True
    empty_says = ""  # what to do when there is nothing to show yet
    show_facets = False

    def changelist_view(self, request, extra_context=None):
        """Its title is what is in the list, and no call to choose a row."""
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title} | (extra_context or {}))

    def at(self, route: str, view: Callable, name: str) -> URLPattern:
        """The address of a page of its own, named after its rows: `claims_letter_send_again`."""
        rows = f"{self.opts.app_label}_{self.opts.model_name}"
        return path(route, self.admin_site.admin_view(view), name=f"{rows}_{name}")

    def framed(self, request, template: str, **context) -> TemplateResponse:
        """A page of its own, in the frame of the back office."""
        return TemplateResponse(
            request, template, self.admin_site.each_context(request) | {"opts": self.opts} | context
        )


class ReadOnlyScreen(ReadOnly, Screen):
    """A list and its pages, to read."""


class ReadOnlyInline(ReadOnly, TabularInline):
    """Rows inside another row's page, to read."""

    extra = 0
    tab = False
    show_change_link = False


class SuperusersOnly:
    """For the operator: not even seen by the three roles."""

    def has_view_permission(self, request, obj=None) -> bool:
        return request.user.is_active and request.user.is_superuser

    def has_module_permission(self, request) -> bool:
        return self.has_view_permission(request)


def numeric(field: str, description, *, least: int = 2, asset: str = "") -> Callable:
    """A column of numbers, right-aligned in tabular figures; `asset` names the field that stands beside the amount."""

    @display(description=description, ordering=field)
    def column(_admin, row):
        return cell(reach(row, field), reach(row, asset) if asset else "", least)

    return column


def cell(value: Decimal | None, asset: object = "", least: int = 2) -> str:
    text = shown.number(value, least)
    return format_html(
        '<span class="mg-money"><data class="mg-num" value="{}">{}</data> {}</span>', shown.plain(value), text, asset
    )


def moment(field: str, description) -> Callable:
    """A column of instants, to the fraction where there is one."""

    @display(description=description, ordering=field)
    def column(_admin, row):
        return format_html('<span class="mg-instant">{}</span>', shown.exact(reach(row, field)))

    return column


def row_or_404(rows, object_id: str):
    """The row of a page's address; an address that names none, or makes no sense, is not found."""
    if not object_id.isdecimal() or len(object_id) > 18:
        raise Http404(_("There is no such page."))
    return get_object_or_404(rows, pk=int(object_id))


def reach(row, path: str):
    """`order__instrument` of a row, as a query would spell it."""
    for name in path.split("__"):
        row = getattr(row, name, None)
    return row


def badge(code: str, text) -> str:
    """A status: always its words, and a colour besides."""
    return format_html('<span class="mg-badge mg-is-{}">{}</span>', code, text)


def lines(template: str, rows) -> str:
    """One line of a cell for each row."""
    found = format_html_join(SafeString("<br>"), template, rows)
    return format_html("<div>{}</div>", found) if found else "–"
