"""A disruption and its outage windows."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

REFERENCE = RegexValidator(
    r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}\Z", _("Letters, digits, dot, dash and underscore, 40 at most.")
)


class IncidentQuerySet(models.QuerySet):
    def published(self) -> IncidentQuerySet:
        return self.filter(status=Incident.Status.PUBLISHED)


class Incident(models.Model):
    """One disruption, with its outage windows."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("draft")
        PUBLISHED = "published", _("published")

    reference = models.CharField(_("reference"), max_length=40, unique=True, validators=[REFERENCE])
    title = models.CharField(_("title"), max_length=200)
    cause = models.TextField(_("cause"), blank=True)
    timezone = models.CharField(
        _("time zone"), max_length=60, default="UTC", help_text=_("for display only, such as Asia/Shanghai")
    )
    services = ArrayField(models.CharField(max_length=60), verbose_name=_("services"), default=list, blank=True)
    products = ArrayField(
        models.CharField(max_length=40), verbose_name=_("products"), default=list, blank=True, help_text=_("empty: all")
    )
    instruments = ArrayField(
        models.CharField(max_length=40),
        verbose_name=_("instruments"),
        default=list,
        blank=True,
        help_text=_("empty: all"),
    )
    status = models.CharField(_("status"), max_length=9, choices=Status, default=Status.DRAFT)
    declared_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("declared by")
    )
    declared_at = models.DateTimeField(_("declared at"))
    published_at = models.DateTimeField(_("published at"), null=True, blank=True)

    objects = IncidentQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("incident"), _("incidents")
        ordering = ["-declared_at", "-id"]
        permissions = [
            ("publish_incident", "Can declare and publish an incident"),
            ("export_incident", "Can export incidents"),
        ]

    def __str__(self):
        return f"{self.reference} {self.title}"

    def get_absolute_url(self):
        return reverse("admin:incidents_incident_change", args=[self.pk])


class OutageWindow(models.Model):
    """When it was broken: both ends belong to the outage. An empty end: it lasts."""

    incident = models.ForeignKey(Incident, models.PROTECT, related_name="windows", verbose_name=_("incident"))
    starts_at = models.DateTimeField(_("starts at"))
    ends_at = models.DateTimeField(_("ends at"), null=True, blank=True)

    class Meta:
        verbose_name, verbose_name_plural = _("outage window"), _("outage windows")
        ordering = ["starts_at"]
        constraints = [
            models.UniqueConstraint(fields=["incident", "starts_at"], name="outage_window_once"),
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at")),
                name="outage_window_ends_after_it_starts",
                violation_error_message=_("An outage window ends after it starts."),
            ),
        ]

    def __str__(self):
        return (
            f"{self.starts_at:%Y-%m-%d %H:%M:%S} – {self.ends_at:%Y-%m-%d %H:%M:%S}"
            if self.ends_at
            else f"{self.starts_at:%Y-%m-%d %H:%M:%S} –"
        )
