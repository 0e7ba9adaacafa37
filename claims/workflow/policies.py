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
def revise_draft(policy: Policy, text: str, *, sha256: str, by, reason: str = "", now: datetime) -> Policy:
    """Give a draft other terms, in place: drafts do not pile up, and its history keeps what it said before.

    `sha256` names the terms that the person saw: whoever looked at an older page, or at a draft that was published meanwhile,
    is refused and loses nothing. Raises TermsError as `draft_policy` does.
    """
    gate.may(by, "claims.add_policy")
    document = terms.read(text, facts.current_outage(policy.incident))
    current = Policy.objects.select_for_update().get(pk=policy.pk)
    if current.status != Policy.Status.DRAFT or current.sha256 != sha256:
        raise Refused("version %(version)s was changed by somebody else a moment ago", version=current.version)
    if not reason.strip() and current.incident.policies.published().exists():
        raise Refused("a correction of a published policy needs a reason")
    current.name, current.document, current.text = document["name"], document, text
    current.sha256, current.reason = terms.digest(document), reason
    current.drafted_by, current.drafted_at = by, now
    current.save()
    return current


@transaction.atomic
def publish_policy(policy: Policy, *, by=None, now: datetime) -> Policy:
    """Freeze and put in force; published already: nothing changes. `by` is None only at the operator's console.

    Its terms are those that the caller read (compare-and-set on `sha256`), and are checked once more against the incident as it
    is now: TermsError with all that is wrong. An older version than the one in force is refused.
    """
    if by is not None:
        gate.may(by, "claims.publish_policy")
    current = Policy.objects.select_for_update().select_related("incident").get(pk=policy.pk)
    if current.status == Policy.Status.DRAFT:
        _may_be_published(current, policy.sha256)
        Policy.objects.filter(pk=policy.pk).update(status=Policy.Status.PUBLISHED, published_by=by, published_at=now)
    policy.refresh_from_db()
    if within := policy.terms.decide_within:  # whoever reached us before there was a policy has a due date from now on
        undated = Claim.objects.open().filter(incident=policy.incident_id, due_at__isnull=True)
        undated.update(due_at=F("submitted_at") + within)
    return policy


def _may_be_published(draft: Policy, sha256: str) -> None:
    """Whether what the caller read is what would be frozen, and may be; Refused or TermsError with the reason."""
    if draft.sha256 != sha256:
        raise Refused("version %(version)s was changed by somebody else a moment ago", version=draft.version)
    in_force = draft.incident.policies.in_force()
    if in_force and in_force.version > draft.version:
        raise Refused("version %(version)s is in force already: draft a new version", version=in_force.version)
    if in_force and not draft.reason.strip():
        raise Refused("a correction of a published policy needs a reason")
    terms.complete(draft.document, facts.current_outage(draft.incident))
