"""`grant_bonuses INCIDENT --by USER`: record the goodwill bonuses that are due."""

from __future__ import annotations

from django.utils import timezone

from claims import workflow
from claims.assessment import in_full
from claims.gate import Refused
from claims.management.named import incident_named
from claims.settlement import PostingError
from jobs.console import PortalCommand, staff_named


class Command(PortalCommand):
    help = "Record the goodwill bonus of every customer who was in touch because of the incident, once."
    refusals = (Refused, PostingError)
    nothing = {"granted": 0, "already": 0, "totals": {}}

    def arguments(self, parser):
        parser.add_argument("incident")
        parser.add_argument("--by", required=True, metavar="USER", help="the manager who grants them")

    def act(self, *, incident, by, **_options):
        granted, already = workflow.grant_bonuses(incident_named(incident), by=staff_named(by), now=timezone.now())
        totals = workflow.by_asset(granted)
        return {
            "granted": len(granted),
            "already": already,
            "totals": in_full(totals),
        }
