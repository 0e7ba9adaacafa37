"""Draft a policy version, publish it: frozen from then on (rules §3)."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F

from claims import assessment as facts
from claims import gate, terms
from claims.gate import Refused
from claims.models import Claim, Policy


@transaction.atomic
def draft_policy(incident, text: str, *, by=None, reason: str = "", now: datetime) -> Policy:
    """A new version of the incident's policy from a TOML text; the same terms as its newest version return that version.

    A correction of a published version says why. `by` is None only at the operator's console. Raises TermsError with all that
    is wrong in the text, its intervals held against the incident's outage.
    """
    if by is not None:
        gate.may(by, "claims.add_policy")
    document = terms.read(text, facts.current_outage(incident))
    digest = terms.digest(document)
    type(incident).objects.select_for_update(no_key=True).get(pk=incident.pk)  # versions are counted one at a time
    newest = incident.policies.order_by("-version").first()
    if newest and newest.sha256 == digest:
        return newest
    if not reason.strip() and incident.policies.published().exists():
        raise Refused("a correction of a published policy needs a reason")
    return Policy.objects.create(
        incident=incident,
        version=newest.version + 1 if newest else 1,
        name=document["name"],
        document=document,
        text=text,
        sha256=digest,
        reason=reason,
        drafted_by=by,
        drafted_at=now,
    )


@transaction.atomic
def publish_policy(policy: Policy, *, by=None, now: datetime) -> Policy:
    """Freeze and put in force; published already: nothing changes. `by` is None only at the operator's console."""
    if by is not None:
        gate.may(by, "claims.publish_policy")
    Policy.objects.filter(pk=policy.pk, status=Policy.Status.DRAFT).update(
        status=Policy.Status.PUBLISHED, published_by=by, published_at=now
    )
    policy.refresh_from_db()
    if within := policy.terms.decide_within:  # whoever reached us before there was a policy has a due date from now on
        undated = Claim.objects.open().filter(incident=policy.incident_id, due_at__isnull=True)
        undated.update(due_at=F("submitted_at") + within)
    return policy
