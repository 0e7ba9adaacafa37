"""The queue's doors: a job id in, one workflow call a slice; safe to run twice."""

from __future__ import annotations

import logging
from datetime import timedelta

import pghistory
from django.db import transaction
from django.utils import timezone

from claims import workflow
from claims.models import Assessment
from jobs import queue

TURN = timedelta(seconds=60)  # then the job goes back to the queue: well before the cluster's timeout ends the task
log = logging.getLogger(__name__)


def assess(job_id: int) -> None:
    """Carry an assessment to its end, a slice and its progress per commit; a killed worker costs one slice."""
    job = queue.take(job_id, now=timezone.now())
    if job is None:
        return
    with pghistory.context(job=job.key):
        try:
            _assess(job, Assessment.objects.get(pk=job.argument["assessment"]))
        except queue.LeaseLost:
            log.warning("%s went on in another worker", job.key)
        except Exception as error:
            queue.fail(job, error, now=timezone.now())
            raise


def _assess(job, assessment: Assessment) -> None:
    turn_ends_at = timezone.now() + TURN
    while True:
        with transaction.atomic():
            last, done = workflow.assess_slice(assessment, after=job.cursor)
            if not done:
                workflow.finish_assessment(assessment, now=timezone.now())
                queue.finish(job, now=timezone.now())
                return
            queue.advance(job, cursor=last, done=done, now=timezone.now())
        if timezone.now() >= turn_ends_at:
            queue.pass_on(job, now=timezone.now())
            return


def sweep() -> None:
    """Every minute: jobs whose worker died, and claims that wait to be assessed and nobody asked for."""
    now = timezone.now()
    queue.sweep(now=now)
    workflow.queue_forgotten(now=now)
