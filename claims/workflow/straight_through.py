"""Small, unflagged claims approved without a click: the assessment computed it, who published the limit stands for it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from decimal import Decimal

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext

from claims import assessment as facts
from claims.gate import Refused
from claims.models import Assessment, Claim, Evidence, Step, Verdict
from claims.settlement import PostingError
from claims.workflow.deciding import approve, by_asset
from jobs.models import Job, Part
from jobs.queue import enqueue

PORTION = 100  # claims a commit


def queue_straight_through(run: Assessment, *, now: datetime) -> Job | None:
    """After a run: a job for the claims that may pass without a click, if its policy has a limit and somebody published it."""
    if not run.policy.terms.straight_through or run.policy.published_by_id is None:
        return None
    claims = list(candidates(run).order_by("pk").values_list("pk", flat=True))
    slices = [claims[start : start + PORTION] for start in range(0, len(claims), PORTION)]
    return enqueue(
        key=f"straight-{run.pk}",
        task="claims.tasks.approve_straight_through",
        argument={"assessment": run.pk},
        total=len(claims),
        parts=[Part(first=ids[0], last=ids[-1], size=len(ids)) for ids in slices],
        now=now,
    )


def straight_through_part(run: Assessment, part: Part, *, now: datetime) -> None:
    """Approve those claims of the part that nothing speaks against (rules §4: the assessment and the publisher).

    A claim goes straight through when all it is owed, earlier awards included, is within `payment.straight_through` of its asset;
    nothing of it waits; no order is flagged, no file has a finding, no contact names an order that is not the customer's; and the
    publisher of the policy may decide on it. Claims on hold, claims whose customer was asked and appeals are a person's.
    Whatever is refused waits for a person, as every claim does.
    """
    limits, version = run.policy.terms.straight_through, run.policy.version
    for claim in candidates(run).filter(pk__range=(part.first, part.last)).order_by("pk").select_related("incident"):
        if not _within(claim, limits) or _names_strangers(claim):
            continue
        why = gettext("Straight through: within the limit of policy version %(version)s") % {"version": version}
        with suppress(Refused, PostingError):
            approve(claim, by=run.policy.published_by, reason=why, now=now)


def candidates(run: Assessment) -> QuerySet[Claim]:
    """Claims that stand on the run, ready to decide and owed something, with nothing a person should look at."""
    verdicts = Verdict.objects.filter(claim=OuterRef("pk"))
    spoilt = verdicts.in_force().filter(~Q(flags=[]) | Q(outcome__in=Verdict.WAITING))
    findings = Evidence.objects.filter(claim=OuterRef("pk")).exclude(findings=[])
    appealed = Step.objects.filter(claim=OuterRef("pk"), verb=Step.Verb.APPEAL)
    claims = Claim.objects.on_the_clock().filter(assessment=run, status=Claim.Status.ASSESSED, held_at__isnull=True)
    claims = claims.filter(~Exists(appealed))
    return claims.filter(~Exists(spoilt), ~Exists(findings), ~Exists(verdicts.to_offer()), Exists(verdicts.owing()))


def _within(claim: Claim, limits: dict[str, Decimal]) -> bool:
    owed, before = by_asset(claim.verdicts.owing(), "owed"), by_asset(claim.awards.all())
    return all(asset in limits and amount + before.get(asset, 0) <= limits[asset] for asset, amount in owed.items())


def _names_strangers(claim: Claim) -> bool:
    """Whether a contact names an order that is unknown or somebody else's."""
    named: Iterable[list[str]] = claim.contacts.values_list("order_ids", flat=True)
    ids = {order_id for order_ids in named for order_id in order_ids}
    owners = facts.owners_of(ids)
    return any(claim.customer_id not in owners.get(order_id, set()) for order_id in ids)
