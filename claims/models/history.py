"""What was changed, by whom, from where: written by the database's own triggers (`claims/recording.py`), by nobody else."""

from __future__ import annotations

import json
from decimal import Decimal

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _


class ExactNumbers(json.JSONDecoder):
    """Amounts come back to the last digit."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs | {"parse_float": Decimal})


class Change(models.Model):
    """One row of one table, added, changed or removed. Its keys point nowhere by law: it outlives what it tells of."""

    class Operation(models.TextChoices):
        INSERT = "insert", _("added")
        UPDATE = "update", _("changed")
        DELETE = "delete", _("removed")

    at = models.DateTimeField(_("at"))
    action = models.CharField(
        _("action"), max_length=36, help_text=_("what was done in one go: a request, a command, a task, a transaction")
    )
    kind = models.CharField(_("kind"), max_length=63, help_text=_("the table"))
    operation = models.CharField(_("operation"), max_length=6, choices=Operation)
    object_id = models.BigIntegerField(_("row"))
    claim = models.ForeignKey(
        "claims.Claim",
        models.DO_NOTHING,
        null=True,
        related_name="changes",
        db_constraint=False,
        db_index=False,
        verbose_name=_("claim"),
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DO_NOTHING,
        null=True,
        related_name="+",
        db_constraint=False,
        db_index=False,
        verbose_name=_("person"),
    )
    source = models.JSONField(_("source"), help_text=_("what the screen, command or task said of itself"))
    role = models.CharField(_("database role"), max_length=63)
    client = models.GenericIPAddressField(_("database client"), null=True, help_text=_("empty: on the same machine"))
    application = models.CharField(_("program"), max_length=63, blank=True)
    old = models.JSONField(_("old"), null=True, decoder=ExactNumbers)
    new = models.JSONField(_("new"), null=True, decoder=ExactNumbers)

    class Meta:
        verbose_name, verbose_name_plural = _("change"), _("history")
        ordering = ["-id"]
        default_permissions = ()
        permissions = [("view_history", "Can view the history"), ("export_history", "Can export the history")]
        indexes = [
            models.Index(fields=["claim", "id"], name="change_of_claim", condition=Q(claim__isnull=False)),
            models.Index(fields=["user", "id"], name="change_by_person", condition=Q(user__isnull=False)),
            models.Index(fields=["kind", "object_id"], name="change_of_row"),
            BrinIndex(fields=["at"], name="change_by_day", autosummarize=True),
        ]

    def __str__(self):
        return gettext("change %(number)s") % {"number": self.pk}
