"""The journal on screen: entries by day, and each with its transfers, its seal and where it comes from."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.urls import reverse
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateFilter
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from jobs import office
from jobs.sheets import Exports
from ledger.admin.filters import AssetFilter, PersonFilter, ReversalFilter, SealFilter
from ledger.admin.pages import BooksPages
from ledger.models import JournalEntry, Transfer
from ledger.resources import JournalSheet


@admin.register(JournalEntry)
class JournalEntryAdmin(Exports, BooksPages, office.ReadOnlyScreen):
    """A million entries are not counted for a page of fifty: the pages go on until there are no more."""

    resource_classes = [JournalSheet]
    empty_says = _("The books are empty: post the seed capital with manage.py post_entry.")
    list_display = ["reference", "effective_on", "kind", "moves", "description", "posted_at", "by"]
    list_select_related = ["posted_by"]
    list_filter_submit = True
    paginator = InfinitePaginator
    show_full_result_count = False
    search_fields = ["reference__exact", "reference__startswith"]
    search_help_text = _("Reference, or how it begins")
    ordering = ["-effective_on", "-id"]

    def get_list_filter(self, request):
        """What this room knows, and what the settings name of others': which incident an entry belongs to, and the like."""
        others = [import_string(name) for name in settings.LEDGER_FILTERS]
        ours = [("category", ChoicesDropdownFilter), *others, AssetFilter, PersonFilter, ReversalFilter, SealFilter]
        return [("effective_on", RangeDateFilter), *ours]

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related("transfers__debit", "transfers__credit")

    def get_export_queryset(self, request):
        entries = super().get_export_queryset(request).order_by().values("pk")
        return Transfer.objects.filter(entry__in=entries).select_related("entry", "debit", "credit")

    def change_view(self, request, object_id, form_url="", extra_context=None):
        self.may_read(request)
        entries = JournalEntry.objects.select_related("posted_by", "reverses", "reversed_by", "sealing__seal")
        entry = self.found(entries, object_id)
        return self.page(
            request,
            "ledger/entry.html",
            entry.reference,
            original=entry,
            entry=entry,
            transfers=entry.transfers.select_related("debit", "credit"),
            seal=getattr(getattr(entry, "sealing", None), "seal", None),
            reversed_by=getattr(entry, "reversed_by", None),
            origin=reverse(settings.LEDGER_ORIGIN, args=[entry.pk]),
        )

    @display(description=_("category"), ordering="category")
    def kind(self, entry):
        return office.badge("book", entry.get_category_display())

    @display(description=_("posted by"), ordering="posted_by")
    def by(self, entry):
        return entry.posted_by or _("the system")

    @display(description=_("debit ← credit"))
    def moves(self, entry):
        rows = ((t.debit.name, t.credit.name, office.cell(t.amount, t.asset_id)) for t in entry.transfers.all())
        return office.lines('<span class="mg-move">{} ← {}</span> {}', rows)
