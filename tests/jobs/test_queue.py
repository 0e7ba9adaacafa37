"""A job is taken under a lease, counted before it is tried, and survives whoever carries it."""

from datetime import timedelta

import pytest
from django.db import transaction
from django_q.models import OrmQ

from jobs import queue
from jobs.models import Job
from tests.factories import NOW

pytestmark = pytest.mark.django_db
LATER = NOW + queue.LEASE + timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def enqueue(key="assess-1", **fields) -> Job:
    return queue.enqueue(key=key, task="claims.tasks.assess", argument={"assessment": 1}, now=NOW, total=10, **fields)


def row(job: Job) -> Job:
    return Job.objects.get(pk=job.pk)


def test_the_same_work_is_queued_once():
    assert enqueue() == enqueue()
    assert (Job.objects.count(), OrmQ.objects.count()) == (1, 1)


def test_work_whose_caller_changed_their_mind_was_never_queued():
    with transaction.atomic():
        enqueue()
        transaction.set_rollback(True)
    assert (Job.objects.count(), OrmQ.objects.count()) == (0, 0)


def test_an_attempt_is_counted_before_the_work_and_leased_for_two_minutes():
    job = queue.take(enqueue().pk, now=NOW)
    assert (job.state, job.attempts, job.lease_until) == ("running", 1, NOW + timedelta(minutes=2))


def test_a_second_delivery_of_the_same_row_finds_nothing_to_do():
    job = enqueue()
    queue.take(job.pk, now=NOW)
    assert queue.take(job.pk, now=NOW + MINUTE) is None
    assert row(job).attempts == 1


def test_a_job_that_is_done_is_not_taken_again():
    job = queue.take(enqueue().pk, now=NOW)
    queue.finish(job, now=NOW)
    assert queue.take(job.pk, now=LATER) is None
    assert (row(job).state, row(job).done, row(job).finished_at) == ("done", 10, NOW)


def test_each_slice_moves_the_cursor_and_renews_the_lease():
    job = queue.take(enqueue().pk, now=NOW)
    queue.advance(job, cursor=400, done=4, now=NOW + MINUTE)
    queue.advance(job, cursor=700, done=3, now=NOW + MINUTE)
    assert (row(job).cursor, row(job).done, row(job).percent) == (700, 7, 70)
    assert row(job).lease_until == NOW + MINUTE + queue.LEASE


def test_a_slow_worker_that_lost_its_lease_leaves_its_slice_to_the_next():
    slow = queue.take(enqueue().pk, now=NOW)
    quick = queue.take(slow.pk, now=LATER)
    assert quick.attempts == 2
    with pytest.raises(queue.LeaseLost):
        queue.advance(slow, cursor=400, done=4, now=LATER)
    with pytest.raises(queue.LeaseLost):
        queue.finish(slow, now=LATER)
    queue.fail(slow, RuntimeError("too late to complain"), now=LATER)
    queue.advance(quick, cursor=400, done=4, now=LATER)
    assert (row(quick).state, row(quick).done, row(quick).error) == ("running", 4, "")


def test_an_error_puts_the_job_back_until_the_third_attempt():
    job = enqueue()
    for attempt, state, ended in ((1, "queued", None), (2, "queued", None), (3, "failed", NOW)):
        taken = queue.take(job.pk, now=NOW)
        assert taken.attempts == attempt
        queue.fail(taken, ValueError("no such thing"), now=NOW)
        assert (row(job).state, row(job).finished_at, row(job).error) == (state, ended, "ValueError: no such thing")
    assert queue.take(job.pk, now=LATER) is None


def test_the_sweep_queues_a_stranded_job_once_more_and_goes_on_where_it_stopped():
    job = queue.take(enqueue().pk, now=NOW)
    queue.advance(job, cursor=400, done=4, now=NOW)
    OrmQ.objects.all().delete()
    assert queue.sweep(now=NOW + MINUTE) == 0  # its lease still runs
    assert queue.sweep(now=LATER) == 1
    assert queue.sweep(now=LATER + MINUTE) == 0  # it waits its turn
    assert OrmQ.objects.count() == 1
    again = queue.take(job.pk, now=LATER + MINUTE)
    assert (again.attempts, again.cursor, again.done) == (2, 400, 4)


def test_the_sweep_queues_again_what_went_back_after_an_error_or_got_lost():
    job = queue.take(enqueue().pk, now=NOW)
    queue.fail(job, ValueError("a bad moment"), now=NOW)
    OrmQ.objects.all().delete()
    assert queue.sweep(now=NOW + MINUTE) == 0
    assert queue.sweep(now=LATER) == 1
    assert OrmQ.objects.get().task["args"] == (job.pk,)


def test_the_sweep_gives_up_a_job_whose_worker_died_three_times():
    job, now = enqueue(), NOW
    for _attempt in range(3):
        queue.take(job.pk, now=now)
        now += queue.LEASE + MINUTE
    assert queue.sweep(now=now) == 0
    assert (row(job).state, row(job).error) == ("failed", "its worker died at every attempt")
    assert queue.take(job.pk, now=now + MINUTE) is None
