"""What people do with a claim that decides nothing about money: ask, hear, hold, release, withdraw, appeal (rules §4)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet

from claims import deadlines, gate, letters
from claims.gate import Refused
from claims.models import Claim, Step
from claims.workflow import clocks
from claims.workflow.assessing import queue_assessment, status_by_verdicts
from claims.workflow.deciding import hold

STATUS, VERB = Claim.Status, Step.Verb


@transaction.atomic
def ask_customer(claim: Claim, *, reason: str, by, now: datetime) -> Step:
    """Ask for what is missing, as `reason` says it; the time to decide stands still until they answer (S2)."""
    claim = hold(claim)
    gate.check("ask", claim, by)
    step = _step(claim, VERB.ASK, reason=reason, by=by, now=now, asked_at=now)
    letters.evidence_asked(step, now=now)
    return step


@transaction.atomic
def record_answer(claim: Claim, *, reason: str, by, now: datetime) -> Step:
    """The customer answered, where no contact and no file says so: `reason` says how. The time to decide runs again."""
    claim = hold(claim)
    gate.check("reply", claim, by)
    clocks.resume(_row(claim), now=now)
    return _step(claim, VERB.ANSWER, reason=reason, by=by, now=now)


@transaction.atomic
def answered(ids: Iterable[int], *, reason: str, by=None, now: datetime) -> int:
    """Something came in from the customers of these claims: whoever was asked has answered. Returns how many were.

    For the doors that take contacts and files in; `by`: who took them in, None for the customer's own hand.
    """
    asked = Claim.objects.open().filter(pk__in=list(ids), asked_at__isnull=False).order_by("pk")
    found = dict(asked.locked().values_list("pk", "revision"))
    Step.objects.bulk_create(
        Step(claim_id=pk, verb=VERB.ANSWER, revision=revision, reason=reason, taken_by=by, taken_at=now)
        for pk, revision in found.items()
    )
    claims = Claim.objects.filter(pk__in=found)
    clocks.resume(claims, now=now)
    claims.update(revision=F("revision") + 1)
    return len(found)


@transaction.atomic
def put_on_hold(claim: Claim, *, reason: str, by, now: datetime) -> Step:
    """Nobody decides on it until a person releases it; it is still assessed, and the time to decide runs."""
    claim = hold(claim)
    gate.check("hold", claim, by)
    status = claim.status if claim.status == STATUS.SUBMITTED else STATUS.ON_HOLD
    return _step(claim, VERB.HOLD, reason=reason, by=by, now=now, held_at=now, status=status)


@transaction.atomic
def release(claim: Claim, *, reason: str, by, now: datetime) -> Step:
    """Off hold: back in the status that its verdicts ask for."""
    claim = hold(claim)
    gate.check("release", claim, by)
    step = _step(claim, VERB.RELEASE, reason=reason, by=by, now=now, held_at=None)
    if claim.status != STATUS.SUBMITTED:
        _row(claim).update(status=status_by_verdicts())
    return step


@transaction.atomic
def withdraw(claim: Claim, *, reason: str, by, now: datetime) -> Step:
    """The customer wants nothing more: closed, and never assessed again; what was awarded before stands."""
    claim = hold(claim)
    gate.check("withdraw", claim, by)
    closed = {"status": STATUS.WITHDRAWN, "asked_at": None, "held_at": None}
    return _step(claim, VERB.WITHDRAW, reason=reason, by=by, now=now, **closed)


@transaction.atomic
def appeal(claim: Claim, *, reason: str, by, now: datetime) -> Step:
    """The customer does not accept the decision: once, back to be assessed, and another reviewer decides (rules §4).

    The time to decide runs anew from now.
    """
    claim = hold(claim)
    gate.check("appeal", claim, by)
    policy = claim.incident.policies.in_force()
    due_at = deadlines.due(now, policy.terms.decide_within) if policy else None
    anew = {"status": STATUS.SUBMITTED, "due_at": due_at, "warned_at": None, "escalated_at": None}
    step = _step(claim, VERB.APPEAL, reason=reason, by=by, now=now, **anew)
    claim.refresh_from_db()
    if policy:
        queue_assessment(claim.incident, claim=claim, now=now)
    return step


def _step(claim: Claim, verb: str, *, reason: str, by, now: datetime, **changes: Any) -> Step:
    """Record the step and change the claim: the set of compare-and-set."""
    if not reason.strip():
        raise Refused("say why: whoever opens the claim next will want to know")
    _row(claim).update(revision=claim.revision + 1, **changes)
    return Step.objects.create(
        claim=claim, verb=verb, revision=claim.revision, reason=reason.strip(), taken_by=by, taken_at=now
    )


def _row(claim: Claim) -> QuerySet[Claim]:
    return Claim.objects.filter(pk=claim.pk)
