"""Queue, take, advance, pause, cancel, retry and end a job. The only writers of `Job`.

django-q2 delivers at least once and does not count crashes, so a job counts its own attempts before the work, holds a lease
while it runs, and commits each slice's effect together with its progress.
"""

from __future__ import annotations

import logging
import traceback
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _
from django_q.models import OrmQ
from django_q.tasks import async_task

from jobs.models import Job, Part
from jobs.pulse import dead, here

LEASE = timedelta(minutes=2)
SWALLOWED = timedelta(seconds=20)  # out of the queue and not begun for so long: who took its task died
AT_MOST = "at_most"  # in a job's argument: the seconds that one task may take, where timeout and lease are too short
DIED = "its worker died at every attempt"  # the error of a job that a sweep gave up
TRIES = Job._meta.get_field("max_attempts").default
PERMISSION = "jobs.change_job"
STATE = Job.State
log = logging.getLogger(__name__)


class LeaseLost(Exception):
    """Another worker took the job over, or a person cancelled it: this one must leave its slice uncommitted."""


class JobRefused(Exception):
    """What may not be done with a job now, or not by this person; the message says why, in their language."""


@transaction.atomic
def enqueue(
    *, key: str, task: str, argument: dict, now: datetime, total: int = 0, parts: Sequence[Part] = (), hands: int = 1
) -> Job:
    """The job for this work; queued with the caller's transaction if it is new. The same key again returns the same job.

    `parts` are shared by so many `hands`, as far as a stage has parts for them: a job each, the further ones helping the first.
    """
    fields = {"task": task, "argument": argument, "created_at": now, "queued_at": now}
    job, created = Job.objects.get_or_create(key=key, defaults=fields | {"total": total})
    if created:
        for part in parts:
            part.job = job
        Part.objects.bulk_create(parts)
        useful = max(Counter(part.stage for part in parts).values(), default=1)
        helpers = [Job(key=f"{key}/{hand}", helps=job, **fields) for hand in range(2, min(hands, useful) + 1)]
        _hand_out([job, *Job.objects.bulk_create(helpers)])
    return job


def _hand_out(jobs: Sequence[Job]) -> None:
    for job in jobs:
        longer = {"timeout": job.argument[AT_MOST]} if AT_MOST in job.argument else {}
        async_task(job.task, job.pk, q_options={"task_name": f"job-{job.pk}", **longer})


def take(job_id: int, *, now: datetime) -> Job | None:
    """Take the job under a lease, counting the attempt first; None when it is not to be had (paused, ended, leased, worn out)."""
    free = Q(state=STATE.QUEUED) | Q(state=STATE.RUNNING, lease_until__lt=now)
    waiting = Job.objects.filter(free, pk=job_id, attempts__lt=F("max_attempts"))
    argument = waiting.values_list("argument", flat=True).first()
    if argument is None:
        return None
    lease = timedelta(seconds=argument[AT_MOST]) if AT_MOST in argument else LEASE
    taken = waiting.update(
        state=STATE.RUNNING,
        attempts=F("attempts") + 1,
        lease_until=now + lease,
        started_at=now,
        error="",
        worker=here(),
    )
    return Job.objects.select_related("helps").get(pk=job_id) if taken else None


def next_part(job: Job) -> Part | None:
    """Inside the slice's transaction: a part of the shared work that nobody does, its row locked; None when all are done.

    What another worker has locked is passed over; when nothing else is left of the stage we wait for it: its owner finishes it
    or dies, and then it is ours.
    """
    parts = Part.objects.filter(job=job.shared).unfinished().order_by("stage", "first")
    stage = parts.values_list("stage", flat=True).first()
    if stage is None:
        return None
    free = parts.filter(stage=stage).select_for_update(skip_locked=True).first()
    if free is None:
        # Not `first()`: of the rows that are done by the time we are let in, the lock passes on to the next that is not.
        free = parts.filter(stage=stage).select_for_update().first()
    return free or next_part(job)


def advance(job: Job, part: Part, *, began_at: datetime, now: datetime) -> bool:
    """Inside the slice's transaction: the part is done and the lease renewed, or LeaseLost undoes the slice.

    Whoever gets on has as many attempts before them as at the start. False: the job was paused or cancelled meanwhile; what
    is done stays done, and this worker goes on no more.
    """
    Part.objects.filter(pk=part.pk).update(started_at=began_at, finished_at=now)
    mine = Job.objects.filter(pk=job.pk, attempts=job.attempts)
    kept = {"done": F("done") + part.size, "max_attempts": F("attempts") + TRIES}
    if mine.filter(state=STATE.RUNNING).update(lease_until=now + LEASE, **kept):
        return True
    if mine.filter(state__in=(STATE.PAUSED, STATE.CANCELLED)).update(lease_until=None, **kept):
        return False
    raise LeaseLost(job.key)


@transaction.atomic
def finish(job: Job, *, now: datetime) -> None:
    """Inside the last transaction of the work. Of those who share it the first finishes it for all.

    Cancelled before: LeaseLost undoes that transaction, and with it work that was one piece.
    """
    mine = {hand.pk: hand for hand in _locked(job)}[job.pk]
    if mine.attempts != job.attempts or mine.state in (STATE.QUEUED, *Job.RETRIABLE):
        raise LeaseLost(job.key)
    if mine.state != STATE.DONE:
        Job.objects.sharing(job).update(state=STATE.DONE, lease_until=None, finished_at=now)
        Job.objects.filter(pk=job.shared.pk).update(done=F("total"))


def _locked(job: Job) -> list[Job]:
    """All that share the work, in one order everywhere."""
    return list(Job.objects.sharing(job).order_by("pk").select_for_update(of=("self",)))


