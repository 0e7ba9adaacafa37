"""`create_payout INCIDENT --asset A --by USER`: propose a batch of everything that is owed and in no payout."""

from __future__ import annotations

from django.utils import timezone

from claims import workflow
from claims.gate import Refused
from claims.management.named import incident_named, payout_told
from claims.settlement import PostingError
from jobs.console import PortalCommand, staff_named


class Command(PortalCommand):
    help = "Propose a payout of every award and goodwill bonus in one asset; another manager releases it."
    refusals = (Refused, PostingError)
    nothing = {"batch": None, "lines": 0, "total": "0"}

    def arguments(self, parser):
        parser.add_argument("incident")
        parser.add_argument("--asset", required=True)
        parser.add_argument("--at-most", type=int, metavar="N", help="only the first N lines")
        parser.add_argument("--by", required=True, metavar="USER", help="the manager who proposes it")

    def act(self, *, incident, asset, at_most, by, **_options):
        batch = workflow.propose_payout(
            incident_named(incident), asset, at_most=at_most, by=staff_named(by), now=timezone.now()
        )
        return payout_told(batch)
