"""Exports on screen: CSV and XLSX, formulas made harmless, numbers as they are (interfaces, Files)."""

from __future__ import annotations

from decimal import Decimal

from django.contrib import messages
from django.http import HttpResponseRedirect
from django.utils.translation import gettext as _
from import_export.admin import ExportMixin
from import_export.formats.base_formats import CSV, XLSX
from import_export.resources import ModelResource
from import_export.widgets import Widget
from unfold.contrib.import_export.forms import ExportForm

from jobs import shown
from jobs.shown import harmless

LARGEST = 50_000  # rows in one request: some ten seconds and 200 MB; more is for the commands, which stream


class Text(Widget):
    """Words and ids: text in every format."""

    def render(self, value, obj=None, **kwargs) -> str:
        return "" if value is None else str(value)


class Codes(Widget):
    """A list of codes, spaces between them."""

    def render(self, value, obj=None, **kwargs) -> str:
        return " ".join(value or ())


class Number(Widget):
    """An exact number: plain decimals in CSV, a number in a workbook."""

    def render(self, value, obj=None, *, force_native_type=False, **kwargs) -> str | Decimal | int | None:
        if force_native_type:
            return value
        return shown.plain(Decimal(value)) if value is not None else ""


class Instant(Widget):
    """ISO 8601 in UTC, to the microsecond."""

    def render(self, value, obj=None, **kwargs) -> str:
        return "" if value is None else value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Day(Widget):
    """ISO 8601."""

    def render(self, value, obj=None, **kwargs) -> str:
        return "" if value is None else value.isoformat()


class Sheet(ModelResource):
    """One kind of row as a sheet. Every field names one of the widgets above."""

    def export_field(self, field, instance, **kwargs):
        value = super().export_field(field, instance, **kwargs)
        return harmless(value) if isinstance(value, str) and not isinstance(field.widget, Number) else value


class Exports(ExportMixin):
    """An admin whose list can be exported by whoever has the permission `export_…` of its model."""

    export_form_class = ExportForm
    import_export_change_list_template = "admin/import_export/change_list_export.html"

    def get_export_formats(self):
        return [CSV, XLSX]

    def export_action(self, request):
        if request.method == "POST" and self.has_export_permission(request):
            rows = self.get_export_queryset(request).order_by()[: LARGEST + 1].count()
            if rows > LARGEST:
                messages.error(
                    request,
                    _("More than 50,000 rows: filter the list first, or use the export command, which streams."),
                )
                return HttpResponseRedirect(request.get_full_path())
        return super().export_action(request)