def others_wait(job: Job) -> bool:
    """Whether somebody who would help has not been let in yet.

    A queue takes tasks ahead of its worker: the helper's may lie behind this very turn, while another worker stands idle.
    """
    return Job.objects.sharing(job).filter(state=STATE.QUEUED).exists()


@transaction.atomic
def pass_on(job: Job, *, now: datetime) -> None:
    """This worker's turn is over: back to the queue, behind what came in meanwhile."""
    passed = Job.objects.filter(pk=job.pk, state=STATE.RUNNING, attempts=job.attempts).update(
        state=STATE.QUEUED, lease_until=None, queued_at=now
    )
    if not passed:
        raise LeaseLost(job.key)
    _hand_out([job])


def pause(job: Job) -> bool:
    """Nobody begins another part of it, and no sweep wakes it, until it is resumed. False: it does not run any more."""
    going_on = Job.objects.sharing(job).filter(state__in=(STATE.QUEUED, STATE.RUNNING))
    return bool(going_on.update(state=STATE.PAUSED))


@transaction.atomic
def resume(job: Job, *, now: datetime) -> bool:
    """Hand a paused job out again, with as many attempts before it as at the start. False: it is not paused."""
    paused = list(Job.objects.sharing(job).filter(state=STATE.PAUSED).order_by("pk").select_for_update())
    Job.objects.filter(pk__in=[hand.pk for hand in paused]).update(
        state=STATE.QUEUED, lease_until=None, queued_at=now, max_attempts=F("attempts") + TRIES
    )
    _hand_out(paused)
    return bool(paused)


@transaction.atomic
def cancel(job: Job, *, by, now: datetime) -> None:
    """Nobody begins another part of it and no sweep wakes it. The part under way still commits, or is undone with its worker.

    What was done stays done; `retry` goes on there. JobRefused: no permission, or the work has ended.
    """
    _may(by)
    ended = {"state": STATE.CANCELLED, "lease_until": None, "finished_at": now, "handled_by": by, "handled_at": now}
    under_way = [hand.pk for hand in _locked(job) if hand.state in Job.UNFINISHED]
    if not Job.objects.filter(pk__in=under_way).update(**ended):
        raise JobRefused(_("%(job)s has ended already: there is nothing to cancel") % {"job": job.shared.key})


@transaction.atomic
def retry(job: Job, *, by, now: datetime) -> None:
    """Failed or cancelled work goes on where it stopped, with as many attempts before it as at the start.

    JobRefused: no permission, or somebody had it tried again already.
    """
    _may(by)
    stopped = [hand for hand in _locked(job) if hand.state in Job.RETRIABLE]
    if not stopped:
        raise JobRefused(
            _("%(job)s neither failed nor was cancelled: it is not to be tried again") % {"job": job.shared.key}
        )
    Job.objects.filter(pk__in=[hand.pk for hand in stopped]).update(
        state=STATE.QUEUED,
        queued_at=now,
        finished_at=None,
        max_attempts=F("attempts") + TRIES,
        handled_by=by,
        handled_at=now,
    )
    _hand_out(stopped)


def _may(by) -> None:
    if by is None or not by.has_perm(PERMISSION):
        raise JobRefused(
            _("jobs are cancelled and tried again by whoever has the permission %(p)s") % {"p": PERMISSION}
        )


def fail(job: Job, error: Exception, *, now: datetime) -> None:
    """The attempt ended in an error: back to the queue while attempts are left, else failed for a person to see."""
    job.refresh_from_db(fields=["max_attempts"])  # its parts may have moved the bound
    worn = job.attempts >= job.max_attempts
    Job.objects.filter(pk=job.pk, state=STATE.RUNNING, attempts=job.attempts).update(
        state=STATE.FAILED if worn else STATE.QUEUED,
        lease_until=None,
        error=_told(error),
        finished_at=now if worn else None,
    )


def _told(error: Exception) -> str:
    """What went wrong in a line, and below it where in the program, outermost first."""
    where = "".join(traceback.format_tb(error.__traceback__))
    line = " ".join(f"{type(error).__name__}: {error}".split())
    return f"{line[:2000]}\n{where[-8000:]}".strip().replace("\0", "")


def sweep(*, gone: Sequence[str] = (), now: datetime) -> int:
    """Queue again what a dead worker left, and what waits with attempts left; give up what is worn out. Returns how many.

    A lease is awaited, unless the cluster that holds it is dead; `gone`: the caller knows it of these.
    """
    running = Job.objects.filter(state=STATE.RUNNING).order_by().values_list("worker", flat=True).distinct()
    stranded = Job.objects.stranded(now, left_by=[*gone, *dead(running)])
    worn = stranded.filter(attempts__gte=F("max_attempts")).update(
        state=STATE.FAILED, lease_until=None, error=DIED, finished_at=now
    )
    if worn:
        log.error("%s jobs gave up: their worker died at every attempt", worn)
    lost = stranded.all() | Job.objects.filter(_forgotten(now), state=STATE.QUEUED)
    with transaction.atomic():
        jobs = list(lost.select_for_update(skip_locked=True))
        _hand_out(jobs)
        Job.objects.filter(pk__in=[job.pk for job in jobs]).update(state=STATE.QUEUED, lease_until=None, queued_at=now)
    return len(jobs)


def _forgotten(now: datetime) -> Q:
    """Which waiting jobs nobody will take: handed out long ago, or out of the queue without having begun or failed."""
    forgotten = Q(queued_at__lt=now - LEASE)
    if not OrmQ.objects.filter(lock__lte=now).exists():
        forgotten |= Q(queued_at__lt=now - SWALLOWED, error="")
    return forgotten
