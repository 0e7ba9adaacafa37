"""What we wrote to the customers: one letter an event, kept as it was sent, and the templates that managers edit."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _


class Event(models.TextChoices):
    """What a customer is written about."""

    RECEIPT = "receipt", _("receipt")
    EVIDENCE_NEEDED = "evidence_needed", _("evidence needed")
    OFFER = "offer", _("offer")
    REMINDER = "reminder", _("reminder before an offer expires")
    DECISION = "decision", _("decision")
    PAID = "paid", _("paid")


class LetterTemplate(models.Model):
    """The words of one event in one language; where there is no row, those that the project ships."""

    SUBJECT_AT_MOST = 200

    event = models.CharField(_("event"), max_length=15, choices=Event)
    language = models.CharField(_("language"), max_length=10)
    subject = models.CharField(_("subject"), max_length=SUBJECT_AT_MOST)
    body = models.TextField(_("text"))
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("changed by")
    )
    changed_at = models.DateTimeField(_("changed at"))

    class Meta:
        verbose_name, verbose_name_plural = _("letter template"), _("letter templates")
        ordering = ["event", "language"]
        constraints = [
            models.UniqueConstraint(fields=["event", "language"], name="one_template_per_event_and_language")
        ]

    def __str__(self):
        return f"{self.get_event_display()} ({self.language})"


class LetterQuerySet(models.QuerySet):
    def due(self, now: datetime) -> LetterQuerySet:
        """To be sent now: never tried, or long enough ago."""
        ready = Q(attempts=0)
        for tried, pause in enumerate(Letter.PAUSES, start=1):
            ready |= Q(attempts=tried, tried_at__lte=now - pause)
        return self.filter(ready, status=Letter.Status.WAITS)

    def perhaps_sent(self, now: datetime) -> LetterQuerySet:
        """Given to the mail server by somebody who died, or was cut off, before the answer: only a person can tell."""
        cut_off = ~Q(error="") | Q(tried_at__lt=now - Letter.SENDING_AT_MOST)
        return self.filter(cut_off, status=Letter.Status.SENDING)

    def unsendable(self) -> LetterQuerySet:
        """To a customer of whom we know no e-mail address: somebody has to reach them in another way."""
        return self.filter(status=Letter.Status.UNSENDABLE)

    def astray(self, now: datetime) -> LetterQuerySet:
        """That did not go out for certain, and will not by themselves."""
        return self.filter(status=Letter.Status.FAILED) | self.perhaps_sent(now)


class Letter(models.Model):
    """One letter to one customer. Its key names the event, so that it is written once; its text is what was sent."""

    class Status(models.TextChoices):
        WAITS = "waits", _("to be sent")
        SENDING = "sending", _("being sent")
        SENT = "sent", _("sent")
        FAILED = "failed", _("failed")
        UNSENDABLE = "unsendable", _("no e-mail address")

    PAUSES = (
        timedelta(minutes=5),
        timedelta(minutes=30),
    )  # before the second and the third attempt; there is no fourth
    SENDING_AT_MOST = timedelta(minutes=5)  # after that, who sent it is dead

    claim = models.ForeignKey("claims.Claim", models.PROTECT, related_name="letters", verbose_name=_("claim"))
    event = models.CharField(_("event"), max_length=15, choices=Event)
    key = models.CharField(
        _("key"), max_length=100, unique=True, help_text=_("names the event: it is written about once")
    )
    facts = models.JSONField(_("facts"), default=dict, help_text=_("what the letter tells, as it was then"))
    language = models.CharField(_("language"), max_length=10, blank=True)
    to = models.CharField(_("to"), max_length=254, blank=True)
    subject = models.CharField(_("subject"), max_length=300, blank=True)
    body = models.TextField(_("text"), blank=True)

    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.WAITS)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    error = models.TextField(_("error"), blank=True)
    written_at = models.DateTimeField(_("written at"))
    tried_at = models.DateTimeField(_("tried at"), null=True)
    sent_at = models.DateTimeField(_("sent at"), null=True)

    objects = LetterQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("letter"), _("letters")
        ordering = ["-written_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(status="sent", sent_at__isnull=False) & ~Q(body="") | ~Q(status="sent"),
                name="sent_letter_has_its_text",
            ),
        ]
        indexes = [
            models.Index(
                fields=["status", "tried_at"], name="letter_unsent", condition=~Q(status__in=["sent", "unsendable"])
            ),
            # Counted on the first page.
            models.Index(fields=["id"], name="letter_unsendable", condition=Q(status="unsendable")),
        ]
        permissions = [("send_letter", "Can send a letter again")]

    def __str__(self):
        return f"{self.get_event_display()} {self.claim}"

    def get_absolute_url(self):
        return reverse("admin:claims_letter_change", args=[self.pk])

    def is_doubtful(self, now: datetime) -> bool:
        """Perhaps sent, as `LetterQuerySet.perhaps_sent` finds it."""
        cut_off = self.error or (self.tried_at and self.tried_at < now - self.SENDING_AT_MOST)
        return self.status == self.Status.SENDING and bool(cut_off)
