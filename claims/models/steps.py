"""What happens to a claim between its contacts and its decision: steps that people take, who has it open, who looks after it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from claims.models.fields import append_only

GONE_AFTER = timedelta(seconds=60)  # three of the twenty seconds after which an open page says that it is still open


class Team(models.Model):
    """People who share a part of the queue."""

    name = models.CharField(_("name"), max_length=60, unique=True)
    members = models.ManyToManyField(
        settings.AUTH_USER_MODEL, related_name="teams", blank=True, verbose_name=_("members")
    )

    class Meta:
        verbose_name, verbose_name_plural = _("team"), _("teams")
        ordering = ["name"]

    def __str__(self):
        return self.name


class Step(models.Model):
    """What a person did with a claim that decides nothing about money: asked, held, released, withdrew, appealed."""

    class Verb(models.TextChoices):
        ASK = "ask", _("asked the customer")
        ANSWER = "answer", _("the customer answered")
        HOLD = "hold", _("put on hold")
        RELEASE = "release", _("taken off hold")
        WITHDRAW = "withdraw", _("withdrawn")
        APPEAL = "appeal", _("appealed")

    claim = models.ForeignKey("claims.Claim", models.PROTECT, related_name="steps", verbose_name=_("claim"))
    verb = models.CharField(_("step"), max_length=8, choices=Verb)
    revision = models.PositiveIntegerField(_("claim revision"), help_text=_("the claim as it was when this was done"))
    reason = models.TextField(_("reason"))
    taken_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("taken by"),
        help_text=_("empty: the customer's own hand"),
    )
    taken_at = models.DateTimeField(_("taken at"))

    class Meta:
        verbose_name, verbose_name_plural = _("step"), _("steps")
        ordering = ["taken_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["claim", "revision"], name="one_step_per_claim_revision"),
            models.UniqueConstraint(
                fields=["claim"],
                condition=Q(verb="appeal"),
                name="one_appeal_per_claim",
                violation_error_message=_("A claim is appealed once."),
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="step_has_a_reason"),
        ]
        triggers = append_only()

    def __str__(self):
        return f"{self.get_verb_display()} {self.taken_at:%Y-%m-%d %H:%M}"


class PresenceQuerySet(models.QuerySet):
    def here(self, now: datetime) -> PresenceQuerySet:
        """Seen a moment ago: an open page says so every twenty seconds."""
        return self.filter(seen_at__gt=now - GONE_AFTER)

    def gone(self, now: datetime) -> PresenceQuerySet:
        return self.filter(seen_at__lte=now - GONE_AFTER)


class Presence(models.Model):
    """Who has a claim open: a soft lock, which warns and keeps nobody out."""

    claim = models.ForeignKey(
        "claims.Claim", models.CASCADE, related_name="present", db_index=False, verbose_name=_("claim")
    )
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("person"))
    since = models.DateTimeField(_("since"))
    seen_at = models.DateTimeField(_("seen at"))

    objects = PresenceQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("presence"), _("presences")
        ordering = ["since"]
        constraints = [models.UniqueConstraint(fields=["claim", "user"], name="present_once")]

    def __str__(self):
        return f"{self.user} {self.since:%H:%M}"


class SavedFilter(models.Model):
    """A question to the queue that a person keeps under a name."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="saved_filters", verbose_name=_("person")
    )
    name = models.CharField(_("name"), max_length=60)
    query = models.CharField(_("filter"), max_length=500, help_text=_("the address's part behind the question mark"))

    class Meta:
        verbose_name, verbose_name_plural = _("saved filter"), _("saved filters")
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="filter_name_once_per_person")]

    def __str__(self):
        return self.name
