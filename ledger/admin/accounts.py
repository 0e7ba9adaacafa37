"""The accounts on screen: a tree with a column for each asset; each account opens its statement."""

from __future__ import annotations

from decimal import Decimal

from django.contrib import admin
from django.db.models import DecimalField, F, OuterRef, Subquery, Sum, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from jobs import office
from jobs.sheets import Exports
from ledger.admin.pages import BooksPages
from ledger.forms import AsOfForm, StatementForm
from ledger.models import Account, Balance
from ledger.resources import AccountSheet
from ledger.screens.accounts import MEANING, Tree
from ledger.screens.statement import statement

MONEY = DecimalField(max_digits=38, decimal_places=8)


def kept(column: str) -> Coalesce:
    """The debits or credits of an account now, from its few kept parts."""
    parts = Balance.objects.filter(account=OuterRef("pk")).order_by().values("account")
    return Coalesce(Subquery(parts.annotate(total=Sum(column)).values("total"), MONEY), Value(Decimal(0), MONEY))


@admin.register(Account)
class AccountAdmin(Exports, BooksPages, office.ReadOnlyScreen):
    resource_classes = [AccountSheet]
    list_display = ["name", "asset"]  # of the export, which is this list
    list_filter = ["asset"]

    def get_queryset(self, request):
        accounts = super().get_queryset(request).annotate(debited=kept("debits"), credited=kept("credits"))
        return accounts.annotate(balance_now=F("debited") - F("credited"))

    def changelist_view(self, request, extra_context=None):
        self.may_read(request)
        form = AsOfForm(request.GET or None)
        may_export = self.has_export_permission(request)
        return self.page(
            request, "ledger/accounts.html", _("Accounts"), form=form, tree=Tree.at(form.day), may_export=may_export
        )

    def change_view(self, request, object_id, form_url="", extra_context=None):
        """The account's statement, newest first."""
        self.may_read(request)
        account = self.found(Account.objects.all(), object_id)
        form = StatementForm(request.GET)
        asked = form.asked
        query = request.GET.copy()
        query.pop("below", None)
        return self.page(
            request,
            "ledger/account.html",
            account.name,
            original=account,
            account=account,
            meaning=MEANING.get(account.name, ""),
            others=Account.objects.filter(name=account.name).order_by("asset"),
            form=form,
            asked=asked,
            statement=statement(account, asked),
            query=query.urlencode(),
        )
