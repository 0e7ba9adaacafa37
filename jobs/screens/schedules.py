"""What the workers do every so often, as django-q2 keeps it: when it ran, when it runs next, how often it failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count
from django_q.models import Schedule, Task

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Line:
    """One schedule."""

    schedule: Schedule
    words: str
    last: Task | None
    failures: int  # in the last day
    now: datetime

    @property
    def late(self) -> bool:
        """It ought to have run a while ago: nobody hands tasks out."""
        return self.schedule.next_run < self.now - timedelta(minutes=5)


def lines(tasks: Mapping[str, object], *, now: datetime) -> list[Line]:
    """All schedules in three questions, by name."""
    kept = list(Schedule.objects.order_by("name"))
    last = Task.objects.only("id", "started", "stopped", "success").in_bulk([row.task for row in kept if row.task])
    failed = dict(
        Task.objects.filter(success=False, func__in=[row.func for row in kept], stopped__gte=now - DAY)
        .order_by()
        .values_list("func")
        .annotate(Count("pk"))
    )
    return [
        Line(row, str(tasks.get(row.func, row.func)), last.get(row.task), failed.get(row.func, 0), now) for row in kept
    ]
