"""`import_quotes FILE`: best bids and asks."""

from __future__ import annotations

from pathlib import Path

from django.utils.timezone import now

from incidents import imports
from jobs import progress
from jobs.cells import EPOCHS
from jobs.console import PortalCommand


class Command(PortalCommand):
    help = "Add quotes from a CSV file; the same file twice adds nothing."

    def arguments(self, parser):
        parser.add_argument("file", type=Path)
        parser.add_argument("--timezone", default="", metavar="ZONE", help="of times without an offset: Asia/Shanghai")
        parser.add_argument(
            "--time-unit", default="", choices=list(EPOCHS), help="instants are epoch numbers in this unit"
        )
        parser.add_argument("--symbol", default="", help="of rows that name none")

    def act(self, *, file, timezone, time_unit, symbol, json, **_options):
        return imports.import_quotes(
            file,
            timezone=timezone,
            time_unit=time_unit,
            symbol=symbol,
            now=now(),
            progress=progress.line(quiet=json),
        )
