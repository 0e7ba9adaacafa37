"""The queue's doors: a job id in, one workflow call a slice; safe to run twice."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pghistory
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import get_connection, send_mail
from django.db import transaction
from django.utils import timezone

from claims import contact_files, digests, inspecting, letters, verifying, workflow
from claims.models import Assessment, ContactFile, Evidence, Preview
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
    with _at_work(job):
        run = Assessment.objects.select_related("policy__published_by").get(pk=job.argument["assessment"])
        turn_ends_at = timezone.now() + TURN
        while _carry_part(job, run, verb, ending):
            if timezone.now() >= turn_ends_at or queue.others_wait(job):
                queue.pass_on(job, now=timezone.now())
                return


@contextmanager
def _at_work(job) -> Iterator[None]:
    """What it changes names the job; who lost it leaves it to whoever has it; any other error is told to the queue."""
    try:
        with pghistory.context(job=job.shared.key):
            yield
    except queue.LeaseLost:
        log.warning("%s went on in another worker", job.key)
    except Exception as error:
        queue.fail(job, error, now=timezone.now())
        raise


@transaction.atomic
def _carry_part(job, run: Assessment | ContactFile, verb: Callable, ending: Callable | None) -> bool:
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


def take_contacts_in(job_id: int) -> None:
    """Take a helpdesk's file in, slice by slice, each with its progress in one commit; a killed worker costs one slice."""
    job = queue.take(job_id, now=timezone.now())
    if job is None:
        return
    with _at_work(job):
        files = ContactFile.objects.select_related("incident", "added_by")
        file = files.get(pk=job.argument["contact_file"])
        turn_ends_at = timezone.now() + TURN
        while _carry_part(job, file, contact_files.take_part_in, contact_files.finish):
            if timezone.now() >= turn_ends_at or queue.others_wait(job):
                queue.pass_on(job, now=timezone.now())
                return


def send_letters(job_id: int) -> None:
    """Send what is due, a portion a connection. What a killed worker had in hand, a person looks at."""
    job = queue.take(job_id, now=timezone.now())
    if job is None:
        return
    with _at_work(job):
        turn_ends_at = timezone.now() + TURN
        while part := _next_portion(job):
            began_at = timezone.now()
            _send_portion(part)
            with transaction.atomic():
                goes_on = queue.advance(job, part, began_at=began_at, now=timezone.now())
            if not goes_on:
                return
            if timezone.now() >= turn_ends_at:
                queue.pass_on(job, now=timezone.now())
                return


@transaction.atomic
def _next_portion(job):
    """What is to be sent next, or the end of the job. Its lock ends here: the letters have their own."""
    part = queue.next_part(job)
    if part is None:
        queue.finish(job, now=timezone.now())
    return part


def _send_portion(part) -> None:
    """Each letter by itself: in hand, committed; sent; what became of it, committed."""
    post = get_connection()
    try:
        while letter := letters.take(part.first, part.last, now=timezone.now()):
            status, error = letters.send(letter, sender=settings.DEFAULT_FROM_EMAIL, post=post)
            letters.keep(letter, status, error, now=timezone.now())
    finally:
        post.close()


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


def inspect(job_id: int) -> None:
    """Watch a screen recording in full, in a child process; what was seen and the job's end share one commit."""
    job = queue.take(job_id, now=timezone.now(), lease=inspecting.lease_of(job_id))
    if job is None:
        return
    with _at_work(job):
        evidence = Evidence.objects.get(pk=job.argument["evidence"])
        said, findings = inspecting.watch_kept(evidence)
        with transaction.atomic():
            inspecting.keep_inspection(evidence, said, findings, now=timezone.now())
            queue.finish(job, now=timezone.now())


def sweep() -> None:
    """Every minute: jobs whose worker died, and claims that wait to be assessed and nobody asked for."""
    now = timezone.now()
    queue.sweep(now=now)
    workflow.queue_forgotten(hands=settings.WORKERS, now=now)
    workflow.forget_who_left(now=now)
    workflow.queue_letters(now=now)


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


def watch_clocks() -> None:
    """Every five minutes: who has a claim that is overdue or due soon is written to, and the managers; once a claim."""
    with pghistory.context(job="watch-clocks"):
        alarms = workflow.warn_and_escalate(now=timezone.now(), warn_before=settings.SLA_WARN_BEFORE)
    for digest in digests.digests(overdue=alarms.overdue, due_soon=alarms.due_soon):
        try:
            send_mail(digest.subject, digest.body, None, [digest.to])
        except OSError:  # the queue shows these claims all the same; the others still get their letters
            log.exception("the digest of late claims did not go out to %s", digest.to)


def watch_offers() -> None:
    """Every minute: offers that nobody answered in time go back to the desk; whoever may still answer is reminded once."""
    with pghistory.context(job="watch-offers"):
        workflow.expire_offers(now=timezone.now())
        workflow.remind_of_offers(now=timezone.now(), before=settings.OFFER_REMINDER_BEFORE)
