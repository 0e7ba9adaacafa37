"""The queue's doors: a job id in, one workflow call a slice; safe to run twice."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pghistory
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.utils import timezone

from claims import verifying, workflow
from claims.models import Assessment, Preview
from jobs import queue

TURN = timedelta(seconds=60)  # then the job goes back to the queue: well before the cluster's timeout ends the task
log = logging.getLogger(__name__)


def assess(job_id: int) -> None:
    """Do parts of an assessment, each with its progress in one commit; a killed worker costs one part."""
    _carry(job_id, workflow.assess_part, workflow.finish_assessment)


def approve_straight_through(job_id: int) -> None:
    """Approve what the policy lets pass without a click, so many claims a commit."""
    _carry(job_id, workflow.straight_through_part, None)


def _carry(job_id: int, verb: Callable, ending: Callable | None) -> None:
    """Take a turn at the parts of a run: `verb(run, part, now)`, and in the end `ending(run, now)`."""
    job = queue.take(job_id, now=timezone.now())
    if job is None:
        return
    with pghistory.context(job=job.shared.key), _at_work(job):
        run = Assessment.objects.select_related("policy__published_by").get(pk=job.argument["assessment"])
        turn_ends_at = timezone.now() + TURN
        while _carry_part(job, run, verb, ending):
            if timezone.now() >= turn_ends_at or queue.others_wait(job):
                queue.pass_on(job, now=timezone.now())
                return


@contextmanager
def _at_work(job) -> Iterator[None]:
    """Who lost the job leaves it to whoever has it; any other error is told to the queue."""
    try:
        yield
    except queue.LeaseLost:
        log.warning("%s went on in another worker", job.key)
    except Exception as error:
        queue.fail(job, error, now=timezone.now())
        raise


@transaction.atomic
def _carry_part(job, run: Assessment, verb: Callable, ending: Callable | None) -> bool:
    """The next part, or the end of the run. Whether to go on."""
    part = queue.next_part(job)
    began_at = timezone.now()
    if part is None:
        if ending is not None:
            ending(run, now=began_at)
        queue.finish(job, now=timezone.now())
        return False
    verb(run, part, now=began_at)
    return queue.advance(job, part, began_at=began_at, now=timezone.now())


def preview(job_id: int) -> None:
    """Rehearse a policy over its incident's orders in one piece; what is kept and the job's end share one commit."""
    job = queue.take(job_id, now=timezone.now(), lease=workflow.PREVIEW_AT_MOST)
    if job is None:
        return
    with _at_work(job):
        found = Preview.objects.get(pk=job.argument["preview"])
        figures = workflow.rehearse(found, now=timezone.now())
        with transaction.atomic():
            workflow.keep_preview(found, figures, now=timezone.now())
            queue.finish(job, now=timezone.now())


def sweep() -> None:
    """Every minute: jobs whose worker died, and claims that wait to be assessed and nobody asked for."""
    now = timezone.now()
    queue.sweep(now=now)
    workflow.queue_forgotten(hands=settings.WORKERS, now=now)


def verify(job_id: int) -> None:
    """Verify the books in one piece. Done twice, two runs are kept: each says what it saw."""
    job = queue.take(job_id, now=timezone.now(), lease=verifying.VERIFY_AT_MOST)
    if job is None:
        return
    with _at_work(job):
        asked_by = get_user_model().objects.filter(pk=job.argument["by"]).first()
        verifying.verify(by=asked_by, now=timezone.now())
        queue.finish(job, now=timezone.now())


def verify_nightly() -> None:
    """Every night: what committed too late for the seals of the day is sealed, and everything is verified."""
    verifying.seal_and_request(now=timezone.now())
