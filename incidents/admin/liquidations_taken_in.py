"""The liquidations that came in, on screen: to read, to export; who may, brings in more by a file."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy
from unfold.paginator import InfinitePaginator

from incidents.models import Liquidation
from incidents.resources import LiquidationSheet
from jobs import office
from jobs.sheets import Exports


@admin.register(Liquidation)
class LiquidationAdmin(Exports, office.ReadOnlyScreen):
    """A million of them are not counted for a page of fifty."""

    resource_classes = [LiquidationSheet]
    empty_says = gettext_lazy(
        "No liquidation came in yet: bring in a file above, a long one with manage.py import_liquidations."
    )
    list_before_template = "incidents/liquidations_head.html"
    list_display = [
        "liquidation_id", "happened", "instrument", "account", "side", "at_price", "size", "paid_fee", "left", "lacked",
    ]  # fmt: skip
    list_filter = ["instrument", "side"]
    list_select_related = ["instrument"]
    paginator = InfinitePaginator
    show_full_result_count = False
    search_fields = ["liquidation_id__exact", "account__exact"]
    search_help_text = gettext_lazy("Liquidation or account, in full")
    ordering = ["-id"]
    fields = readonly_fields = list_display
    happened = office.moment("liquidated_at", gettext_lazy("liquidated at"))
    at_price = office.numeric("price", gettext_lazy("price"))
    size = office.numeric("quantity", gettext_lazy("quantity"), least=0)
    paid_fee = office.numeric("fee", gettext_lazy("fee"), asset="instrument__settle_id")
    left = office.numeric("surplus", gettext_lazy("surplus"), asset="instrument__settle_id")
    lacked = office.numeric("bankruptcy_cover", gettext_lazy("bankruptcy cover"), asset="instrument__settle_id")

    def get_export_queryset(self, request):
        return super().get_export_queryset(request).select_related("instrument")
