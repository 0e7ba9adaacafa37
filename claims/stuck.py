"""What ought to have been done by now and that no job carries: claims to assess, letters to send, files to look at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet

from claims.models import Assessment, Claim, Evidence, Letter, Policy
from jobs.models import Job

AFTER = timedelta(minutes=15)  # the sweep comes every minute: whatever still waits then needs a person
LISTED = 10  # rows of a kind on the page


def claims(now: datetime) -> QuerySet[Claim]:
    """Claims to be assessed for a quarter of an hour, in incidents that could be and whose runs nobody carries."""
    arguments = Job.objects.unfinished().filter(task="claims.tasks.assess").values_list("argument", flat=True)
    carried = Assessment.objects.filter(pk__in=[argument["assessment"] for argument in arguments])
    lately = Assessment.objects.filter(incident=OuterRef("incident"), requested_at__gte=now - AFTER)
    possible = Policy.objects.filter(status=Policy.Status.PUBLISHED, incident__windows__isnull=False)
    waiting = Claim.objects.filter(status=Claim.Status.SUBMITTED, submitted_at__lt=now - AFTER)
    waiting = waiting.filter(incident__in=possible.values("incident")).exclude(Exists(lately))
    return waiting.exclude(incident__in=carried.values("incident"))


def letters(now: datetime) -> QuerySet[Letter]:
    """Letters that should have left long ago; a mail server's own pauses are waited for."""
    return Letter.objects.due(now).filter(
        Q(tried_at__isnull=True, written_at__lt=now - AFTER) | Q(tried_at__lt=now - AFTER - max(Letter.PAUSES))
    )


def doubtful_letters(now: datetime) -> QuerySet[Letter]:
    """Letters that were perhaps sent: whoever sent them died before the answer. A person says which, on the letter."""
    return Letter.objects.perhaps_sent(now)


def evidence(now: datetime) -> QuerySet[Evidence]:
    """Files that came in a quarter of an hour ago, that no worker has looked at and none is going to."""
    arguments = Job.objects.unfinished().filter(task="claims.tasks.inspect").values_list("argument", flat=True)
    waiting = Evidence.objects.filter(inspected_at__isnull=True, received_at__lt=now - AFTER)
    return waiting.exclude(pk__in=[argument["evidence"] for argument in arguments])


@dataclass(frozen=True)
class Found:
    """How many of a kind got stuck, since when, and the first of them."""

    count: int
    since: datetime | None
    rows: list


def found(rows: QuerySet, since: str) -> Found:
    """The oldest rows, by the field that says since when, counted."""
    counted = rows.order_by().aggregate(count=Count("pk"), since=Min(since))
    return Found(**counted, rows=list(rows.order_by(since, "pk")[:LISTED]) if counted["count"] else [])
