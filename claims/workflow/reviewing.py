"""Accept or reject evidence; the claim is assessed again with it."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from claims import gate
from claims.gate import Refused
from claims.models import Claim, Evidence
from claims.workflow.assessing import queue_assessment, reopen


@transaction.atomic
def review_evidence(evidence: Evidence, *, accept: bool, reason: str, by, now: datetime) -> Evidence:
    """Accept or reject a file, with the reason; the claim goes back to be assessed with it."""
    claim = Claim.objects.select_for_update(of=("self",)).get(pk=evidence.claim_id)
    gate.check("review", claim, by)
    if not reason.strip():
        raise Refused("a review needs a reason")
    verdict = Evidence.Status.ACCEPTED if accept else Evidence.Status.REJECTED
    changed = Evidence.objects.filter(pk=evidence.pk, status=evidence.status).update(
        status=verdict, reason=reason, reviewed_by=by, reviewed_at=now
    )
    if not changed:
        raise Refused("%(file)s was reviewed by somebody else a moment ago; look at it again", file=evidence.name)
    reopen([claim.pk])
    if claim.incident.policies.in_force():
        queue_assessment(claim.incident, claim=claim, now=now)
    evidence.refresh_from_db()
    return evidence
