"""Approve and deny: the decision, the awards and the journal entries in one commit, four eyes at the gate (rules §4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from time import monotonic

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from claims import gate, letters, settlement
from claims.gate import TRANSITIONS, Refused
from claims.models import Award, Bonus, Claim, Compensation, Decision, Verdict

STATUS, OUTCOME = Claim.Status, Verdict.Outcome


@transaction.atomic
def approve(claim: Claim, *, by, reason: str = "", now: datetime) -> dict[str, Decimal]:
    """Grant what the assessment in force pays beyond what its orders had: decision, awards and journal entries in one commit.

    Returns the awards by asset, empty when the claim now waits for a second manager (policy: second_manager_above).
    Refused: no permission, not decidable now, prepared by this person, nothing payable, changed since it was read.
    """
    claim = hold(claim)
    gate.check("approve", claim, by)
    payable = _payable(claim)
    consent = claim.verdicts.to_offer().exists()
    if not payable and consent:
        raise Refused("%(claim)s waits for the customer's consent: silence is not consent", claim=claim.reference)
    if not payable:
        raise Refused("%(claim)s has nothing to pay that is not already awarded", claim=claim.reference)
    amounts = by_asset(payable, "owed")
    if _needs_second(claim, amounts, by):
        _decide(claim, Decision.Verb.ENDORSE, by=by, reason=reason, now=now, status=claim.status)
        return {}
    waits = consent or claim.verdicts.waiting().exists()
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
            Compensation(
                order_id=verdict.order_id,
                number=verdict.parts + 1,
                award=awards[verdict.asset],
                verdict=verdict,
                remedy=verdict.remedy,
                amount=verdict.owed,
            )
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


def approve_all(incident, *, claims: Iterable[Claim] | None = None, by, now: datetime) -> Approvals:
    """Approve each of these claims, or every claim of the incident with something to pay: one commit and one refusal each."""
    gate.may(by, TRANSITIONS["approve"].permission)
    result, began = Approvals(), monotonic()
    for claim in payable_claims(incident) if claims is None else claims:
        at = now + timedelta(seconds=monotonic() - began)  # thousands take minutes: each entry says when it was made
        try:
            amounts = approve(claim, by=by, now=at)
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
    owing = Verdict.objects.owing().filter(claim__incident=incident)
    return Claim.objects.decidable().filter(incident=incident, pk__in=owing.values("claim")).order_by("pk")


@transaction.atomic
def deny(claim: Claim, *, by, reason: str, now: datetime) -> None:
    """Close a claim that pays nothing (more), with the reason the customer will read; what was awarded before stands."""
    claim = hold(claim)
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


def hold(claim: Claim) -> Claim:
    """The claim as it is now, locked, and unchanged since the caller read it: the compare of compare-and-set."""
    current = Claim.objects.locked().select_related("incident").get(pk=claim.pk)
    if current.revision != claim.revision:
        raise Refused("%(claim)s was changed by somebody else a moment ago; look at it again", claim=claim.reference)
    return current


def _decide(claim: Claim, verb: str, *, by, reason: str, now: datetime, status: str) -> Decision:
    """Record the decision and move the claim: the set of compare-and-set. A closed claim waits for nobody's answer."""
    asked_at = claim.asked_at if status in Claim.OPEN else None
    Claim.objects.filter(pk=claim.pk).update(status=status, revision=claim.revision + 1, asked_at=asked_at)
    decision = Decision.objects.create(
        claim=claim,
        verb=verb,
        revision=claim.revision,
        assessment_id=claim.assessment_id,
        reason=reason,
        decided_by=by,
        decided_at=now,
        prepared_by=sorted(gate.preparers(claim)),
    )
    letters.decided(decision, now=now)
    return decision


def _payable(claim: Claim) -> list[Verdict]:
    return list(claim.verdicts.owing().order_by("order"))


def by_asset(rows: Iterable[Verdict | Award | Bonus], column: str = "amount") -> dict[str, Decimal]:
    """A column of the rows, summed per asset: `owed` of verdicts is what an approval of them would add."""
    amounts: dict[str, Decimal] = {}
    for row in rows:
        amounts[row.asset] = amounts.get(row.asset, Decimal(0)) + getattr(row, column)
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
