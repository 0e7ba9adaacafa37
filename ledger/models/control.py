"""What keeps the books honest: closed periods, seals, verifications; and the rates a report is valued at."""

from __future__ import annotations

from datetime import date

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from ledger.models.books import Account, Asset, JournalEntry


class PeriodQuerySet(models.QuerySet):
    def closed(self) -> PeriodQuerySet:
        return self.filter(closed_at__isnull=False)

    def proposed(self) -> PeriodQuerySet:
        return self.filter(closed_at__isnull=True)

    def closed_through(self) -> date | None:
        """The last day on which nothing posts any more; None while every day is open."""
        return self.closed().aggregate(last=models.Max("last_day"))["last"]


class Period(models.Model):
    """Everything up to the end of a day, proposed for closing by one person and closed by another; then it stays closed.

    Closing it stores each account's balance (`ClosingBalance`), and from then on nothing posts on or before that day.
    """

    last_day = models.DateField(_("through"), unique=True)
    prepared_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("proposed by")
    )
    prepared_at = models.DateTimeField(_("proposed at"))
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("closed by")
    )
    closed_at = models.DateTimeField(_("closed at"), null=True, blank=True)

    objects = PeriodQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("period"), _("periods")
        ordering = ["-last_day"]
        constraints = [
            models.CheckConstraint(
                condition=Q(closed_by__isnull=True, closed_at__isnull=True)
                | (Q(closed_by__isnull=False, closed_at__isnull=False) & ~Q(closed_by=F("prepared_by"))),
                name="period_closed_by_two_people",
                violation_error_message=_("A period is closed by somebody else than who proposed it."),
            ),
        ]
        permissions = [("close_period", "Can propose and close periods")]

    def __str__(self):
        return f"{self.last_day:%Y-%m-%d}"


class ClosingBalance(models.Model):
    """An account at the end of a closed period: all its debits and credits through that day. Written by the closing itself."""

    period = models.ForeignKey(Period, models.PROTECT, related_name="balances", verbose_name=_("period"))
    account = models.ForeignKey(Account, models.PROTECT, related_name="closings", verbose_name=_("account"))
    debits = models.DecimalField(_("debits"), max_digits=38, decimal_places=8)
    credits = models.DecimalField(_("credits"), max_digits=38, decimal_places=8)

    class Meta:
        verbose_name, verbose_name_plural = _("closing balance"), _("closing balances")
        ordering = ["period", "account"]
        constraints = [
            models.UniqueConstraint(fields=["period", "account"], name="closing_balance_once"),
        ]

    def __str__(self):
        return f"{self.account}, {self.period}"


class Seal(models.Model):
    """One link of the chain over the journal: the hash of a batch of entries and of the seal before it.

    How it is computed is written down in docs/seals.md, so that others can compute it, too.
    """

    number = models.PositiveIntegerField(_("number"), primary_key=True)
    sealed_at = models.DateTimeField(_("sealed at"))
    entry_count = models.PositiveIntegerField(_("entries"))
    first_entry = models.BigIntegerField(_("first entry"))
    last_entry = models.BigIntegerField(_("last entry"))
    root = models.CharField(_("root"), max_length=64, help_text=_("SHA-256 over the entries' hashes"))
    previous = models.CharField(
        _("previous seal"), max_length=64, unique=True, help_text=_("its hash; of the first: zeros")
    )
    hash = models.CharField(_("seal"), max_length=64, unique=True)

    class Meta:
        verbose_name, verbose_name_plural = _("seal"), _("seals")
        ordering = ["-number"]
        constraints = [
            models.CheckConstraint(condition=Q(entry_count__gt=0, number__gt=0), name="seal_has_entries"),
            *(
                models.CheckConstraint(
                    condition=Q(**{f"{field}__regex": r"^[0-9a-f]{64}$"}), name=f"seal_{field}_is_hex"
                )
                for field in ("root", "previous", "hash")
            ),
        ]

    def __str__(self):
        return f"{self.number}:{self.hash}"


class Sealing(models.Model):
    """Which seal an entry is under. Sealing takes whatever has no such row yet: what commits late is only sealed later."""

    entry = models.OneToOneField(
        JournalEntry, models.PROTECT, primary_key=True, related_name="sealing", verbose_name=_("entry")
    )
    seal = models.ForeignKey(Seal, models.PROTECT, related_name="sealings", verbose_name=_("seal"))

    class Meta:
        verbose_name, verbose_name_plural = _("sealed entry"), _("sealed entries")

    def __str__(self):
        return f"{self.entry_id} under {self.seal_id}"


class Verification(models.Model):
    """One run of `verify_ledger`, kept: when, over how much, and what it found."""

    started_at = models.DateTimeField(_("started at"), db_index=True)
    finished_at = models.DateTimeField(_("finished at"))
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("asked by")
    )
    checked = models.JSONField(_("checked"), help_text=_("how many rows of each kind"))
    problems = ArrayField(models.TextField(), verbose_name=_("problems"), default=list, blank=True)
    problem_count = models.PositiveIntegerField(
        _("problems found"), help_text=_("the first thousand are kept in words")
    )
    last_seal = models.ForeignKey(
        Seal, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("last seal")
    )

    class Meta:
        verbose_name, verbose_name_plural = _("verification"), _("verifications")
        ordering = ["-started_at"]

    def __str__(self):
        return f"{self.started_at:%Y-%m-%d %H:%M}"

    @property
    def ok(self) -> bool:
        return not self.problem_count


class Rate(models.Model):
    """What one unit of an asset was worth in another at an instant, and who says so. A better one is a new row."""

    asset = models.ForeignKey(Asset, models.PROTECT, related_name="+", verbose_name=_("asset"))
    in_asset = models.ForeignKey(Asset, models.PROTECT, related_name="+", verbose_name=_("in"))
    rate = models.DecimalField(_("rate"), max_digits=28, decimal_places=12)
    at = models.DateTimeField(_("as of"))
    source = models.CharField(_("source"), max_length=200, help_text=_("where an auditor can look it up"))
    entered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("entered by")
    )
    entered_at = models.DateTimeField(_("entered at"))

    class Meta:
        verbose_name, verbose_name_plural = _("rate"), _("rates")
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["in_asset", "asset", "-at"], name="rate_in_force")]
        constraints = [
            models.CheckConstraint(condition=Q(rate__gt=0), name="rate_positive"),
            models.CheckConstraint(condition=~Q(asset=F("in_asset")), name="rate_between_two_assets"),
        ]

    def __str__(self):
        return f"1 {self.asset_id} = {self.rate.normalize():f} {self.in_asset_id}, {self.at:%Y-%m-%d %H:%M} UTC"
