"""`import_instruments FILE`: what customers trade, by symbol."""

from __future__ import annotations

from pathlib import Path

from django.utils import timezone

from incidents import imports
from jobs import progress
from jobs.console import PortalCommand


class Command(PortalCommand):
    help = "Create or update instruments and their assets from a CSV file."

    def arguments(self, parser):
        parser.add_argument("file", type=Path)

    def act(self, *, file, json, **_options):
        return imports.import_instruments(file, now=timezone.now(), progress=progress.line(quiet=json))
