"""Money on its way to the customers: batches that one person proposes and another releases, confirmed line by line (rules §4)."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Cast, Concat, Greatest, Length, LPad
from django.urls import reverse
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from claims.models.fields import Amount, append_only

NUMBER = Cast("id", models.TextField())
# A line that was paid may come back, once; what was said of the payment stays as it was.
ENDED = pgtrigger.Condition(
    """OLD.status <> 'waits' AND NOT (
        OLD.status = 'paid' AND NEW.returned_at IS NOT NULL
        AND (NEW.said, NEW.entry_id, NEW.confirmed_by_id, NEW.confirmed_at)
            IS NOT DISTINCT FROM (OLD.said, OLD.entry_id, OLD.confirmed_by_id, OLD.confirmed_at))"""
)


class PayoutLimit(models.Model):
    """The most that one line and one batch of an asset may pay: what stops a wrong unit. Each change is a new row."""

    asset = models.CharField(_("asset"), max_length=23)
    per_line = Amount(_("per line"))
    per_batch = Amount(_("per batch"))
    reason = models.CharField(_("reason"), max_length=200)
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("set by")
    )
    set_at = models.DateTimeField(_("set at"))

    class Meta:
        verbose_name, verbose_name_plural = _("payout limit"), _("payout limits")
        ordering = ["asset", "-set_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(per_line__gt=0, per_batch__gte=F("per_line")),
                name="payout_limits_are_sound",
                violation_error_message=_("A limit is more than 0, and a batch's is not below a line's."),
            ),
        ]
        permissions = [("set_payout_limit", "Can set payout limits")]
        triggers = append_only()

    def __str__(self):
        return f"{self.asset}: {self.per_line.normalize():f} / {self.per_batch.normalize():f}"


class PayoutBatch(models.Model):
    """Lines of one asset that treasury pays together. Who proposed it does not release it."""

    class Status(models.TextChoices):
        PROPOSED = "proposed", _("waits for a second manager")
        RELEASED = "released", _("with treasury")
        SETTLED = "settled", _("settled")
        CANCELLED = "cancelled", pgettext_lazy("state", "cancelled")

    reference = models.GeneratedField(
        expression=Concat(Value("PAY-"), LPad(NUMBER, Greatest(Length(NUMBER), 6), Value("0"))),
        output_field=models.CharField(max_length=24),
        db_persist=True,
        unique=True,
        verbose_name=_("reference"),
    )
    incident = models.ForeignKey(
        "incidents.Incident", models.PROTECT, related_name="payouts", verbose_name=_("incident")
    )
    asset = models.CharField(_("asset"), max_length=23)
    line_count = models.PositiveIntegerField(_("lines"))
    total = Amount(_("total"))
    status = models.CharField(_("status"), max_length=9, choices=Status, default=Status.PROPOSED)

    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("proposed by")
    )
    proposed_at = models.DateTimeField(_("proposed at"))
    released_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("released by")
    )
    released_at = models.DateTimeField(_("released at"), null=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("ended by"),
        help_text=_("who cancelled it, or brought the last confirmation; empty: the console"),
    )
    ended_at = models.DateTimeField(_("ended at"), null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("payout batch"), _("payout batches")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(condition=Q(total__gt=0, line_count__gt=0), name="payout_pays_something"),
            models.CheckConstraint(
                condition=Q(released_by__isnull=True, released_at__isnull=True)
                | Q(released_by__isnull=False, released_at__isnull=False) & ~Q(released_by=F("proposed_by")),
                name="payout_needs_two_people",
                violation_error_message=_("Who proposed a payout does not release it."),
            ),
            models.CheckConstraint(
                condition=Q(status="proposed", released_at__isnull=True, ended_at__isnull=True)
                | Q(status="released", released_at__isnull=False, ended_at__isnull=True)
                | Q(status="settled", released_at__isnull=False, ended_at__isnull=False)
                | Q(status="cancelled", ended_at__isnull=False),
                name="payout_status_has_its_people",
            ),
        ]
        permissions = [
            ("propose_payout", "Can propose a payout"),
            ("release_payout", "Can release a payout"),
            ("confirm_payout", "Can confirm a payout"),
            ("export_payoutbatch", "Can export payouts"),
        ]
        triggers = [
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="proposed_once",
                fields=["incident", "asset", "line_count", "total", "proposed_by", "proposed_at"],
            ),
            pgtrigger.FSM(
                name="goes_forward",
                field="status",
                transitions=[("proposed", "released"), ("proposed", "cancelled"), ("released", "settled")],
            ),
        ]

    def __str__(self):
        return self.reference

    def get_absolute_url(self):
        return reverse("admin:claims_payoutbatch_change", args=[self.pk])


class PayoutLine(models.Model):
    """One award or goodwill bonus of a batch. Paid at most once, whatever the number of batches it was in."""

    class Status(models.TextChoices):
        WAITS = "waits", _("not confirmed yet")
        PAID = "paid", _("paid")
        FAILED = "failed", _("failed")

    batch = models.ForeignKey(PayoutBatch, models.PROTECT, related_name="lines", verbose_name=_("payout batch"))
    number = models.PositiveIntegerField(_("line"))
    claim = models.ForeignKey("claims.Claim", models.PROTECT, related_name="payouts", verbose_name=_("claim"))
    award = models.ForeignKey(
        "claims.Award", models.PROTECT, null=True, related_name="payouts", db_index=False, verbose_name=_("award")
    )
    bonus = models.ForeignKey(
        "claims.Bonus",
        models.PROTECT,
        null=True,
        related_name="payouts",
        db_index=False,
        verbose_name=_("goodwill bonus"),
    )
    account = models.CharField(_("account"), max_length=64, blank=True, help_text=_("where the customer is paid"))
    amount = Amount(_("amount"))
    asset = models.CharField(_("asset"), max_length=23)

    status = models.CharField(_("status"), max_length=6, choices=Status, default=Status.WAITS)
    said = models.CharField(
        _("reference or reason"), max_length=200, blank=True, help_text=_("treasury's reference, or why it failed")
    )
    entry = models.OneToOneField(
        "ledger.JournalEntry", models.PROTECT, null=True, related_name="payout", verbose_name=_("journal entry")
    )
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("confirmed by"),
        help_text=_("empty: the console"),
    )
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True)

    came_back = models.CharField(
        _("came back"), max_length=200, blank=True, db_default="", help_text=_("why, of a payment that came back")
    )
    returned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("return recorded by")
    )
    returned_at = models.DateTimeField(_("return recorded at"), null=True)

    class Meta:
        verbose_name, verbose_name_plural = _("payout line"), _("payout lines")
        ordering = ["batch", "number"]
        constraints = [
            models.UniqueConstraint(fields=["batch", "number"], name="payout_line_once"),
            models.UniqueConstraint(
                fields=["award"],
                condition=Q(award__isnull=False) & ~Q(status="failed"),
                name="award_paid_once",
                violation_error_message=_("This award is in a payout already."),
            ),
            models.UniqueConstraint(
                fields=["bonus"],
                condition=Q(bonus__isnull=False) & ~Q(status="failed"),
                name="bonus_paid_once",
                violation_error_message=_("This goodwill bonus is in a payout already."),
            ),
            models.CheckConstraint(
                condition=Q(award__isnull=False, bonus__isnull=True) | Q(award__isnull=True, bonus__isnull=False),
                name="payout_line_pays_one_thing",
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="payout_line_positive"),
            models.CheckConstraint(
                condition=Q(status="waits", confirmed_at__isnull=True, entry__isnull=True)
                | Q(status="paid", confirmed_at__isnull=False, entry__isnull=False) & ~Q(said="")
                | Q(status="failed", confirmed_at__isnull=False, entry__isnull=True, returned_at__isnull=True)
                & ~Q(said="")
                | Q(status="failed", confirmed_at__isnull=False, entry__isnull=False, returned_at__isnull=False)
                & ~Q(said=""),
                name="payout_line_says_how_it_ended",
            ),
            models.CheckConstraint(
                condition=Q(came_back="", returned_by__isnull=True, returned_at__isnull=True)
                | Q(status="failed", returned_by__isnull=False, returned_at__isnull=False) & ~Q(came_back=""),
                name="payout_line_says_what_came_back",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="never_deleted", operation=pgtrigger.Delete),
            pgtrigger.ReadOnly(
                name="proposed_once",
                fields=["batch", "number", "claim", "award", "bonus", "account", "amount", "asset"],
            ),
            pgtrigger.Protect(name="ends_once", operation=pgtrigger.Update, condition=ENDED),
        ]

    def __str__(self):
        return f"{self.batch}/{self.number}"

    @property
    def ending(self) -> str:
        """What is to be said of how it ended: treasury's reference, why it failed, why it came back."""
        return gettext("came back: %(reason)s") % {"reason": self.came_back} if self.came_back else self.said


class PayoutFile(models.Model):
    """A file that went to treasury, or came back: who, when, and which."""

    class Way(models.TextChoices):
        TO_TREASURY = "to", _("to treasury")
        FROM_TREASURY = "from", _("from treasury")

    batch = models.ForeignKey(PayoutBatch, models.PROTECT, related_name="files", verbose_name=_("payout batch"))
    way = models.CharField(_("way"), max_length=4, choices=Way)
    line_count = models.PositiveIntegerField(_("lines"))
    sha256 = models.CharField("SHA-256", max_length=64, blank=True, help_text=_("of a file that came in"))
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("by"),
        help_text=_("empty: the console"),
    )
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name, verbose_name_plural = _("payout file"), _("payout files")
        ordering = ["at", "id"]
        triggers = append_only()

    def __str__(self):
        return f"{self.batch} {self.get_way_display()} {self.at:%Y-%m-%d %H:%M}"
