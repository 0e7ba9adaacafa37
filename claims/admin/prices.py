"""Prices by hand, on screen: what lacks a price, the form for the first person, the button for the second."""

from __future__ import annotations

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from claims import assessment as facts
from claims import workflow
from claims.admin.incident_pages import IncidentPages
from claims.models import GivenPrice, Verdict
from claims.screens import prices


class PriceForm(forms.Form):
    """A bid and an ask, when they were to be had, and where another person can look them up."""

    instrument = forms.TypedChoiceField(label=gettext_lazy("instrument"), coerce=int)
    bid = forms.DecimalField(label=gettext_lazy("bid"), max_digits=28, decimal_places=12)
    ask = forms.DecimalField(label=gettext_lazy("ask"), max_digits=28, decimal_places=12)
    at = forms.DateTimeField(label=gettext_lazy("when it was to be had (UTC)"))
    source = forms.CharField(
        label=gettext_lazy("Where does it come from, so that another person can look it up?"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(self, data=None, *, choices):
        super().__init__(data)
        self.fields["instrument"].choices = choices
        for name in ("bid", "ask"):
            self.fields[name].widget = forms.TextInput(attrs={"inputmode": "decimal"})
        for field in self.fields.values():
            field.widget.attrs |= {"class": "mg-input", "autocomplete": "off"}
        self.fields["at"].widget.attrs["placeholder"] = "2022-11-16 14:30:00"


class HandPrices(IncidentPages):
    """The addresses of an incident's prices by hand, and of the chart behind a verdict, under the claims' own."""

    def price_urls(self):
        def at(route, view, name):
            return path(route, self.admin_site.admin_view(view), name=f"claims_{name}")

        return [
            at("desk/<str:reference>/prices/", self.hand_prices_view, "prices"),
            at("desk/<str:reference>/prices/<int:pk>/confirm/", self.confirm_price_view, "confirm_price"),
            at("desk/<str:reference>/prices/<int:pk>/withdraw/", self.withdraw_price_view, "withdraw_price"),
            at("verdict/<int:pk>/chart/", self.chart_view, "verdict_chart"),
        ]

    def hand_prices_view(self, request, reference):
        """What lacks a price; posted, the price of the first person."""
        incident = self._priced(request, reference)
        page = prices.HandPrices(incident, request.user)
        form = PriceForm(request.POST or None, choices=page.choices)
        if request.method == "POST":
            if not request.user.has_perm("claims.enter_price"):
                raise PermissionDenied
            if form.is_valid() and self._entered(request, incident, form.cleaned_data):
                return redirect("admin:claims_prices", reference)
        return self.incident_page(request, "claims/prices.html", incident, page=page, form=form)

    def confirm_price_view(self, request, reference, pk):
        def verb(price, now):
            workflow.confirm_price(price, by=request.user, now=now)
            return _("Confirmed: the claims that wait for it are assessed within a minute.")

        return self._on_price(request, reference, pk, "claims.confirm_price", verb)

    def withdraw_price_view(self, request, reference, pk):
        def verb(price, now):
            workflow.withdraw_price(price, by=request.user, now=now)
            return _("Withdrawn: it prices nothing any more.")

        return self._on_price(request, reference, pk, "claims.enter_price", verb)

    def chart_view(self, request, pk) -> HttpResponse:
        """The fragment that an order on a claim's page asks for when its chart is opened."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        verdicts = Verdict.objects.select_related("order__instrument", "assessment__policy", "assessment__incident")
        verdict = get_object_or_404(verdicts, pk=pk)
        context = {"chart": facts.chart_of(verdict), "id": f"chart-{pk}", "title": str(verdict.order)}
        return TemplateResponse(request, "incidents/_chart.html", context)

    def _entered(self, request, incident, data) -> bool:
        instrument = get_object_or_404(facts.affected_instruments(incident), pk=data.pop("instrument"))

        def verb():
            workflow.enter_price(incident, instrument, **data, by=request.user, now=timezone.now())
            return _("Entered; another manager is to look it up and confirm it.")

        return self.told(request, verb)

    def _on_price(self, request, reference, pk, permission, verb) -> HttpResponse:
        if request.method != "POST" or not request.user.has_perm(permission):
            raise PermissionDenied
        price = get_object_or_404(GivenPrice, pk=pk, incident__reference=reference)
        self.told(request, lambda: verb(price, timezone.now()))
        return redirect("admin:claims_prices", reference)

    def _priced(self, request, reference):
        if not request.user.has_perm("claims.view_givenprice"):
            raise PermissionDenied
        return get_object_or_404(facts.incidents(), reference=reference)
