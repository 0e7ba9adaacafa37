"""How far a shared job is and how long it will take still."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, Q, Sum

from jobs.models import Job

RECENT = 20  # the last finished parts tell the pace


@dataclass(frozen=True)
class Estimate:
    """Progress in the unit of the parts' sizes; `left` is None while nothing tells it."""

    done: int
    total: int
    workers: int
    left: timedelta | None

    @property
    def percent(self) -> int:
        return 100 * self.done // self.total if self.total else 0


def estimate(job: Job, *, now: datetime) -> Estimate:
    """Read from the parts: what is finished, by how many workers just now, at the pace of the last parts of the last stage."""
    done = job.parts.aggregate(size=Sum("size", filter=Q(finished_at__isnull=False)))["size"] or 0
    workers = Job.objects.sharing(job).filter(state=Job.State.RUNNING, lease_until__gte=now).count()
    return Estimate(done=done, total=job.total, workers=workers, left=_left(job, workers))


def _left(job: Job, workers: int) -> timedelta | None:
    """Parts of one stage take alike; while an earlier stage runs nobody knows how long the last one will take."""
    counted = job.parts.values("stage").annotate(left=Count("pk", filter=Q(finished_at__isnull=True))).order_by("stage")
    stages = list(counted)
    if not stages or not workers or any(stage["left"] for stage in stages[:-1]):
        return None
    finished = job.parts.filter(stage=stages[-1]["stage"], finished_at__isnull=False).order_by("-finished_at")
    took = list(finished.values_list(F("finished_at") - F("started_at"), flat=True)[:RECENT])
    return sum(took, timedelta()) / len(took) * stages[-1]["left"] / workers if took else None
