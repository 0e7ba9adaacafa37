"""`approve INCIDENT --by USER`: approve what is payable, claim by claim, through the one gate."""

from __future__ import annotations

from django.utils import timezone

from claims import workflow
from claims.assessment import in_full
from claims.gate import Refused
from claims.management.named import claim_named, incident_named
from claims.settlement import PostingError
from jobs.console import PortalCommand, Refusal, staff_named


class Command(PortalCommand):
    help = "Approve what the assessment in force pays; refuses whoever prepared a claim."
    refusals = (Refused, PostingError)
    nothing = {"approved": 0, "refused": 0, "totals": {}}

    def arguments(self, parser):
        parser.add_argument("incident")
        parser.add_argument("--claim", metavar="REF", help="only this claim")
        parser.add_argument("--by", required=True, metavar="USER", help="the manager who approves")

    def act(self, *, incident, claim, by, **_options):
        incident, by = incident_named(incident), staff_named(by)
        claims = [claim_named(claim, incident)] if claim else workflow.payable_claims(incident)
        try:
            result = workflow.approve_all(incident, claims=claims, by=by, now=timezone.now())
        except Refused as refusal:  # not this claim or that, but this person
            raise Refusal(str(refusal), result={"refused": len(claims)}) from refusal
        return {
            "approved": result.approved,
            "refused": len(result.errors),
            "totals": in_full(result.totals),
            "errors": result.errors,
        } | ({"awaiting_second_manager": result.endorsed} if result.endorsed else {})
