"""Liquidation ratios, and the page that explains why an account was liquidated (rules §6)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.urls import path
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from incidents import account_file, market, replays, workflow
from incidents.account_file import AccountFileError
from incidents.explanation import Explanation
from incidents.forms import FileForm, Sheet
from incidents.letter import letter
from incidents.models import Incident, Instrument, LiquidationRatio, Order, OutageWindow
from incidents.windows import merge
from jobs import office, shown

BEFORE, AFTER = timedelta(minutes=15), timedelta(minutes=5)  # of a liquidation, on its chart
AROUND = timedelta(hours=1)  # where there was none
CHARTS = 5
LETTERS = (("en", "English"), ("zh-hans", "中文"))


@admin.register(LiquidationRatio)
class LiquidationRatioAdmin(office.Screen):
    """A ratio is entered by a manager and stays; a correction is a later one."""

    list_display = ["since", "percent", "source"]
    fields = ["effective_at", "ratio", "source"]
    since = office.moment("effective_at", gettext_lazy("in force from"))
    list_before_template = "incidents/ratios_head.html"

    @display(description=gettext_lazy("ratio"), ordering="ratio")
    def percent(self, row):
        return f"{shown.number(row.ratio * 100)} %"

    def has_change_permission(self, request, obj=None) -> bool:
        return False

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "source":
            field.required, field.widget = True, UnfoldAdminTextareaWidget(attrs={"rows": 2})
            field.help_text = gettext_lazy("Where it is announced.")
        if db_field.name == "ratio":
            field.help_text = gettext_lazy("A share of the used margin, such as 0.40.")
        return field

    def save_model(self, request, obj, form, change):
        facts = {name: getattr(obj, name) for name in self.fields}
        obj.pk = workflow.enter_ratio(**facts, by=request.user).pk

    def get_urls(self):
        explain = self.admin_site.admin_view(self.explain_view)
        return [path("explain/", explain, name="incidents_explain_liquidation"), *super().get_urls()]

    def explain_view(self, request):
        """An account, typed in or given as a file; then the same page with the answer, and with all that was typed."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        do, file, sheet, document = request.POST.get("do"), FileForm(), _begun(request), None
        if do == "file":
            file = FileForm(request.POST, request.FILES)
            if document := file.document():
                sheet = Sheet.filled(document)
        elif request.method == "POST":
            sheet = Sheet.posted(request.POST)
            document = sheet.document if do == "replay" else None
        answer = _answer(sheet, document) if document else None
        found = {"sheet": sheet, "file": file, "answer": answer, "added": do == "add"}
        return self.framed(request, "incidents/explain.html", title=_("Why was it liquidated?"), **found)


def _begun(request) -> Sheet:
    """An empty sheet, or one begun with the order that a claim's page names."""
    named = request.GET.get("order", "")
    if not (
        named.isascii() and named.isdecimal() and len(named) < 19 and request.user.has_perm("incidents.view_order")
    ):
        return Sheet.empty()
    order = Order.objects.select_related("account", "instrument").filter(pk=named).first()
    return Sheet.of_order(order) if order else Sheet.empty()


def _answer(sheet: Sheet, document: dict) -> dict | None:
    """What the page shows of the replay; none if the account is not right: the sheet says where."""
    try:
        found = replays.explain(document)
    except AccountFileError as error:
        sheet.blame(error.wrong)
        return None
    return {
        "found": found,
        "percent": found.account.ratio * 100,
        "charts": list(_charts(found)),
        "letters": list(_letters(found)),
        "text": account_file.write(document),
    }


def _letters(found: Explanation) -> Iterator[dict]:
    for language, name in LETTERS:
        with translation.override(language):
            yield {"language": language, "name": name, "text": letter(found)}


def _charts(found: Explanation) -> Iterator[dict]:
    """Bid, ask and mid around the liquidations, or around where the account was nearest to one; a chart for each symbol."""
    first, last = found.nearest_at - AROUND, found.nearest_at + AROUND
    if found.closings:
        first, last = found.closings[0].at - BEFORE, found.closings[-1].at + AFTER
    stretch = max(found.document["from"], first), min(found.document["to"], last)
    shown_first = [closing.position.symbol for closing in found.closings] or [
        row.position.symbol for row in found.limits
    ]
    outage = market.Outage(_outages(*stretch))
    for symbol in list(dict.fromkeys(shown_first))[:CHARTS]:
        instrument = Instrument.objects.get(symbol=symbol)
        chart = market.chart(outage, instrument, zone="UTC", marks=_marks(found, symbol), stretch=stretch)
        yield {"id": f"chart-{instrument.pk}", "title": symbol, "chart": chart | {"lines": _lines(found, symbol)}}


def _outages(start: datetime, end: datetime) -> tuple:
    """The outage windows of published incidents, as far as they lie in this time."""
    windows = OutageWindow.objects.filter(incident__status=Incident.Status.PUBLISHED, starts_at__lte=end)
    spans = [(max(start, row.starts_at), min(end, row.ends_at or end)) for row in windows]
    return merge(span for span in spans if span[0] <= span[1])


def _marks(found: Explanation, symbol: str) -> list[dict]:
    words = _("%(n)s. closed")
    closings = [closing for closing in found.closings if closing.position.symbol == symbol]
    return [market.mark(each.at, each.price, words % {"n": each.number}, "event") for each in closings]


def _lines(found: Explanation, symbol: str) -> list[dict]:
    """Liquidation prices as they were at the moment, or as it began for what was not closed; and where nothing was left."""
    closed = [closing.position for closing in found.closings]
    lines = [(_("Liquidation price"), each.position, each.limit) for each in found.closings]
    lines += [
        (_("Liquidation price"), row.position, row.liquidation) for row in found.limits if row.position not in closed
    ]
    lines += [(_("Bankruptcy price"), row.position, row.bankruptcy) for row in found.limits if found.cover]
    return [
        {"price": shown.plain(price), "label": f"{name} {shown.number(price, 2)}"}
        for name, position, price in lines
        if position.symbol == symbol and price is not None
    ]
