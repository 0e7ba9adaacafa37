"""`import_orders FILE`: the exchange's closing legs, by order and leg."""

from __future__ import annotations

from pathlib import Path

from django.utils.timezone import now

from incidents import imports
from jobs import progress
from jobs.console import PortalCommand


class Command(PortalCommand):
    help = "Create or correct orders from a CSV file, and the customers and accounts it names."

    def arguments(self, parser):
        parser.add_argument("file", type=Path)
        parser.add_argument("--timezone", default="", metavar="ZONE", help="of times without an offset: Asia/Shanghai")

    def act(self, *, file, timezone, json, **_options):
        return imports.import_orders(file, timezone=timezone, now=now(), progress=progress.line(quiet=json))
