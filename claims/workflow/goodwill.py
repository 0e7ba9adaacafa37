"""The goodwill bonus: once per customer and incident, whatever the verdicts (S1, extra compensation)."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from claims import assessment as facts
from claims import gate, settlement, terms
from claims.gate import Refused
from claims.models import Bonus, Claim, Contact


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
    in_touch = _in_touch(incident, bonus)
    claims = list(in_touch.filter(bonus__isnull=True).select_related("incident").order_by("pk").locked())
    # Granted by somebody else while we waited for the lock.
    had = set(Bonus.objects.filter(claim__in=claims).values_list("claim", flat=True))
    claims = [claim for claim in claims if claim.pk not in had]
    already = in_touch.filter(bonus__isnull=False).count()
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


def customers_due_a_bonus(incident, policy: terms.Terms) -> int:
    """How many a grant would reach now; none without an amount."""
    return _in_touch(incident, policy).filter(bonus__isnull=True).count() if policy.bonus_amount else 0


def _in_touch(incident, policy: terms.Terms) -> QuerySet[Claim]:
    """The claims with a contact because of the incident: not before it began; S1 names no deadline, a policy may."""
    outage = facts.current_outage(incident)
    contacts = Contact.objects.filter(claim__incident=incident)
    in_time = contacts.in_time(outage, policy.bonus_within) if outage else contacts.none()
    return Claim.objects.filter(incident=incident, pk__in=in_time.values("claim"))
