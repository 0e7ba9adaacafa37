"""Reports on screen, one page for all rooms: what is asked for, its tables page by page, and the very same as files.

A room registers its reports (`register`) when the admin site collects what it has to show.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from jobs import report_files, shown
from jobs.paper import Asked, Column, Paper, Row, Table, moment

LINES = 50  # of a table on one page
LARGEST_WORKBOOK = 50_000  # rows in one request; more takes minutes and is for the command


@dataclass(frozen=True)
class Kind:
    """One kind of report: who may see it, who may take it away, what is asked for (`fields`), and the one call that answers."""

    name: str
    title: object
    says: object
    make: Callable[..., Paper]
    fields: Callable[[], dict[str, forms.Field]]
    view_permission: str
    export_permission: str


KINDS: dict[str, Kind] = {}


def register(kind: Kind) -> None:
    """Offer this report on the page."""
    KINDS[kind.name] = kind


# --- what may be asked


class MomentField(forms.CharField):
    """A day, or an instant with its offset."""

    def clean(self, value: str) -> date | datetime | None:
        text = super().clean(value).strip()
        try:
            return moment(text) if text else None
        except ValueError:
            raise forms.ValidationError(
                _("Write a day, 2022-11-30, or an instant with its offset, 2022-11-30T12:00:00Z.")
            ) from None


def day(label) -> forms.Field:
    picker = forms.DateInput(attrs={"type": "date", "class": "mg-input"}, format="%Y-%m-%d")
    return forms.DateField(label=label, required=False, widget=picker, input_formats=["%Y-%m-%d"])


def as_of() -> forms.Field:
    typed = forms.TextInput(attrs={"class": "mg-input", "placeholder": "2022-11-30T12:00:00Z", "autocomplete": "off"})
    return MomentField(label=gettext_lazy("as of a day or an instant"), required=False, widget=typed)


def choice(label, codes: list[str], *, none=None) -> forms.Field:
    """One of these; with `none` said, or none of them, else the first unless another is chosen."""
    choices = [*([("", none)] if none is not None else []), *((code, code) for code in codes)]
    widget = forms.Select(attrs={"class": "mg-input"})
    initial = None if none is not None or not codes else codes[0]
    return forms.ChoiceField(label=label, choices=choices, required=none is None, widget=widget, initial=initial)


# --- the pages


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Every report that this person may see, and what it tells."""
    kinds = [kind for kind in KINDS.values() if request.user.has_perm(kind.view_permission)]
    if not kinds:
        raise PermissionDenied
    context = admin.site.each_context(request) | {"title": _("Reports"), "kinds": kinds}
    return TemplateResponse(request, "jobs/reports.html", context)


@require_safe
def report(request: HttpRequest, name: str) -> HttpResponseBase:
    """One report: the form, its tables; or, with ?format=, a file of just that."""
    kind = KINDS.get(name)
    if kind is None:
        raise Http404
    if not request.user.has_perm(kind.view_permission):
        raise PermissionDenied
    form, paper = _answered(kind, request)
    if "format" in request.GET and paper:
        return _taken_away(request, kind, paper)
    context = {
        "title": kind.title,
        "kind": kind,
        "kinds": [each for each in KINDS.values() if request.user.has_perm(each.view_permission)],
        "form": form,
        "tables": [_on_screen(table, request) for table in paper.tables] if paper else [],
        "asked": _query(request),
        "may_export": request.user.has_perm(kind.export_permission),
    }
    return TemplateResponse(request, "jobs/report.html", admin.site.each_context(request) | context)


def _answered(kind: Kind, request: HttpRequest) -> tuple[forms.Form, Paper | None]:
    """The form as it was filled in (or as it begins), and the report, if what was asked can be told."""
    fields = kind.fields()
    begins = {name: field.initial for name, field in fields.items() if field.initial is not None}
    form = forms.Form(begins | {name: request.GET[name] for name in fields if name in request.GET}, label_suffix="")
    form.fields = fields
    if not form.is_valid():
        return form, None
    try:
        return form, kind.make(**{name: value for name, value in form.cleaned_data.items() if value not in ("", None)})
    except Asked as wrong:
        form.add_error(None, str(wrong))
        return form, None


def _taken_away(request: HttpRequest, kind: Kind, paper: Paper) -> HttpResponseBase:
    """The same tables as a file. CSV and JSON are streamed; a workbook is finished first."""
    wanted, table = request.GET["format"], request.GET.get("table", "")
    if not request.user.has_perm(kind.export_permission):
        raise PermissionDenied
    try:
        name = f"{slugify(kind.name)}{f'-{paper.table(table).name}' if table else ''}.{wanted}"
    except Asked:
        raise Http404 from None
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    if wanted in ("csv", "json"):
        pieces = report_files.pieces(paper, wanted, table=table)
        return StreamingHttpResponse(pieces, content_type=report_files.TYPES[wanted], headers=headers)
    if wanted != "xlsx":
        raise Http404
    if sum(len(each.rows) for each in paper.tables) > LARGEST_WORKBOOK:
        messages.error(
            request, _("More than 50,000 rows: take the CSV, or use the command, which writes any workbook.")
        )
        return HttpResponseRedirect(f"{request.path}?{_query(request)}")
    file = tempfile.TemporaryFile()  # noqa: SIM115 the response closes it
    report_files.write(paper, wanted, file)
    file.seek(0)
    return FileResponse(file, content_type=report_files.TYPES[wanted], headers=headers)


def _query(request: HttpRequest, **more: str) -> str:
    """What was asked for, as the end of an address."""
    asked = request.GET.copy()
    for name in ("format", "table", *more):
        asked.pop(name, None)
    for name, value in more.items():
        asked[name] = value
    return asked.urlencode()


# --- tables on screen


@dataclass(frozen=True)
class OnScreen:
    """A page of a table: heads with their side, rows of cells, and the addresses of the pages beside it."""

    table: Table
    heads: list[tuple[object, bool]]
    rows: list[tuple[bool, list[tuple[object, bool]]]]
    page: Page
    earlier: str
    further: str


def _on_screen(table: Table, request: HttpRequest) -> OnScreen:
    turned = f"page_{table.name}"
    page = Paginator(table.rows, LINES).get_page(request.GET.get(turned))
    rows = list(page.object_list)
    columns = [(n, column, _is_right(n, rows)) for n, column in enumerate(table.columns) if column.words]
    return OnScreen(
        table,
        [(column.words, right) for _n, column, right in columns],
        [(table.strong(row), [(_cell(column, row[n], row), right) for n, column, right in columns]) for row in rows],
        page,
        _query(request, **{turned: str(page.previous_page_number())}) if page.has_previous() else "",
        _query(request, **{turned: str(page.next_page_number())}) if page.has_next() else "",
    )


def _is_right(number: int, rows: list[Row]) -> bool:
    return any(isinstance(row[number], Decimal | int) for row in rows)


def _cell(column: Column, value: object, row: Row) -> object:
    """A value as people read it; where it leads somewhere, as a link."""
    text = _words(column, value)
    address = column.link(row) if column.link and value else None
    return format_html('<a class="mg-link" href="{}">{}</a>', address, text) if address else text


def _words(column: Column, value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return format_html('<data class="mg-num" value="{}">{}</data>', f"{value:f}", f"{value:,f}".replace("-", "−"))
    if isinstance(value, datetime):
        return format_html('<span class="mg-instant">{}</span>', shown.exact(value))
    if isinstance(value, date):
        return format_html('<span class="mg-instant">{}</span>', value.isoformat())
    return column.says.get(str(value), value)
