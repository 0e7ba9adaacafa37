"""`import_quotes FILE [--preset NAME]`: best bids and asks."""

from __future__ import annotations

from pathlib import Path

from django.utils.timezone import now

from incidents import imports
from incidents.imports.quotes import PRESETS
from jobs import progress
from jobs.cells import EPOCHS
from jobs.console import PortalCommand


class Command(PortalCommand):
    help = "Add quotes from a CSV file (plain, .gz or .zip); the same file twice adds nothing."

    def arguments(self, parser):
        parser.add_argument("file", type=Path)
        parser.add_argument("--timezone", default="", metavar="ZONE", help="of times without an offset: Asia/Shanghai")
        parser.add_argument(
            "--time-unit", default="", choices=list(EPOCHS), help="instants are epoch numbers in this unit"
        )
        parser.add_argument("--preset", default="", choices=[name for name in PRESETS if name], help="the file's form")
        parser.add_argument(
            "--symbol",
            default="",
            help="of rows that name none; of bitmex-quote, whose files have all, the one to take",
        )

    def act(self, *, file, timezone, time_unit, preset, symbol, json, **_options):
        return imports.import_quotes(
            file,
            timezone=timezone,
            time_unit=time_unit,
            preset=preset,
            symbol=symbol,
            now=now(),
            progress=progress.line(quiet=json),
        )
