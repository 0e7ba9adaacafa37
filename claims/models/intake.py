"""The helpdesk's files: what was looked at, who confirmed it, what a worker took in of it."""

from __future__ import annotations

from django.conf import settings
from django.core.files.storage import storages
from django.db import models
from django.utils.translation import gettext_lazy as _


def upload_storage():
    return storages["import_export"]


class ContactFile(models.Model):
    """A file of contacts: first only looked at; once a person confirmed it, a worker takes it in slice by slice.

    The file itself is kept until it is taken in, or for a day if nobody confirms it.
    """

    incident = models.ForeignKey("incidents.Incident", models.PROTECT, related_name="+", verbose_name=_("incident"))
    name = models.CharField(_("file name"), max_length=255)
    content = models.FileField(_("file"), storage=upload_storage, upload_to="contacts", max_length=300)
    sha256 = models.CharField("SHA-256", max_length=64)
    timezone = models.CharField(
        _("time zone"), max_length=60, blank=True, help_text=_("of times without an offset; empty: they are refused")
    )
    found = models.JSONField(_("found"), default=dict, help_text=_("what a look at the file found"))

    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("added by"))
    added_at = models.DateTimeField(_("added at"))
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    claims_created = models.PositiveIntegerField(_("claims created"), default=0)
    contacts_added = models.PositiveIntegerField(_("contacts added"), default=0)

    class Meta:
        verbose_name, verbose_name_plural = _("contact file"), _("contact files")
        ordering = ["-added_at", "-id"]

    def __str__(self):
        return self.name

    @property
    def job_key(self) -> str:
        """What its job is called."""
        return f"contacts-{self.pk}"
