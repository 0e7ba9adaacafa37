"""Every change of a claim's status, of money and of history: one verb each, one transaction, compare-and-set.

A verb that may not be done now raises `gate.Refused`. The time is taken at the door and passed in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from claims import assessment as facts
from claims import gate, settlement, terms
from claims.gate import TRANSITIONS, Refused
from claims.models import Assessment, Award, Bonus, Claim, Compensation, Contact, Decision, Evidence, Policy, Verdict
from jobs.models import Job
from jobs.queue import enqueue

SLICE = 2_000  # claims a slice: some seconds of work, the most that a dead worker costs
FORGOTTEN = timedelta(hours=1)
STATUS, OUTCOME = Claim.Status, Verdict.Outcome


# --- policies


@transaction.atomic
def draft_policy(incident, text: str, *, by=None, reason: str = "", now: datetime) -> Policy:
    """A new version of the incident's policy from a TOML text; the same terms as its newest version return that version."""
    document = terms.read(text)
    digest = terms.digest(document)
    incident.policies.select_for_update().exists()
    newest = incident.policies.order_by("-version").first()
    if newest and newest.sha256 == digest:
        return newest
    return Policy.objects.create(
        incident=incident,
        version=newest.version + 1 if newest else 1,
        name=document["name"],
        document=document,
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
    return policy


# --- assessment


@transaction.atomic
def request_assessment(incident, *, claim: Claim | None = None, by=None, now: datetime) -> Assessment:
    """A run of the policy in force over the incident's open claims, or over one; to be carried out by `assess_slice`."""
    if by is not None:
        gate.may(by, "claims.assess_claim")
    policy = incident.policies.in_force()
    if policy is None:
        raise Refused("%(incident)s has no published policy: publish one first", incident=incident.reference)
    windows = facts.windows_of(incident)
    if not windows:
        raise Refused("%(incident)s has no outage window: enter one first", incident=incident.reference)
    return Assessment.objects.create(
        incident=incident, claim=claim, policy=policy, windows=windows, requested_by=by, requested_at=now
    )


@transaction.atomic
def queue_assessment(incident, *, claim: Claim | None = None, by=None, now: datetime) -> Job:
    """The same run, for a worker: assessment and job in one commit."""
    assessment = request_assessment(incident, claim=claim, by=by, now=now)
    return enqueue(
        key=f"assess-{assessment.pk}",
        task="claims.tasks.assess",
        argument={"assessment": assessment.pk},
        total=claims_of(assessment).count(),
        now=now,
    )


def queue_forgotten(*, now: datetime) -> int:
    """Queue a run for every incident with claims that wait to be assessed while no run is under way. Returns how many.

    A run that is not finished counts as dead after an hour, unless a job still carries it.
    """
    waiting = Claim.objects.filter(status=STATUS.SUBMITTED, incident__policies__status=Policy.Status.PUBLISHED)
    unfinished = Assessment.objects.filter(finished_at__isnull=True)
    arguments = Job.objects.unfinished().filter(key__startswith="assess-").values_list("argument", flat=True)
    carried = unfinished.filter(pk__in=[argument["assessment"] for argument in arguments])
    under_way = carried | unfinished.filter(requested_at__gt=now - FORGOTTEN)
    claims = (
        waiting.filter(incident__windows__isnull=False)
        .exclude(incident__in=under_way.values("incident"))
        .select_related("incident")
        .order_by("incident_id")
        .distinct("incident_id")
    )
    return sum(1 for claim in claims if queue_assessment(claim.incident, now=now))


def claims_of(assessment: Assessment) -> QuerySet[Claim]:
    """The claims a run covers: open ones, those that another run has not overtaken."""
    claims = Claim.objects.open().filter(incident=assessment.incident_id)
    return claims.filter(pk=assessment.claim_id) if assessment.claim_id else claims


@transaction.atomic
def assess_slice(assessment: Assessment, *, after: int, size: int = SLICE) -> tuple[int, int]:
    """Judge the next `size` claims after the id `after`: (last claim id, claims done); (after, 0) when none is left.

    Safe to run twice: a claim that this run judged already is passed over. Meant to share its commit with the job's progress.
    """
    locked = claims_of(assessment).filter(pk__gt=after).order_by("pk").select_for_update(of=("self",))
    claims = list(locked.values_list("pk", "assessment_id")[:size])
    if not claims:
        return after, 0
    ids = [pk for pk, stands_on in claims if (stands_on or 0) < assessment.pk]
    if ids:
        facts.price(assessment)
        facts.judge(assessment, ids)
        _move(assessment, ids)
    return claims[-1][0], len(claims)


def _move(assessment: Assessment, ids: list[int]) -> None:
    """Each judged claim stands on this run now, in the status that its verdicts ask for."""
    waits_for: dict[int, set[str]] = {claim: set() for claim in ids}
    for claim, outcome in facts.waiting(assessment, ids):
        waits_for[claim].add(outcome)
    for status in (STATUS.ASSESSED, STATUS.NEEDS_EVIDENCE, STATUS.ON_HOLD):
        claims = Claim.objects.filter(pk__in=[claim for claim in ids if _status(waits_for[claim]) == status])
        claims.update(status=status, assessment=assessment, revision=F("revision") + 1)


def _status(waits_for: set[str]) -> str:
    """What only a manager can mend comes before what the customer can."""
    if waits_for - {OUTCOME.NEEDS_EVIDENCE}:
        return STATUS.ON_HOLD
    return STATUS.NEEDS_EVIDENCE if waits_for else STATUS.ASSESSED


@transaction.atomic
def finish_assessment(assessment: Assessment, *, now: datetime) -> Assessment:
    """Sum up and freeze the run; finished already: nothing changes."""
    assessment = Assessment.objects.select_for_update().get(pk=assessment.pk)
    if assessment.finished_at is None:
        facts.tally(assessment)
        assessment.claims_assessed = Claim.objects.filter(assessment=assessment).count()
        assessment.finished_at = now
        assessment.save()
    return assessment


def assess_now(incident, *, claim: Claim | None = None, by=None, now: datetime) -> Assessment:
    """A whole run in the foreground, slice by slice."""
    assessment = request_assessment(incident, claim=claim, by=by, now=now)
    last, done = assess_slice(assessment, after=0)
    while done:
        last, done = assess_slice(assessment, after=last)
    return finish_assessment(assessment, now=now)


# --- decisions


@transaction.atomic
def approve(claim: Claim, *, by, reason: str = "", now: datetime) -> dict[str, Decimal]:
    """Grant what the assessment in force pays and no order has had yet: decision, awards and journal entries in one commit.

    Returns the awards by asset, empty when the claim now waits for a second manager (policy: second_manager_above).
    Refused: no permission, not decidable now, prepared by this person, nothing payable, changed since it was read.
    """
    claim = _hold(claim)
    gate.check("approve", claim, by)
    payable = _payable(claim)
    if not payable:
        raise Refused("%(claim)s has nothing to pay that is not already awarded", claim=claim.reference)
    amounts = by_asset(payable)
    if _needs_second(claim, amounts, by):
        _decide(claim, Decision.Verb.ENDORSE, by=by, reason=reason, now=now, status=claim.status)
        return {}
    waits = (
        claim.verdicts.in_force()
        .filter(outcome__in=(OUTCOME.NEEDS_EVIDENCE, OUTCOME.NEEDS_PRICE, OUTCOME.HOLD))
        .exists()
    )
    decision = _decide(
        claim, Decision.Verb.APPROVE, by=by, reason=reason, now=now, status=claim.status if waits else STATUS.APPROVED
    )
    number = claim.decisions.filter(verb=Decision.Verb.APPROVE).count()
    entries = settlement.award(claim, amounts, number=number, by=by, now=now)
    awards = {
        asset: Award.objects.create(decision=decision, claim=claim, amount=amount, asset=asset, entry=entries[asset])
        for asset, amount in amounts.items()
    }
    try:
        Compensation.objects.bulk_create(
            Compensation(order_id=verdict.order_id, award=awards[verdict.asset], verdict=verdict, amount=verdict.amount)
            for verdict in payable
        )
    except IntegrityError as error:  # two claims share an order: it is paid through the one that comes first
        raise Refused(
            "an order of %(claim)s was paid through another claim a moment ago; assess again", claim=claim.reference
        ) from error
    return amounts


@dataclass
class Approvals:
    """What approving many claims came to."""

    approved: int = 0
    endorsed: int = 0
    totals: dict[str, Decimal] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


def approve_all(incident, *, claims: Iterable[Claim] | None = None, by, reason: str = "", now: datetime) -> Approvals:
    """Approve each of these claims, or every claim of the incident with something to pay: one commit and one refusal each."""
    gate.may(by, TRANSITIONS["approve"].permission)
    result = Approvals()
    for claim in payable_claims(incident) if claims is None else claims:
        try:
            amounts = approve(claim, by=by, reason=reason, now=now)
        except (Refused, settlement.PostingError) as error:
            result.errors.append(str(error))
            continue
        result.approved += bool(amounts)
        result.endorsed += not amounts
        for asset, amount in amounts.items():
            result.totals[asset] = result.totals.get(asset, Decimal(0)) + amount
    return result


def payable_claims(incident) -> QuerySet[Claim]:
    """Claims that can be decided now and have an order to pay that nobody was awarded yet."""
    payable = Verdict.objects.payable().in_force().filter(claim=OuterRef("pk"), order__compensation__isnull=True)
    return Claim.objects.decidable().filter(Exists(payable), incident=incident).order_by("pk")


@transaction.atomic
def deny(claim: Claim, *, by, reason: str, now: datetime) -> None:
    """Close a claim that pays nothing (more), with the reason the customer will read; what was awarded before stands."""
    claim = _hold(claim)
    gate.check("deny", claim, by)
    if not reason.strip():
        raise Refused("a denial needs a reason")
    if _payable(claim):
        raise Refused(
            "%(claim)s has orders to pay: approve them, or correct what is wrong first", claim=claim.reference
        )
    _decide(
        claim,
        Decision.Verb.DENY,
        by=by,
        reason=reason,
        now=now,
        status=STATUS.APPROVED if claim.awards.exists() else STATUS.DENIED,
    )


def _hold(claim: Claim) -> Claim:
    """The claim as it is now, locked, and unchanged since the caller read it: the compare of compare-and-set."""
    current = Claim.objects.select_for_update(of=("self",)).select_related("incident").get(pk=claim.pk)
    if current.revision != claim.revision:
        raise Refused("%(claim)s was changed by somebody else a moment ago; look at it again", claim=claim.reference)
    return current


def _decide(claim: Claim, verb: str, *, by, reason: str, now: datetime, status: str) -> Decision:
    """Record the decision and move the claim: the set of compare-and-set."""
    Claim.objects.filter(pk=claim.pk, revision=claim.revision).update(status=status, revision=claim.revision + 1)
    return Decision.objects.create(
        claim=claim,
        verb=verb,
        revision=claim.revision,
        assessment_id=claim.assessment_id,
        reason=reason,
        decided_by=by,
        decided_at=now,
        prepared_by=sorted(gate.preparers(claim)),
    )


def _payable(claim: Claim) -> list[Verdict]:
    return list(claim.verdicts.in_force().payable().filter(order__compensation__isnull=True).order_by("order"))


def by_asset(rows: Iterable[Verdict | Award | Bonus]) -> dict[str, Decimal]:
    """The rows' amounts, summed per asset."""
    amounts: dict[str, Decimal] = {}
    for row in rows:
        amounts[row.asset] = amounts.get(row.asset, Decimal(0)) + row.amount
    return amounts


def _needs_second(claim: Claim, amounts: dict[str, Decimal], by) -> bool:
    """Above the policy's limit, earlier awards included, two managers approve; an endorsement holds for this assessment only."""
    limits = claim.assessment.policy.terms.second_manager_above
    before = by_asset(claim.awards.all())
    if not any(amount + before.get(asset, 0) > limits[asset] for asset, amount in amounts.items() if asset in limits):
        return False
    endorsed = claim.decisions.filter(verb=Decision.Verb.ENDORSE, assessment=claim.assessment_id)
    if endorsed.filter(decided_by=by).exists():
        words = {"user": by.get_username(), "claim": claim.reference}
        raise Refused("%(user)s approved %(claim)s already; a second manager is needed above the limit", **words)
    return not endorsed.exists()


# --- goodwill


@transaction.atomic
def grant_bonuses(incident, *, by, now: datetime) -> tuple[list[Bonus], int]:
    """Record the goodwill bonus for each customer in touch because of the incident who has not had it (S1, extra compensation).

    Whatever the verdicts and the status of the claim. Returns (granted now, had it already). Run twice or by two at once: once.
    """
    gate.may(by, "claims.grant_bonus")
    policy = incident.policies.in_force()
    if policy is None:
        raise Refused("%(incident)s has no published policy: publish one first", incident=incident.reference)
    bonus = policy.terms
    if not bonus.bonus_amount:
        return [], 0
    due = Claim.objects.filter(incident=incident, pk__in=_in_touch_for_bonus(incident, bonus))
    claims = list(
        due.filter(bonus__isnull=True).select_related("incident").order_by("pk").select_for_update(of=("self",))
    )
    # Granted by somebody else while we waited for the lock.
    had = set(Bonus.objects.filter(claim__in=claims).values_list("claim", flat=True))
    claims = [claim for claim in claims if claim.pk not in had]
    already = due.filter(bonus__isnull=False).count()
    entries = settlement.goodwill(claims, amount=bonus.bonus_amount, asset=bonus.bonus_asset, by=by, now=now)
    granted = Bonus.objects.bulk_create(
        Bonus(
            claim=claim,
            amount=bonus.bonus_amount,
            asset=bonus.bonus_asset,
            entry=entries[claim.pk],
            granted_by=by,
            granted_at=now,
        )
        for claim in claims
    )
    return granted, already


def _in_touch_for_bonus(incident, policy: terms.Terms) -> QuerySet:
    """Contacts because of the incident: not before it began; S1 names no deadline, a policy may."""
    outage = facts.current_outage(incident)
    contacts = Contact.objects.filter(claim__incident=incident)
    contacts = contacts.filter(contacted_at__gte=outage.start) if outage else contacts.none()
    deadline = outage and outage.deadline(policy.bonus_within)
    return (contacts.filter(contacted_at__lte=deadline) if deadline else contacts).values("claim")


# --- evidence


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


def reopen(ids: Iterable[int]) -> int:
    """What a claim stands on changed: back to be assessed, if it is still open."""
    return Claim.objects.open().filter(pk__in=list(ids)).update(status=STATUS.SUBMITTED, revision=F("revision") + 1)
