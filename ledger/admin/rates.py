"""Rates on screen: what an asset was worth, for reports alone. One is entered with its source, and never changed."""

from __future__ import annotations

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.decorators import display

from jobs import office, shown
from ledger import rates
from ledger.forms import RateForm
from ledger.models import Rate


@admin.register(Rate)
class RateAdmin(office.Screen):
    empty_says = gettext_lazy("No rate is entered: the fund report then values each asset for itself alone.")
    list_display = ["as_of", "said", "source", "entered_by", "entered"]
    list_select_related = ["entered_by"]
    list_filter = [("asset", RelatedDropdownFilter), ("in_asset", RelatedDropdownFilter)]
    fields = readonly_fields = ["said", "as_of", "source", "entered_by", "entered"]
    ordering = ["-at", "-id"]
    as_of = office.moment("at", gettext_lazy("as of"))
    entered = office.moment("entered_at", gettext_lazy("entered at"))

    @display(description=gettext_lazy("rate"), ordering="rate")
    def said(self, row):
        return f"1 {row.asset_id} = {shown.number(row.rate)} {row.in_asset_id}"

    def has_change_permission(self, request, obj=None) -> bool:
        return False

    def add_view(self, request, form_url="", extra_context=None):
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = RateForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                entered = rates.enter(**form.facts, by=request.user, now=timezone.now())
                messages.success(request, _("Entered: %(rate)s. A better one is a new row.") % {"rate": entered})
                return redirect("admin:ledger_rate_changelist")
            except rates.RateError as refusal:
                form.add_error(None, str(refusal))
        return self.framed(request, "ledger/rate.html", title=_("Enter a rate"), form=form)
