"""The queue's doors: a job id in, one workflow call a slice; safe to run twice."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial, wraps

import pghistory
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import get_connection, send_mail
from django.db import transaction
from django.utils import timezone

from claims import contact_files, digests, inspecting, letters, verifying, workflow
from claims.models import Assessment, ContactFile, Evidence, Preview
from jobs import queue
from jobs.models import Job, Part

TURN = timedelta(seconds=60)  # then the job goes back to the queue: well before the cluster's timeout ends the task
log = logging.getLogger(__name__)


def _job(work: Callable[[Job], None]) -> Callable[[int], None]:
    """A task that takes the job of its number, if it is to be had, and works on it.

    What it changes names the job; who lost it leaves it to whoever has it; any other error is told to the queue.
    """

    @wraps(work)
    def task(job_id: int) -> None:
        job = queue.take(job_id, now=timezone.now())
        if job is None:
            return
        try:
            with pghistory.context(job=job.shared.key):
                work(job)
        except queue.LeaseLost:
            log.warning("%s went on in another worker", job.key)
        except Exception as error:
            queue.fail(job, error, now=timezone.now())
            raise

    return task


def _take_turn(job: Job, step: Callable[[], bool]) -> None:
    """Step by step, until there is nothing left or others are to have their turn."""
    turn_ends_at = timezone.now() + TURN
    while step():
        if timezone.now() >= turn_ends_at or queue.others_wait(job):
            queue.pass_on(job, now=timezone.now())
            return


@_job
def assess(job: Job) -> None:
    """Do parts of an assessment, each with its progress in one commit; a killed worker costs one part."""
    _take_turn(job, partial(_carry_part, job, _run_of(job), workflow.assess_part, workflow.finish_assessment))


@_job
def approve_straight_through(job: Job) -> None:
    """Approve what the policy lets pass without a click, so many claims a commit."""
    _take_turn(job, partial(_carry_part, job, _run_of(job), workflow.straight_through_part))


def _run_of(job: Job) -> Assessment:
    return Assessment.objects.select_related("policy__published_by").get(pk=job.argument["assessment"])


@_job
def take_contacts_in(job: Job) -> None:
    """Take a helpdesk's file in, slice by slice, each with its progress in one commit; a killed worker costs one slice."""
    file = ContactFile.objects.select_related("incident", "added_by").get(pk=job.argument["contact_file"])
    _take_turn(job, partial(_carry_part, job, file, contact_files.take_part_in, contact_files.finish))


@transaction.atomic
def _carry_part(job: Job, work: Assessment | ContactFile, verb: Callable, ending: Callable | None = None) -> bool:
    """The next part of the work, `verb(work, part, now)`, or its end, `ending(work, now)`. Whether to go on."""
    part = queue.next_part(job)
    began_at = timezone.now()
    if part is None:
        if ending is not None:
            ending(work, now=began_at)
        queue.finish(job, now=timezone.now())
        return False
    verb(work, part, now=began_at)
    return queue.advance(job, part, began_at=began_at, now=timezone.now())


@_job
def send_letters(job: Job) -> None:
    """Send what is due, a portion a connection. What a killed worker had in hand, a person looks at."""
    _take_turn(job, partial(_send_part, job))


def _send_part(job: Job) -> bool:
    """The next portion, sent outside any transaction, or the end of the job. Whether to go on."""
    part = _next_portion(job)
    if part is None:
        return False
    began_at = timezone.now()
    _send_portion(part)
    with transaction.atomic():
        return queue.advance(job, part, began_at=began_at, now=timezone.now())


@transaction.atomic
def _next_portion(job: Job) -> Part | None:
    """What is to be sent next, or the end of the job. Its lock ends here: the letters have their own."""
    part = queue.next_part(job)
    if part is None:
        queue.finish(job, now=timezone.now())
    return part


def _send_portion(part: Part) -> None:
    """Each letter by itself: in hand, committed; sent; what became of it, committed."""
    post = get_connection()
    try:
        while letter := letters.take(part.first, part.last, now=timezone.now()):
            status, error = letters.send(letter, sender=settings.DEFAULT_FROM_EMAIL, post=post)
            letters.keep(letter, status, error, now=timezone.now())
    finally:
        post.close()


@_job
def preview(job: Job) -> None:
    """Rehearse a policy over its incident's orders in one piece; what is kept and the job's end share one commit."""
    found = Preview.objects.get(pk=job.argument["preview"])
    figures = workflow.rehearse(found, now=timezone.now())
    with transaction.atomic():
        workflow.keep_preview(found, figures, now=timezone.now())
        queue.finish(job, now=timezone.now())


@_job
def inspect(job: Job) -> None:
    """Watch a screen recording in full, in a child process; what was seen and the job's end share one commit."""
    evidence = Evidence.objects.get(pk=job.argument["evidence"])
    said, findings = inspecting.watch_kept(evidence)
    with transaction.atomic():
        inspecting.keep_inspection(evidence, said, findings, now=timezone.now())
        queue.finish(job, now=timezone.now())


def sweep() -> None:
    """Every minute: jobs whose worker died, and claims that wait to be assessed and nobody asked for."""
    now = timezone.now()
    queue.sweep(now=now)
    inspecting.give_up(now=now)
    workflow.queue_forgotten(hands=settings.WORKERS, now=now)
    workflow.forget_who_left(now=now)
    workflow.queue_letters(now=now)


@_job
def verify(job: Job) -> None:
    """Verify the books in one piece. Done twice, two runs are kept: each says what it saw."""
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
    for digest in digests.digests(overdue=alarms.overdue, due_soon=alarms.due_soon, portal=settings.PORTAL_URL):
        try:
            send_mail(digest.subject, digest.body, None, [digest.to])
        except OSError:  # the queue shows these claims all the same; the others still get their letters
            log.exception("the digest of late claims did not go out to %s", digest.to)


def watch_offers() -> None:
    """Every minute: offers that nobody answered in time go back to the desk; whoever may still answer is reminded once."""
    with pghistory.context(job="watch-offers"):
        workflow.expire_offers(now=timezone.now())
        workflow.remind_of_offers(now=timezone.now(), before=settings.OFFER_REMINDER_BEFORE)
