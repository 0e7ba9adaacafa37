"""How the journal is narrowed down. Each filter is a condition on entries; none counts anything."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import DropdownFilter

from ledger.forms import people
from ledger.models import Account, Asset, JournalEntry, Seal, Transfer

NOBODY = "0"


class AssetFilter(DropdownFilter):
    """Entries that move an asset."""

    title, parameter_name = gettext_lazy("asset"), "asset"

    def lookups(self, request, model_admin):
        return [(code, code) for code in Asset.objects.values_list("code", flat=True)]

    def queryset(self, request, entries):
        if not self.value():
            return entries
        # By the accounts' own ids: the planner knows how many transfers each has, and they have an index.
        accounts = list(Account.objects.filter(asset=self.value()).values_list("pk", flat=True))
        return entries.filter(pk__in=Transfer.objects.filter(debit__in=accounts).values("entry"))


class PersonFilter(DropdownFilter):
    """Who posted: a person, or a job or command of the operator's."""

    title, parameter_name = gettext_lazy("posted by"), "person"

    def lookups(self, request, model_admin):
        return [*((str(person.pk), person.get_username()) for person in people()), (NOBODY, _("the system"))]

    def queryset(self, request, entries):
        if self.value() == NOBODY:
            return entries.filter(posted_by__isnull=True)
        return entries.filter(posted_by=self.value()) if self.value() else entries


class ReversalFilter(admin.SimpleListFilter):
    """Entries that were reversed, and those that reverse."""

    title, parameter_name = gettext_lazy("reversals"), "reversal"

    def lookups(self, request, model_admin):
        return [("reversed", _("reversed")), ("reverses", _("reverse another"))]

    def queryset(self, request, entries):
        if self.value() == "reversed":
            return entries.filter(pk__in=JournalEntry.objects.filter(reverses__isnull=False).values("reverses"))
        return entries.filter(reverses__isnull=False) if self.value() == "reverses" else entries


class SealFilter(admin.SimpleListFilter):
    """The entries under one seal, or under none yet; offered where a link asked for it."""

    title, parameter_name = gettext_lazy("seal"), "seal"
    NONE = "none"

    def lookups(self, request, model_admin):
        asked = request.GET.get(self.parameter_name, "")
        if asked == self.NONE:
            return [(asked, _("not sealed yet"))]
        known = asked.isascii() and asked.isdecimal() and Seal.objects.filter(pk=asked[:9]).exists()
        return [(asked, asked)] if known else []

    def queryset(self, request, entries):
        if self.value() == self.NONE:
            return entries.filter(sealing__isnull=True)
        return entries.filter(sealing__seal=self.value()) if self.value() else entries
