"""Queue, take, advance and end a job. The only writers of `Job`.

django-q2 delivers at least once and does not count crashes, so a job counts its own attempts before the work, holds a lease
while it runs, and commits each slice's effect together with its progress.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q
from django_q.tasks import async_task

from jobs.models import Job

LEASE = timedelta(minutes=2)
TRIES = Job._meta.get_field("max_attempts").default
log = logging.getLogger(__name__)


class LeaseLost(Exception):
    """Another worker took the job over: this one must leave its slice uncommitted."""


@transaction.atomic
def enqueue(*, key: str, task: str, argument: dict, now: datetime, total: int = 0) -> Job:
    """The job for this work; queued with the caller's transaction if it is new. The same key again returns the same job."""
    job, created = Job.objects.get_or_create(
        key=key, defaults={"task": task, "argument": argument, "total": total, "created_at": now, "queued_at": now}
    )
    if created:
        async_task(task, job.pk, q_options={"task_name": f"job-{job.pk}"})
    return job


def take(job_id: int, *, now: datetime) -> Job | None:
    """Take the job under a lease, counting the attempt first; None when it is not to be taken (done, leased, worn out)."""
    free = Q(state=Job.State.QUEUED) | Q(state=Job.State.RUNNING, lease_until__lt=now)
    taken = Job.objects.filter(free, pk=job_id, attempts__lt=F("max_attempts")).update(
        state=Job.State.RUNNING, attempts=F("attempts") + 1, lease_until=now + LEASE, started_at=now, error=""
    )
    return Job.objects.get(pk=job_id) if taken else None


def advance(job: Job, *, cursor: int, done: int, now: datetime) -> None:
    """Inside the slice's transaction: move the cursor and renew the lease, or raise LeaseLost and so undo the slice."""
    moved = Job.objects.filter(pk=job.pk, state=Job.State.RUNNING, attempts=job.attempts, cursor=job.cursor).update(
        cursor=cursor, done=job.done + done, lease_until=now + LEASE
    )
    if not moved:
        raise LeaseLost(job.key)
    job.cursor, job.done = cursor, job.done + done


def finish(job: Job, *, now: datetime) -> None:
    """Inside the last transaction of the work."""
    ended = Job.objects.filter(pk=job.pk, state=Job.State.RUNNING, attempts=job.attempts).update(
        state=Job.State.DONE, lease_until=None, finished_at=now, done=F("total")
    )
    if not ended:
        raise LeaseLost(job.key)


@transaction.atomic
def pass_on(job: Job, *, now: datetime) -> None:
    """This worker's turn is over and the work got on: back to the queue, with as many tries before it as at the start."""
    passed = Job.objects.filter(pk=job.pk, state=Job.State.RUNNING, attempts=job.attempts).update(
        state=Job.State.QUEUED, lease_until=None, queued_at=now, max_attempts=F("attempts") + TRIES
    )
    if not passed:
        raise LeaseLost(job.key)
    async_task(job.task, job.pk, q_options={"task_name": f"job-{job.pk}"})


def fail(job: Job, error: Exception, *, now: datetime) -> None:
    """The attempt ended in an error: back to the queue while attempts are left, else failed for a person to see."""
    worn = job.attempts >= job.max_attempts
    Job.objects.filter(pk=job.pk, state=Job.State.RUNNING, attempts=job.attempts).update(
        state=Job.State.FAILED if worn else Job.State.QUEUED,
        lease_until=None,
        error=f"{type(error).__name__}: {error}"[:2000],
        finished_at=now if worn else None,
    )


def sweep(*, now: datetime) -> int:
    """Queue again what a dead worker left, and what waits with attempts left; give up what is worn out. Returns how many."""
    stranded = Job.objects.stranded(now)
    worn = stranded.filter(attempts__gte=F("max_attempts")).update(
        state=Job.State.FAILED, lease_until=None, error="its worker died at every attempt", finished_at=now
    )
    if worn:
        log.error("%s jobs gave up: their worker died at every attempt", worn)
    lost = Job.objects.stranded(now) | Job.objects.filter(state=Job.State.QUEUED, queued_at__lt=now - LEASE)
    with transaction.atomic():
        ids = list(lost.select_for_update(skip_locked=True).values_list("pk", "task"))
        for pk, task in ids:
            async_task(task, pk, q_options={"task_name": f"job-{pk}"})
        Job.objects.filter(pk__in=[pk for pk, _task in ids]).update(
            state=Job.State.QUEUED, lease_until=None, queued_at=now
        )
    return len(ids)
