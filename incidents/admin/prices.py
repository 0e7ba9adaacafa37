"""An incident's prices with their proof, on screen: every instrument, then one with its chart, gaps and left-out quotes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from incidents import market, workflow
from incidents.models import AbnormalRange, Incident, Instrument, Quote

LONGEST_GAP = 24 * 3600
STRIDES = 5_000  # a gap is looked for in strides of its length: not in more than so many
AN_INSTRUMENT, A_GAP, A_QUOTE = 20, 100, 50  # to a page


class AbnormalForm(forms.Form):
    """A stretch of time and why its quotes are abnormal."""

    starts_at = forms.DateTimeField(label=gettext_lazy("from (UTC)"))
    ends_at = forms.DateTimeField(label=gettext_lazy("to (UTC), itself included"))
    reason = forms.CharField(
        label=gettext_lazy("Why are these quotes abnormal?"), max_length=2000, widget=forms.Textarea(attrs={"rows": 2})
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.widget.attrs |= {"class": "mg-input", "autocomplete": "off"}
            if name != "reason":
                field.widget.attrs["placeholder"] = "2022-11-16 14:30:00"

    def clean(self):
        super().clean()
        data = self.cleaned_data
        if "starts_at" in data and "ends_at" in data and data["ends_at"] < data["starts_at"]:
            self.add_error("ends_at", _("A range ends after it starts."))
        return data


class Prices:
    """The addresses of an incident's prices, under the incidents' own."""

    def prices_urls(self):
        def at(route, view, name):
            return path(f"prices/{route}", self.admin_site.admin_view(view), name=f"incidents_{name}")

        return [
            at("<str:reference>/", self.prices_view, "prices"),
            at("<str:reference>/<int:pk>/", self.instrument_view, "instrument_prices"),
            at("<str:reference>/<int:pk>/mark/", self.mark_view, "mark_abnormal"),
            at("<str:reference>/range/<int:pk>/unmark/", self.unmark_view, "unmark_abnormal"),
        ]

    def prices_view(self, request, reference):
        incident, outage = self._asked(request, reference)
        instruments = Instrument.objects.affected_by(incident).values_list("pk", flat=True)
        page = Paginator(instruments, AN_INSTRUMENT).get_page(request.GET.get("page"))
        rows = market.overview(outage, list(page)) if outage.spans else []
        return self._prices_page(request, "incidents/prices.html", incident, outage, rows=rows, page=page)

    def instrument_view(self, request, reference, pk):
        incident, outage = self._asked(request, reference)
        return self._instrument(request, incident, outage, pk, AbnormalForm())

    def mark_view(self, request, reference, pk):
        """First what the range would leave out and what it would change, then, once confirmed, the mark."""
        self._may_mark(request)
        incident, outage = self._asked(request, reference)
        form = AbnormalForm(request.POST)
        if not form.is_valid():
            return self._instrument(request, incident, outage, pk, form)
        instrument, data = get_object_or_404(Instrument, pk=pk), form.cleaned_data
        if "confirmed" not in request.POST:
            return self._supposed(request, incident, outage, instrument, form)
        try:
            workflow.mark_abnormal(instrument, **data, by=request.user, now=timezone.now())
            messages.success(request, _("Marked: these quotes price nothing now. The next assessment counts with it."))
        except workflow.Refused as refusal:
            messages.error(request, str(refusal))
        return self._back(request, reference, pk)

    def unmark_view(self, request, reference, pk):
        self._may_mark(request)
        marked = get_object_or_404(AbnormalRange, pk=pk)
        try:
            workflow.unmark_abnormal(marked, reason=request.POST.get("reason", ""), by=request.user)
            messages.success(request, _("Unmarked: these quotes count again from the next assessment on."))
        except workflow.Refused as refusal:
            messages.error(request, str(refusal))
        return self._back(request, reference, marked.instrument_id)

    def _back(self, request, reference, pk) -> HttpResponse:
        """To the instrument's page, with the gap that was asked for."""
        address = reverse("admin:incidents_instrument_prices", args=[reference, pk])
        return redirect(f"{address}?{urlencode({'gap': request.GET['gap']})}" if "gap" in request.GET else address)

    def _instrument(self, request, incident, outage, pk, form) -> HttpResponse:
        instrument = get_object_or_404(Instrument, pk=pk)
        if not outage.spans:
            return redirect("admin:incidents_prices", incident.reference)
        [found] = market.overview(outage, [pk])
        pages = Paginator(range(found.left_out), A_QUOTE).get_page(request.GET.get("page"))
        offset = max(pages.start_index() - 1, 0)
        return self._prices_page(
            request,
            "incidents/instrument_prices.html",
            incident,
            outage,
            instrument=instrument,
            market=found,
            chart=market.chart(outage, instrument, zone=incident.timezone, marks=market.extremes(found)),
            gaps=market.gaps(outage, pk)[:A_GAP],
            left_out=market.left_out(outage, pk, offset=offset, limit=A_QUOTE),
            page=pages,
            ranges=market.ranges_of(instrument),
            history=market.history(instrument, import_string(settings.INCIDENTS_HISTORY)(AbnormalRange._meta.db_table)),
            form=form,
        )

    def _supposed(self, request, incident, outage, instrument, form) -> HttpResponse:
        """What the range would leave out, and what the best prices would become."""
        span = form.cleaned_data["starts_at"], form.cleaned_data["ends_at"]
        [now_is], [would_be] = (
            market.overview(outage, [instrument.pk], supposing=supposing) for supposing in (None, span)
        )
        quotes = Quote.objects.usable().filter(instrument=instrument, at__range=span).count()
        chart = market.chart(outage, instrument, zone=incident.timezone, marks=market.extremes(now_is))
        chart["ranges"] += market.drawn([span])
        return self._prices_page(
            request,
            "incidents/mark_abnormal.html",
            incident,
            outage,
            instrument=instrument,
            form=form,
            span=span,
            quotes=quotes,
            now_is=now_is,
            would_be=would_be,
            chart=chart,
        )

    def _asked(self, request, reference) -> tuple[Incident, market.Outage]:
        """The incident, and its outage as the address and the policy in force want it looked at."""
        if not request.user.has_perm("incidents.view_quote"):
            raise PermissionDenied
        incident = get_object_or_404(Incident.objects.prefetch_related("windows"), reference=reference)
        policy = incident.policies.in_force()
        carry_in = policy.terms.carry_in if policy else market.CARRY_IN
        outage = market.outage(incident, now=timezone.now(), carry_in=carry_in)
        asked = request.GET.get("gap", "")
        seconds = int(asked) if asked.isdecimal() and len(asked) < 6 else 0
        gap = min(seconds, LONGEST_GAP) or int(market.LONG_GAP.total_seconds())
        least = outage.length // timedelta(seconds=STRIDES)
        return incident, replace(outage, gap=timedelta(seconds=max(gap, least)))

    def _may_mark(self, request) -> None:
        if request.method != "POST" or not request.user.has_perm("incidents.mark_abnormal"):
            raise PermissionDenied

    def _prices_page(self, request, template, incident, outage, **more) -> HttpResponse:
        context = {
            "title": incident.reference,
            "subtitle": incident.title,
            "original": incident,
            "incident": incident,
            "outage": outage,
            "gap": int(outage.gap.total_seconds()),
            "is_fullwidth": "1",
        }
        return self.framed(request, template, **context | more)
