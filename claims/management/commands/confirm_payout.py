"""`confirm_payout BATCH FILE`: what treasury did with a payout, line by line: paid with its reference, or failed and why."""

from __future__ import annotations

from pathlib import Path

from django.utils import timezone

from claims import workflow
from claims.gate import Refused
from claims.management.named import payout_named
from claims.settlement import PostingError
from jobs import progress
from jobs.console import PortalCommand, staff_named


class Command(PortalCommand):
    help = "Take treasury's confirmation of a released payout: columns line, status (paid, failed), reference, reason."
    refusals = (Refused, PostingError)
    nothing = {"rows": 0, "paid": 0, "failed": 0, "unchanged": 0, "rejected": 0, "errors": []}

    def arguments(self, parser):
        parser.add_argument("batch")
        parser.add_argument("file", type=Path)
        parser.add_argument("--by", metavar="USER", help="the manager who brings it")

    def act(self, *, batch, file, by, json, **_options):
        return workflow.confirm_payout(
            payout_named(batch),
            file,
            by=by and staff_named(by),
            now=timezone.now(),
            progress=progress.line(quiet=json),
        )
