"""Runs of a policy over claims: asked for, carried out slice by slice, summed up (rules §4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When

from claims import assessment as facts
from claims import gate, letters
from claims.gate import Refused
from claims.models import Assessment, Claim, Offer, Policy, Verdict
from claims.workflow import clocks
from claims.workflow.straight_through import queue_straight_through
from jobs.bulk import analyze
from jobs.models import Job, Part
from jobs.queue import enqueue, pause, resume

SLICE = 2_000  # claims a slice: some seconds of work, the most that a dead worker costs
# The stages of a run. The keys of their parts are instruments, nothing, claims. In between the planner is told of the new prices:
# without statistics of this run it takes them for one row, and a slice for minutes.
PRICES, STATISTICS, CLAIMS = range(3)
FORGOTTEN = timedelta(hours=1)
STATUS, OUTCOME = Claim.Status, Verdict.Outcome


@transaction.atomic
def request_assessment(
    incident, *, claim: Claim | None = None, waiting_only: bool = False, by=None, now: datetime
) -> Assessment:
    """A run of the policy in force over the incident's open claims, those that wait or one; carried out by `assess_slice`."""
    if by is not None:
        gate.may(by, "claims.assess_claim") if claim is None else gate.check("assess", claim, by)
    policy = incident.policies.in_force()
    if policy is None:
        raise Refused("%(incident)s has no published policy: publish one first", incident=incident.reference)
    windows = facts.windows_of(incident)
    if not windows:
        raise Refused("%(incident)s has no outage window: enter one first", incident=incident.reference)
    return Assessment.objects.create(
        incident=incident,
        claim=claim,
        waiting_only=waiting_only,
        policy=policy,
        windows=windows,
        requested_by=by,
        requested_at=now,
    )


@transaction.atomic
def queue_assessment(
    incident, *, claim: Claim | None = None, waiting_only: bool = False, hands: int = 1, by=None, now: datetime
) -> Job:
    """The same run, for so many workers together: assessment and job in one commit.

    The claims it covers are dealt out here; one that comes in later is swept up by a later run.
    """
    assessment = request_assessment(incident, claim=claim, waiting_only=waiting_only, by=by, now=now)
    claims = list(claims_of(assessment).order_by("pk").values_list("pk", flat=True))
    return enqueue(
        key=f"assess-{assessment.pk}",
        task="claims.tasks.assess",
        argument={"assessment": assessment.pk},
        total=len(claims),
        parts=[*_price_parts(assessment), *_claim_parts(claims)],
        hands=hands,
        now=now,
    )


def _price_parts(assessment: Assessment) -> list[Part]:
    prices = [Part(stage=PRICES, first=pk, last=pk) for pk in facts.instruments_to_price(assessment)]
    return [*prices, Part(stage=STATISTICS, first=0, last=0)] if prices and assessment.claim_id is None else prices


def _claim_parts(claims: Sequence[int]) -> list[Part]:
    slices = [claims[start : start + SLICE] for start in range(0, len(claims), SLICE)]
    return [Part(stage=CLAIMS, first=ids[0], last=ids[-1], size=len(ids)) for ids in slices]


def queue_forgotten(*, hands: int = 1, now: datetime) -> int:
    """Queue a run over what waits to be assessed, for every incident that has no run under way. Returns how many.

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
    return sum(1 for claim in claims if queue_assessment(claim.incident, waiting_only=True, hands=hands, now=now))


def _job_of(incident) -> Job | None:
    """The job of the latest run over the whole incident."""
    run = Assessment.objects.filter(incident=incident, claim__isnull=True, waiting_only=False).first()
    return Job.objects.filter(key=f"assess-{run.pk}").first() if run else None


def pause_assessment(incident, *, by) -> None:
    """Nothing more of the incident's run is begun until it is resumed; what is done stays done."""
    gate.may(by, "claims.assess_claim")
    job = _job_of(incident)
    if job is None or not pause(job):
        raise Refused("%(incident)s has no run under way", incident=incident.reference)


def resume_assessment(incident, *, by, now: datetime) -> None:
    """The incident's paused run goes on where it stopped."""
    gate.may(by, "claims.assess_claim")
    job = _job_of(incident)
    if job is None or not resume(job, now=now):
        raise Refused("%(incident)s has no paused run", incident=incident.reference)


def claims_of(assessment: Assessment) -> QuerySet[Claim]:
    """The claims a run covers, as they are now: open ones, and approved ones, which may have to be topped up."""
    claims = Claim.objects.reassessable().filter(incident=assessment.incident_id)
    if assessment.waiting_only:
        claims = claims.filter(status=STATUS.SUBMITTED)
    return claims.filter(pk=assessment.claim_id) if assessment.claim_id else claims


@transaction.atomic
def assess_slice(assessment: Assessment, *, after: int) -> tuple[int, int]:
    """In the foreground: the next claims after the id `after`: (last claim id, claims done); (after, 0) when none is left.

    Safe to run twice: a claim that this run judged already is passed over.
    """
    if instruments := facts.instruments_to_price(assessment):
        facts.price(assessment, instruments)
        if assessment.claim_id is None:
            _tell_the_planner()
    claims = _judge(assessment, claims_of(assessment).filter(pk__gt=after), SLICE)
    return (claims[-1], len(claims)) if claims else (after, 0)


