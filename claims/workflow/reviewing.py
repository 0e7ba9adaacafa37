"""Accept or reject evidence; the claim is assessed again with it."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import override

from claims import gate
from claims.gate import Refused
from claims.models import Claim, Evidence
from claims.workflow.assessing import queue_assessment, reopen

GROUND = Evidence.Ground
GROUNDS = {  # by the answer to "accepted?"
    True: (GROUND.SHOWS_FAILURE, GROUND.SHOWS_ERROR, GROUND.OTHER),
    False: (
        GROUND.NO_FAILURE,
        GROUND.OTHER_TIME,
        GROUND.OTHER_ACCOUNT,
        GROUND.UNREADABLE,
        GROUND.ALTERED,
        GROUND.OTHER,
    ),
}


@transaction.atomic
def review_evidence(evidence: Evidence, *, accept: bool, reason: str, by, now: datetime, ground: str = "") -> Evidence:
    """Accept or reject a file, with a ground of the list, words of one's own or both; the claim is assessed with it."""
    claim = Claim.objects.locked().get(pk=evidence.claim_id)
    gate.check("review", claim, by)
    reason = _reason(accept, reason.strip(), ground)
    if evidence.inspected_at is None and evidence.kind == Evidence.Kind.RECORDING:
        raise Refused("%(file)s is still being looked at by a worker; review it in a moment", file=evidence.name)
    verdict = Evidence.Status.ACCEPTED if accept else Evidence.Status.REJECTED
    changed = Evidence.objects.filter(pk=evidence.pk, status=evidence.status).update(
        status=verdict, ground=ground, reason=reason, reviewed_by=by, reviewed_at=now
    )
    if not changed:
        raise Refused("%(file)s was reviewed by somebody else a moment ago; look at it again", file=evidence.name)
    reopen([claim.pk])
    if claim.incident.policies.in_force():
        queue_assessment(claim.incident, claim=claim, now=now)
    evidence.refresh_from_db()
    return evidence


def _reason(accept: bool, reason: str, ground: str) -> str:
    """The words that are kept; those of the ground, in English like all records, when the reviewer adds none."""
    if ground and ground not in GROUNDS[accept]:
        known = dict(GROUND.choices)
        if ground not in known:
            raise Refused("there is no ground '%(ground)s'", ground=ground)
        if accept:
            raise Refused("'%(ground)s' is no ground to accept a file", ground=known[ground])
        raise Refused("'%(ground)s' is no ground to reject a file", ground=known[ground])
    if reason:
        return reason
    if ground in ("", GROUND.OTHER):
        raise Refused("a review needs a reason")
    with override("en"):
        return str(GROUND(ground).label)
