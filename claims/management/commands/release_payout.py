"""`release_payout BATCH --by USER --total "387.92 USDT"`: the second manager hands a payout to treasury."""

from __future__ import annotations

from django.utils import timezone

from claims import workflow
from claims.gate import Refused
from claims.management.named import payout_named, payout_told
from claims.settlement import PostingError
from jobs.console import PortalCommand, staff_named


class Command(PortalCommand):
    help = "Release a proposed payout; its total is typed with the unit, by another manager than who proposed it."
    refusals = (Refused, PostingError)
    nothing = {"batch": None, "lines": 0, "total": "0"}

    def arguments(self, parser):
        parser.add_argument("batch")
        parser.add_argument("--by", required=True, metavar="USER", help="the second manager")
        parser.add_argument("--total", required=True, metavar='"AMOUNT ASSET"', help='such as "387.92 USDT"')

    def act(self, *, batch, by, total, **_options):
        released = workflow.release_payout(
            payout_named(batch), typed_total=total, by=staff_named(by), now=timezone.now()
        )
        return payout_told(released)
