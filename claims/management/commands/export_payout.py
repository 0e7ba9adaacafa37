"""`export_payout BATCH [--output FILE]`: a released payout's lines for treasury, to be sent back filled in."""

from __future__ import annotations

from django.core.management.base import CommandError
from django.utils import timezone

from claims import treasury
from claims.gate import Refused
from claims.management.named import payout_named
from jobs.console import PortalCommand, staff_named, written_to


class Command(PortalCommand):
    help = "The lines of a released payout as CSV; each time it is handed out is recorded."
    refusals = (Refused,)
    nothing = {"rows": 0}

    def arguments(self, parser):
        parser.add_argument("batch")
        parser.add_argument("--output", metavar="FILE", help="instead of standard output")
        parser.add_argument("--by", metavar="USER", help="who takes it to treasury")

    def act(self, *, batch, output, by, json, **_options):
        if json and not output:
            raise CommandError("--json needs --output FILE: without it the rows are the output", returncode=2)
        batch = payout_named(batch)
        pieces = treasury.hand_out(batch, by=by and staff_named(by), now=timezone.now())
        with written_to(output, self.stdout) as file:
            for piece in pieces:
                file.write(piece)
        return {"rows": batch.line_count, "output": output} if output else {}
