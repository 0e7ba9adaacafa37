"""`cancel_payout BATCH --by USER --reason TEXT`: take a proposed payout back."""

from __future__ import annotations

from django.utils import timezone

from claims import workflow
from claims.gate import Refused
from claims.management.named import payout_named, payout_told
from jobs.console import PortalCommand, staff_named


class Command(PortalCommand):
    help = "Cancel a payout that nobody released yet; what it would have paid is free for the next one."
    refusals = (Refused,)
    nothing = {"batch": None, "lines": 0, "total": "0"}

    def arguments(self, parser):
        parser.add_argument("batch")
        parser.add_argument("--by", required=True, metavar="USER")
        parser.add_argument("--reason", required=True)

    def act(self, *, batch, by, reason, **_options):
        cancelled = workflow.cancel_payout(payout_named(batch), reason=reason, by=staff_named(by), now=timezone.now())
        return payout_told(cancelled)
