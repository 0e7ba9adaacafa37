"""The files that facts came from."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class ImportedFile(models.Model):
    """A file whose facts we took in: its name, its SHA-256 and what became of its rows."""

    kind = models.CharField(_("kind"), max_length=20)
    name = models.CharField(_("name"), max_length=255)
    sha256 = models.CharField("SHA-256", max_length=64)
    imported_at = models.DateTimeField(_("imported at"))
    summary = models.JSONField(_("summary"))

    class Meta:
        verbose_name, verbose_name_plural = _("imported file"), _("imported files")
        ordering = ["-imported_at", "-id"]
        indexes = [models.Index(fields=["sha256"], name="imported_file_by_hash")]

    def __str__(self):
        return f"{self.name} ({self.kind})"