def assess_part(assessment: Assessment, part: Part, *, now: datetime) -> None:
    """One part of a run that workers share: safe to run twice, meant to share its commit with the job's progress."""
    if part.stage == PRICES:
        facts.price(assessment, [part.first])
    elif part.stage == STATISTICS:
        _tell_the_planner()
    else:
        _judge(assessment, claims_of(assessment).filter(pk__range=(part.first, part.last)), part.last - part.first + 1)


def _tell_the_planner() -> None:
    """Of all that the policy's query joins: with yesterday's statistics a slice of seconds can take minutes."""
    analyze(
        "incidents_customer", "incidents_order", "claims_claim", "claims_contact", "claims_evidence", "claims_compensation",
        "claims_referenceprice",
    )  # fmt: skip


def _judge(assessment: Assessment, claims: QuerySet[Claim], size: int) -> list[int]:
    """Lock the first `size` of these claims and judge those that this run has not judged yet; all their ids."""
    locked = claims.order_by("pk").locked()
    found = list(locked.values_list("pk", "assessment_id", "status")[:size])
    new = {pk: status for pk, stands_on, status in found if (stands_on or 0) < assessment.pk}
    if new:
        facts.judge(assessment, list(new))
        _move(assessment, [pk for pk, status in new.items() if status != STATUS.APPROVED])
        _top_up(assessment, [pk for pk, status in new.items() if status == STATUS.APPROVED])
    return [pk for pk, _stands_on, _status in found]


def _move(assessment: Assessment, ids: list[int]) -> None:
    """Each judged claim stands on this run now, in the status that its verdicts ask for: what only a manager can mend first."""
    if not ids:
        return
    # The span of keys is what the slice's verdicts are found by, however the planner goes about it.
    judged = Verdict.objects.filter(assessment=assessment, claim__gte=min(ids), claim__lte=max(ids))
    claims = Claim.objects.filter(pk__in=ids)
    claims.update(status=status_by_verdicts(judged), assessment=assessment, revision=F("revision") + 1)
    # An offer of an earlier run is void: the customer is not the one we wait for.
    void = Offer.objects.filter(claim__in=ids, answer=Offer.Answer.WAITS).exclude(assessment=assessment)
    clocks.resume(claims.filter(pk__in=void.values("claim")), now=assessment.requested_at)


def status_by_verdicts(verdicts: QuerySet[Verdict] | None = None) -> Case:
    """Of claims, what their verdicts ask for (without any named, those in force): on hold as long as a person holds them."""
    if verdicts is None:
        verdicts = Verdict.objects.filter(assessment=OuterRef("assessment"))
    mine = verdicts.filter(claim=OuterRef("pk"))
    return Case(
        When(held_at__isnull=False, then=Value(STATUS.ON_HOLD.value)),
        When(Exists(mine.filter(outcome__in=(OUTCOME.NEEDS_PRICE, OUTCOME.HOLD))), then=Value(STATUS.ON_HOLD.value)),
        When(Exists(mine.filter(outcome=OUTCOME.NEEDS_EVIDENCE)), then=Value(STATUS.NEEDS_EVIDENCE.value)),
        default=Value(STATUS.ASSESSED.value),
    )


def _top_up(assessment: Assessment, ids: list[int]) -> None:
    """Approved claims stand on this run too, and come back to be decided only if they are owed more now: never clawed back."""
    if not ids:
        return
    claims = Claim.objects.filter(pk__in=ids)
    claims.update(assessment=assessment, revision=F("revision") + 1)
    verdicts = Verdict.objects.filter(claim__in=ids)
    more = Q(pk__in=verdicts.owing().values("claim")) | Q(pk__in=verdicts.to_offer().values("claim"))
    claims.filter(more).update(status=STATUS.ASSESSED, revision=F("revision") + 1)


@transaction.atomic
def finish_assessment(assessment: Assessment, *, now: datetime) -> Assessment:
    """Sum up and freeze the run; finished already: nothing changes."""
    assessment = Assessment.objects.select_for_update().get(pk=assessment.pk)
    if assessment.finished_at is None:
        if assessment.claim_id is None:
            analyze("claims_verdict", "claims_claim")
        facts.tally(assessment)
        assessment.claims_assessed = Claim.objects.filter(assessment=assessment).count()
        assessment.finished_at = now
        assessment.save()
        letters.evidence_missing(assessment, now=now)
        queue_straight_through(assessment, now=now)
    return assessment


def assess_now(incident, *, claim: Claim | None = None, now: datetime) -> Assessment:
    """A whole run in the foreground, slice by slice."""
    assessment = request_assessment(incident, claim=claim, now=now)
    last, done = assess_slice(assessment, after=0)
    while done:
        last, done = assess_slice(assessment, after=last)
    return finish_assessment(assessment, now=now)


def reopen(ids: Iterable[int]) -> int:
    """What a claim stands on changed: back to be assessed, if it is still open."""
    return Claim.objects.open().filter(pk__in=list(ids)).update(status=STATUS.SUBMITTED, revision=F("revision") + 1)
