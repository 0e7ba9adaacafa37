"""Assets, accounts, entries, transfers, and the balances that the database keeps of them (its laws: `ledger/laws.py`)."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q, Sum
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from ledger.journal import AVAILABLE, CHART


class Amount(models.DecimalField):
    """Money of one asset; the asset stands beside it."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **(kwargs | {"max_digits": 28, "decimal_places": 8}))


class Asset(models.Model):
    """What a set of accounts is kept in. Locked by whoever takes from the fund, so that takers wait for each other."""

    code = models.CharField(_("code"), max_length=23, primary_key=True)
    decimals = models.PositiveSmallIntegerField(_("decimals"), default=8)

    class Meta:
        verbose_name, verbose_name_plural = _("asset"), _("assets")
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(condition=Q(code__regex=r"^[A-Z0-9]{1,23}$"), name="ledger_asset_code_is_plain"),
            models.CheckConstraint(condition=Q(decimals__lte=8), name="ledger_asset_decimals_at_most_8"),
        ]

    def __str__(self):
        return self.code


class Account(models.Model):
    """One line of the chart of accounts, in one asset, named as hledger and an accountant expect."""

    name = models.CharField(_("account"), max_length=100)
    asset = models.ForeignKey(Asset, models.PROTECT, related_name="accounts", verbose_name=_("asset"))
    available = models.GeneratedField(
        expression=models.Case(models.When(name__in=AVAILABLE, then=True), default=False),
        output_field=models.BooleanField(),
        db_persist=True,
        verbose_name=_("counts towards what is available"),
    )

    class Meta:
        verbose_name, verbose_name_plural = _("account"), _("accounts")
        ordering = ["name", "asset"]
        constraints = [
            models.UniqueConstraint(fields=["name", "asset"], name="account_once_per_asset"),
            models.CheckConstraint(condition=Q(name__in=CHART), name="account_is_in_the_chart"),
        ]
        permissions = [("export_account", "Can export accounts")]

    def __str__(self):
        return f"{self.name} {self.asset_id}"


class JournalEntry(models.Model):
    """One dated business fact, made of transfers. Its reference is unique: the same fact is never booked twice."""

    class Category(models.TextChoices):
        SEED_CAPITAL = "seed_capital", _("seed capital")
        COMPANY_TOPUP = "company_topup", _("company top-up")
        LIQUIDATION_FEE = "liquidation_fee", _("liquidation fee")
        LIQUIDATION_SURPLUS = "liquidation_surplus", _("liquidation surplus")
        BANKRUPTCY_COVER = "bankruptcy_cover", _("bankruptcy cover")
        OUTAGE_COMPENSATION = "outage_compensation", _("outage compensation")
        GOODWILL_BONUS = "goodwill_bonus", _("goodwill bonus")
        FEE_REFUND = "fee_refund", _("fee refund")
        CORRECTION = "correction", _("correction")

    reference = models.CharField(
        _("reference"), max_length=100, unique=True, validators=[RegexValidator(r"^[A-Za-z0-9][A-Za-z0-9._:/#-]*\Z")]
    )
    category = models.CharField(_("category"), max_length=20, choices=Category)
    effective_on = models.DateField(_("effective on"))
    description = models.CharField(_("description"), max_length=200)
    reverses = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="reversed_by", verbose_name=_("reverses")
    )
    transfer_count = models.PositiveSmallIntegerField(
        _("transfers"), help_text=_("an entry is whole from the start, and stays so")
    )
    first_line = models.PositiveSmallIntegerField(
        db_default=1, editable=False, help_text=_("always 1: the key by which an entry has a transfer (laws.py)")
    )
    posted_at = models.DateTimeField(_("posted at"))
    posted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("posted by")
    )

    class Meta:
        verbose_name, verbose_name_plural = _("journal entry"), _("journal entries")
        ordering = ["id"]
        indexes = [models.Index(fields=["effective_on", "id"], name="entry_by_day")]
        constraints = [
            models.CheckConstraint(condition=Q(transfer_count__gt=0, first_line=1), name="entry_has_transfers"),
            models.CheckConstraint(
                condition=Q(category="correction", reverses__isnull=False)
                | (~Q(category="correction") & Q(reverses__isnull=True)),
                name="entry_reversal_is_a_correction",
            ),
        ]
        permissions = [
            ("post_journalentry", "Can post manual entries"),
            ("export_journalentry", "Can export the journal"),
        ]

    def __str__(self):
        return self.reference

    def get_absolute_url(self):
        return reverse("admin:ledger_journalentry_change", args=[self.pk])


