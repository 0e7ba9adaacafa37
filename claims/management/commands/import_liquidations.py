"""`import_liquidations FILE [--preset binance-forceorders]`: liquidation fees into the fund, bankruptcy cover out of it."""

from __future__ import annotations

from pathlib import Path

from django.utils.timezone import now

from claims import liquidations
from claims.gate import Refused
from claims.inflows import PostingError
from jobs import progress
from jobs.console import PortalCommand, staff_named


class Command(PortalCommand):
    help = "Take in forced liquidations from a CSV file (plain, .gz or .zip) and post each fee and cover once."
    refusals = (Refused, PostingError)
    nothing = {
        "rows": 0, "posted": 0, "unchanged": 0, "mismatched": 0, "rejected": 0, "errors": [], "totals": {},
    }  # fmt: skip

    def arguments(self, parser):
        parser.add_argument("file", type=Path)
        parser.add_argument("--timezone", default="", metavar="ZONE", help="of times without an offset: Asia/Shanghai")
        parser.add_argument(
            "--preset",
            default="",
            choices=liquidations.PRESETS,
            help="binance-forceorders: a recording of the stream; the fee is computed by the instrument's rate",
        )
        parser.add_argument("--by", metavar="USER", help="the manager who posts them")

    def act(self, *, file, timezone, preset, by, json, **_options):
        return liquidations.take_in(
            file,
            preset=preset,
            timezone=timezone,
            by=by and staff_named(by),
            now=now(),
            progress=progress.line(quiet=json),
        )
