"""`assess INCIDENT`: check eligibility and price every open claim, in the background or here."""

from __future__ import annotations

from django.conf import settings
from django.utils import timezone

from claims import workflow
from claims.gate import Refused
from claims.management.named import claim_named, incident_named
from jobs.console import PortalCommand


class Command(PortalCommand):
    help = "Assess an incident's open claims with the policy in force (--wait: here and now, to the end)."
    refusals = (Refused,)
    nothing = {"assessed": 0, "orders": 0, "outcomes": {}, "totals": {}}

    def arguments(self, parser):
        parser.add_argument("incident")
        parser.add_argument("--claim", metavar="REF", help="only this claim")
        parser.add_argument("--wait", action="store_true", help="run it here, to the end")

    def act(self, *, incident, claim, wait, **_options):
        incident = incident_named(incident)
        claim = claim_named(claim, incident) if claim else None
        if not wait:
            job = workflow.queue_assessment(incident, claim=claim, hands=settings.WORKERS, now=timezone.now())
            return self.nothing | {"queued": job.total, "job": job.key}
        done = workflow.assess_now(incident, claim=claim, now=timezone.now())
        return {
            "assessed": done.claims_assessed,
            "orders": sum(done.outcomes.values()),
            "outcomes": done.outcomes,
            "totals": done.totals,
        }
