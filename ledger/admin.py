"""The books on screen: accounts with their balances, the journal with its transfers. Nothing is written here."""

from __future__ import annotations

from decimal import Decimal

from django.contrib import admin
from django.db.models import DecimalField, F, OuterRef, Subquery, Sum, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from jobs import office
from jobs.sheets import Exports
from ledger.models import Account, JournalEntry, Transfer
from ledger.resources import AccountSheet, JournalSheet

MONEY = DecimalField(max_digits=38, decimal_places=8)


def moved(side: str) -> Coalesce:
    """What was transferred to this side of an account, altogether."""
    rows = Transfer.objects.filter(**{side: OuterRef("pk")}).order_by().values(side)
    return Coalesce(Subquery(rows.annotate(total=Sum("amount")).values("total"), MONEY), Value(Decimal(0), MONEY))


@admin.register(Account)
class AccountAdmin(Exports, office.ReadOnlyScreen):
    resource_classes = [AccountSheet]
    empty_says = _("Accounts open with their first entry: post the seed capital with manage.py post_entry.")
    list_display = ["name", "asset", "debits", "credits", "balance"]
    list_filter = ["asset"]
    list_select_related = ["asset"]
    search_fields = ["name"]
    fields = readonly_fields = ["name", "asset", "debits", "credits", "balance"]
    debits = office.numeric("debited", _("debits"), asset="asset_id")
    credits = office.numeric("credited", _("credits"), asset="asset_id")
    balance = office.numeric("balance_now", _("balance (debits less credits)"), asset="asset_id")

    def get_queryset(self, request):
        accounts = super().get_queryset(request).annotate(debited=moved("debit"), credited=moved("credit"))
        return accounts.annotate(balance_now=F("debited") - F("credited"))


class TransferInline(office.ReadOnlyInline):
    model = Transfer
    fields = readonly_fields = ["line", "debit", "credit", "money"]
    money = office.numeric("amount", _("amount"), asset="asset_id")

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("debit", "credit")


@admin.register(JournalEntry)
class JournalEntryAdmin(Exports, office.ReadOnlyScreen):
    resource_classes = [JournalSheet]
    empty_says = _("The books are empty: post the seed capital with manage.py post_entry.")
    list_display = ["reference", "effective_on", "kind", "description", "moves", "posted_at", "posted_by"]
    list_filter = ["category"]
    list_select_related = ["posted_by"]
    search_fields = ["reference", "description"]
    date_hierarchy = "effective_on"
    ordering = ["-id"]
    fields = [
        "reference",
        "kind",
        "effective_on",
        "description",
        "reverses",
        "transfer_count",
        "posted_at",
        "posted_by",
    ]
    readonly_fields = fields
    inlines = [TransferInline]

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related("transfers__debit", "transfers__credit")

    def get_export_queryset(self, request):
        entries = super().get_export_queryset(request).order_by().values("pk")
        return Transfer.objects.filter(entry__in=entries).select_related("entry", "debit", "credit")

    @display(description=_("category"), ordering="category")
    def kind(self, entry):
        return office.badge("book", entry.get_category_display())

    @display(description=_("debit ← credit"))
    def moves(self, entry):
        rows = ((t.debit.name, t.credit.name, office.cell(t.amount, t.asset_id)) for t in entry.transfers.all())
        return office.lines('<span class="mg-move">{} ← {}</span> {}', rows)