class TransferQuerySet(models.QuerySet):
    def effective(self, first: date | None = None, last: date | None = None) -> TransferQuerySet:
        """Of entries that count from `first` to `last`, both days inside; None: no bound."""
        bounds = {"entry__effective_on__gte": first, "entry__effective_on__lte": last}
        return self.filter(**{bound: day for bound, day in bounds.items() if day})

    def as_of(self, moment: datetime | date | None) -> TransferQuerySet:
        """What the books said at an instant (by posting), or what counts up to the end of a day (by effective date)."""
        if isinstance(moment, datetime):
            return self.filter(entry__posted_at__lte=moment)
        return self.effective(last=moment)

    def sums(self) -> dict[tuple[str, str], tuple[Decimal, Decimal]]:
        """Debits and credits by (account, asset), in the order of the chart."""
        sides = [
            {(name, asset): total for name, asset, total in rows}
            for rows in (
                self.order_by().values_list(f"{side}__name", "asset").annotate(total=Sum("amount"))
                for side in ("debit", "credit")
            )
        ]
        return {key: tuple(side.get(key, Decimal(0)) for side in sides) for key in sorted(set().union(*sides))}


class Transfer(models.Model):
    """An amount moves from the credited to the debited account: balanced because it cannot be otherwise."""

    entry = models.ForeignKey(
        JournalEntry, models.PROTECT, related_name="transfers", verbose_name=_("entry"), db_index=False
    )
    line = models.PositiveSmallIntegerField(_("line"))
    # That the accounts are there and of the asset, a law of the database checks without a foreign key's lock (laws.py).
    debit = models.ForeignKey(
        Account, models.PROTECT, related_name="debits", verbose_name=_("debit"), db_constraint=False
    )
    credit = models.ForeignKey(
        Account, models.PROTECT, related_name="credits", verbose_name=_("credit"), db_constraint=False
    )
    amount = Amount(_("amount"))
    asset = models.ForeignKey(
        Asset, models.PROTECT, related_name="+", verbose_name=_("asset"), db_index=False, db_constraint=False
    )

    objects = TransferQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("transfer"), _("transfers")
        ordering = ["entry", "line"]
        constraints = [
            models.UniqueConstraint(fields=["entry", "line"], name="transfer_line_once"),
            models.CheckConstraint(condition=Q(line__gt=0), name="transfer_line_from_one"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="transfer_positive"),
            models.CheckConstraint(condition=~Q(debit=F("credit")), name="transfer_between_two_accounts"),
        ]

    def __str__(self):
        return f"{self.debit} ← {self.credit} {self.amount.normalize():f}"


class Balance(models.Model):
    """What an account has had, kept by the database with each transfer (laws.py) in as many parts as post at once.

    The parts add up to the account; a transaction has its own, so that nobody waits for the fund's cash.
    """

    pk = models.CompositePrimaryKey("account_id", "part")
    account = models.ForeignKey(
        Account, models.PROTECT, related_name="balances", verbose_name=_("account"), db_index=False
    )
    part = models.PositiveSmallIntegerField(_("part"))
    debits = models.DecimalField(_("debits"), max_digits=38, decimal_places=8)
    credits = models.DecimalField(_("credits"), max_digits=38, decimal_places=8)

    class Meta:
        verbose_name, verbose_name_plural = _("balance"), _("balances")

    def __str__(self):
        return f"{self.account}, part {self.part}"
