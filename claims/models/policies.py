"""The published rules of one incident."""

from __future__ import annotations

from functools import cached_property

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from claims import terms


class PolicyQuerySet(models.QuerySet):
    def published(self) -> PolicyQuerySet:
        return self.filter(status=Policy.Status.PUBLISHED)

    def in_force(self) -> Policy | None:
        """The newest published version: the one that assesses from now on."""
        return self.published().order_by("-version").first()


class Policy(models.Model):
    """One version of an incident's compensation policy: a draft until published, frozen after (rules §3)."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("draft")
        PUBLISHED = "published", _("published")

    incident = models.ForeignKey(
        "incidents.Incident", models.PROTECT, related_name="policies", verbose_name=_("incident")
    )
    version = models.PositiveIntegerField(_("version"))
    name = models.CharField(_("name"), max_length=200)
    document = models.JSONField(_("terms"), help_text=_("what the policy's TOML file says"))
    text = models.TextField(_("file"), blank=True, help_text=_("as it was loaded, to the byte; empty: as we write it"))
    sha256 = models.CharField("SHA-256", max_length=64, help_text=_("of the terms in their canonical form"))
    reason = models.TextField(_("reason for this version"), blank=True)

    status = models.CharField(_("status"), max_length=9, choices=Status, default=Status.DRAFT)
    drafted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("drafted by")
    )
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("published by"),
    )
    drafted_at = models.DateTimeField(_("drafted at"))
    published_at = models.DateTimeField(_("published at"), null=True, blank=True)

    objects = PolicyQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("policy"), _("policies")
        ordering = ["incident", "-version"]
        constraints = [
            models.UniqueConstraint(fields=["incident", "version"], name="policy_version_once"),
            models.CheckConstraint(
                condition=Q(status="draft", published_at__isnull=True)
                | Q(status="published", published_at__isnull=False),
                name="policy_published_has_its_instant",
            ),
        ]
        permissions = [("publish_policy", "Can publish a policy"), ("export_policy", "Can export policies")]
        triggers = [
            pgtrigger.Protect(
                name="published_policy_is_frozen",
                operation=pgtrigger.Update | pgtrigger.Delete,
                condition=pgtrigger.Q(old__status="published"),
            )
        ]

    def __str__(self):
        return f"{self.name} v{self.version}"

    def get_absolute_url(self):
        return reverse("admin:claims_policy_change", args=[self.pk])

    @property
    def file(self) -> str:
        """The policy's TOML file: the very one it was loaded from, or the terms as we write them."""
        return self.text or terms.write(self.document)

    @cached_property
    def terms(self) -> terms.Terms:
        return terms.parse(self.document)


class Preview(models.Model):
    """What a policy would come to over its incident's orders, claimed or not: figures for a person, never verdicts."""

    policy = models.ForeignKey(Policy, models.CASCADE, related_name="previews", verbose_name=_("policy"))
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("requested by"),
    )
    requested_at = models.DateTimeField(_("requested at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    result = models.JSONField(_("result"), default=dict)

    class Meta:
        verbose_name, verbose_name_plural = _("preview"), _("previews")
        ordering = ["-requested_at", "-id"]

    def __str__(self):
        return f"{self.policy} {self.requested_at:%Y-%m-%d %H:%M}"

    @property
    def job_key(self) -> str:
        """What its job is called."""
        return f"preview-{self.pk}"
