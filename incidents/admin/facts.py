"""The imported facts, on screen, to read."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy

from incidents.models import Account, Asset, Customer, ImportedFile, Instrument, Order, Quote
from jobs import office


@admin.register(Order)
class OrderAdmin(office.ReadOnlyScreen):
    empty_says = gettext_lazy("Orders come from the trading engine's file: manage.py import_orders FILE.")
    list_display = [
        "__str__",
        "customer",
        "instrument",
        "side",
        "size",
        "entry",
        "opened",
        "exit",
        "closed",
        "close_reason",
    ]
    list_filter = ["side", "close_reason", "instrument"]
    list_select_related = ["customer", "instrument"]
    search_fields = ["order_id__exact", "customer__code__exact", "account__code__exact"]
    search_help_text = gettext_lazy("Order, customer or account")
    fields = [
        "order_id", "leg", "customer", "account", "instrument", "side", "size", "entry", "opened", "exit", "closed",
        "close_reason", "profit_at", "stop_at", "tpsl_set", "tpsl_cancelled", "pnl", "fee", "cover",
    ]  # fmt: skip
    readonly_fields = fields
    size = office.numeric("quantity", gettext_lazy("quantity"), least=0)
    entry = office.numeric("entry_price", gettext_lazy("entry price"))
    exit = office.numeric("exit_price", gettext_lazy("exit price"))
    profit_at = office.numeric("take_profit", gettext_lazy("take profit"))
    stop_at = office.numeric("stop_loss", gettext_lazy("stop loss"))
    pnl = office.numeric("realized_pnl", gettext_lazy("realised PnL"), asset="instrument__settle_id")
    fee = office.numeric("liquidation_fee", gettext_lazy("liquidation fee"), asset="instrument__settle_id")
    cover = office.numeric("bankruptcy_cover", gettext_lazy("bankruptcy cover"), asset="instrument__settle_id")
    opened = office.moment("opened_at", gettext_lazy("opened at"))
    closed = office.moment("closed_at", gettext_lazy("closed at"))
    tpsl_set = office.moment("tpsl_set_at", gettext_lazy("TP/SL set at"))
    tpsl_cancelled = office.moment("tpsl_cancelled_at", gettext_lazy("TP/SL cancelled at"))


@admin.register(Quote)
class QuoteAdmin(office.ReadOnlyScreen):
    empty_says = gettext_lazy("Quotes come from a file: manage.py import_quotes FILE.")
    list_display = ["instant", "instrument", "best_bid", "best_ask"]
    list_filter = ["instrument"]
    list_select_related = ["instrument"]
    fields = readonly_fields = ["instrument", "instant", "best_bid", "best_ask"]
    instant = office.moment("at", gettext_lazy("at"))
    best_bid = office.numeric("bid", gettext_lazy("bid"))
    best_ask = office.numeric("ask", gettext_lazy("ask"))


class AccountInline(office.ReadOnlyInline):
    model = Account
    fields = readonly_fields = ["code"]


@admin.register(Customer)
class CustomerAdmin(office.ReadOnlyScreen):
    empty_says = gettext_lazy(
        "Customers come with their orders and contacts: manage.py import_orders, import_contacts."
    )
    list_display = ["code", "name", "email", "language"]
    search_fields = ["code", "name", "email", "accounts__code__exact"]
    search_help_text = gettext_lazy("Code, name, e-mail or account")
    inlines = [AccountInline]


@admin.register(Instrument)
class InstrumentAdmin(office.ReadOnlyScreen):
    empty_says = gettext_lazy("Instruments come from a file: manage.py import_instruments FILE.")
    list_display = ["symbol", "product", "margin", "base", "quote", "settle", "value", "fee_rate"]
    fields = readonly_fields = list_display
    value = office.numeric("contract_value", gettext_lazy("contract value"), least=0)
    fee_rate = office.numeric("liquidation_fee_rate", gettext_lazy("liquidation fee rate"), least=0)


@admin.register(Asset)
class AssetAdmin(office.ReadOnlyScreen):
    list_display = ["code", "decimals"]


@admin.register(ImportedFile)
class ImportedFileAdmin(office.ReadOnlyScreen):
    empty_says = gettext_lazy("No file was imported yet.")
    list_display = ["imported_at", "kind", "name", "sha256"]
    list_filter = ["kind"]
    search_fields = ["name", "sha256"]
    search_help_text = gettext_lazy("File name or SHA-256")
