"""The time to decide: it stands still while the customer is asked, warns before it is over, and escalates after (S2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import DateTimeField, F, QuerySet, Value
from django.db.models.functions import Coalesce, Greatest

from claims.models import Claim
from claims.models.claims import ClaimQuerySet

AT_ONCE = 5_000  # claims that one look tells of; the next look tells of the next


def stop(claims: QuerySet[Claim], *, now: datetime) -> None:
    """The customer is asked: from now on their time runs, not ours. Asked before and not answered: since then."""
    claims.update(asked_at=Coalesce("asked_at", Value(now, DateTimeField())))


def resume(claims: QuerySet[Claim], *, now: datetime) -> int:
    """Our time runs again: due that much later as the customer took, and warned of anew. Returns how many stood still."""
    pause = Greatest(Value(now, DateTimeField()), F("asked_at")) - F("asked_at")
    return claims.filter(asked_at__isnull=False).update(
        due_at=F("due_at") + pause, asked_at=None, warned_at=None, escalated_at=None
    )


@dataclass(frozen=True)
class Alarms:
    """What a look at the clocks found that nobody was told of before."""

    overdue: QuerySet[Claim]
    due_soon: QuerySet[Claim]


@transaction.atomic
def warn_and_escalate(*, now: datetime, warn_before: timedelta) -> Alarms:
    """Open claims that are overdue, or due within `warn_before`: each is told of once, until its due time moves.

    The claims' revisions stay: who has one open may still act on it.
    """
    running = Claim.objects.on_the_clock()
    late = running.overdue(now).filter(escalated_at__isnull=True)
    soon = running.filter(due_at__gte=now, due_at__lte=now + warn_before, warned_at__isnull=True)
    Claim.objects.filter(pk__in=_free(late)).update(escalated_at=now)
    Claim.objects.filter(pk__in=_free(soon)).update(warned_at=now)
    told = Claim.objects.in_queue_order()
    return Alarms(overdue=told.filter(escalated_at=now), due_soon=told.filter(warned_at=now))


def _free(claims: ClaimQuerySet) -> list[int]:
    """The AT_ONCE due first that nobody works on at this very moment, locked: the others are told of next time."""
    locked = claims.in_queue_order().locked(skip_locked=True)
    return list(locked.values_list("pk", flat=True)[:AT_ONCE])
