"""What auditors take away of the books: accounts with their balances, the journal transfer by transfer."""

from __future__ import annotations

from import_export.fields import Field

from jobs.sheets import Day, Instant, Number, Sheet, Text
from ledger.models import Account, Transfer


class AccountSheet(Sheet):
    """One row an account and asset; the balance is debits less credits."""

    account = Field("name", "account", Text())
    asset = Field("asset_id", "asset", Text())
    debits = Field("debited", "debits", Number())
    credits = Field("credited", "credits", Number())
    balance = Field("balance_now", "balance", Number())

    class Meta:
        model = Account
        fields = export_order = ("account", "asset", "debits", "credits", "balance")


class JournalSheet(Sheet):
    """One row a transfer, as the journal file writes it (interfaces, Files)."""

    entry = Field("entry_id", "entry", Number())
    posted_at = Field("entry__posted_at", "posted_at", Instant())
    effective_on = Field("entry__effective_on", "effective_on", Day())
    category = Field("entry__category", "category", Text())
    reference = Field("entry__reference", "reference", Text())
    description = Field("entry__description", "description", Text())
    debit = Field("debit__name", "debit", Text())
    credit = Field("credit__name", "credit", Text())
    amount = Field("amount", "amount", Number())
    asset = Field("asset_id", "asset", Text())
    seal = Field("entry__sealing__seal_id", "seal", Number())

    class Meta:
        model = Transfer
        fields = export_order = (
            "entry", "posted_at", "effective_on", "category", "reference", "description", "debit", "credit", "amount", "asset",
            "seal",
        )  # fmt: skip

    def filter_export(self, queryset, **kwargs):
        """With all that its rows say, in one question."""
        return super().filter_export(queryset, **kwargs).select_related("entry__sealing", "debit", "credit")
