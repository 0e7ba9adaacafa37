"""A job is taken under a lease, counted before it is tried, and survives whoever carries it."""

import os
import signal
import socket
import subprocess
import sys
from datetime import timedelta
from itertools import accumulate

import pytest
from django.db import transaction
from django.utils import timezone
from django_q.models import OrmQ

from jobs import queue, tasks
from jobs.models import Job, Part
from jobs.pulse import here
from tests.factories import NOW

pytestmark = pytest.mark.django_db
LATER = NOW + queue.LEASE + timedelta(seconds=1)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)


def enqueue(key="assess-1", **fields) -> Job:
    return queue.enqueue(key=key, task="claims.tasks.assess", argument={"assessment": 1}, now=NOW, total=10, **fields)


def row(job: Job) -> Job:
    return Job.objects.get(pk=job.pk)


def parts(*sizes: int, stage: int = 1) -> list[Part]:
    """Parts of so many keys each, one after the other."""
    ends = list(accumulate(sizes))
    return [Part(stage=stage, first=end - size + 1, last=end, size=size) for size, end in zip(sizes, ends, strict=True)]


def do_next(job: Job, now=NOW) -> bool:
    with transaction.atomic():
        return queue.advance(job, queue.next_part(job), began_at=now, now=now)


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


def test_each_part_counts_as_progress_and_renews_the_lease():
    job = queue.take(enqueue(parts=parts(4, 3, 3)).pk, now=NOW)
    assert do_next(job, NOW + MINUTE)
    assert do_next(job, NOW + MINUTE)
    assert row(job).done == 7
    assert row(job).lease_until == NOW + MINUTE + queue.LEASE
    done = Part.objects.filter(finished_at__isnull=False).values_list("first", "last", "started_at", "finished_at")
    assert list(done) == [(1, 4, NOW + MINUTE, NOW + MINUTE), (5, 7, NOW + MINUTE, NOW + MINUTE)]


def test_a_slow_worker_that_lost_its_lease_leaves_its_slice_to_the_next():
    slow = queue.take(enqueue(parts=parts(4, 6)).pk, now=NOW)
    quick = queue.take(slow.pk, now=LATER)
    assert quick.attempts == 2
    with pytest.raises(queue.LeaseLost):
        do_next(slow, LATER)
    with pytest.raises(queue.LeaseLost):
        queue.finish(slow, now=LATER)
    queue.fail(slow, RuntimeError("too late to complain"), now=LATER)
    do_next(quick, LATER)
    assert (row(job=quick).state, row(quick).done, row(quick).error) == ("running", 4, "")


def test_a_stage_begins_when_the_one_before_has_ended():
    job = queue.take(enqueue(parts=[*parts(10, stage=1), *parts(0 + 1, 1, stage=0)]).pk, now=NOW)
    order = []
    while part := queue.next_part(job):
        order.append((part.stage, part.first))
        queue.advance(job, part, began_at=NOW, now=NOW)
    assert order == [(0, 1), (0, 2), (1, 1)]


def test_a_long_job_has_a_helper_for_every_further_worker_as_far_as_there_are_parts():
    for hands, several, expected in ((1, 3, 1), (2, 3, 2), (5, 3, 3), (2, 1, 1), (3, 0, 1)):
        enqueue(f"assess-{hands}-{several}", parts=parts(*[2] * several), hands=hands)
        keys = Job.objects.filter(key__startswith=f"assess-{hands}-{several}").order_by("key")
        assert [key.removeprefix(f"assess-{hands}-{several}") for key in keys.values_list("key", flat=True)] == [
            "", *(f"/{hand}" for hand in range(2, expected + 1))
        ]  # fmt: skip
    assert OrmQ.objects.count() == Job.objects.count() == 8


def test_a_turn_ends_early_while_a_helper_has_not_been_let_in():
    job = enqueue(parts=parts(4, 6), hands=2)
    first = queue.take(job.pk, now=NOW)
    assert queue.others_wait(first), "its task may lie in our own worker's queue"
    second = queue.take(job.helpers.get().pk, now=NOW)
    assert not queue.others_wait(first)
    queue.pass_on(second, now=NOW)
    assert queue.others_wait(first)


def test_whoever_finds_nothing_left_finishes_for_all_and_the_others_need_not():
    job = enqueue(parts=parts(4, 6), hands=2)
    first, second = queue.take(job.pk, now=NOW), queue.take(job.helpers.get().pk, now=NOW)
    do_next(second), do_next(first)
    assert queue.next_part(second) is None
    queue.finish(second, now=NOW)
    queue.finish(first, now=LATER)
    assert set(Job.objects.values_list("state", "finished_at")) == {("done", NOW)}
    assert row(job).done == 10


def test_a_dead_worker_is_missed_by_itself_alone_and_its_helper_ends_the_work():
    job = enqueue(parts=parts(4, 6), hands=2)
    queue.take(job.pk, now=NOW)  # and dies
    helper = queue.take(job.helpers.get().pk, now=NOW)
    do_next(helper), do_next(helper)
    queue.finish(helper, now=NOW)
    assert (row(job).state, row(job).done) == ("done", 10)
    assert queue.sweep(now=LATER) == 0


def test_a_paused_job_is_left_alone_until_it_is_resumed():
    job = enqueue(parts=parts(4, 6), hands=2)
    first = queue.take(job.pk, now=NOW)
    assert queue.pause(job)
    assert not do_next(first), "the part under way is finished and counts; then this worker leaves"
    assert queue.take(job.pk, now=LATER) is queue.take(job.helpers.get().pk, now=LATER) is None
    OrmQ.objects.all().delete()
    assert queue.sweep(now=LATER) == 0
    assert (row(job).state, row(job).done, queue.pause(job)) == ("paused", 4, False)

    assert queue.resume(job, now=LATER)
    assert not queue.resume(job, now=LATER)
    assert OrmQ.objects.count() == 2
    again = queue.take(job.pk, now=LATER)
    do_next(again)
    queue.finish(again, now=LATER)
    assert not queue.pause(job)
    assert set(Job.objects.values_list("state", flat=True)) == {"done"}


def test_who_is_still_at_a_part_when_the_job_is_resumed_gives_it_up():
    job = enqueue(parts=parts(4, 6))
    slow = queue.take(job.pk, now=NOW)
    queue.pause(job)
    queue.resume(job, now=NOW)
    queue.take(job.pk, now=NOW)
    with pytest.raises(queue.LeaseLost):
        do_next(slow)


def test_a_job_that_gets_on_may_lose_any_number_of_workers():
    job, now = enqueue(parts=parts(*[1] * 10)), NOW
    for _part in range(10):
        do_next(queue.take(job.pk, now=now), now)  # and dies
        now += queue.LEASE + MINUTE
        assert queue.sweep(now=now) == 1
    assert (row(job).state, row(job).attempts, row(job).done) == ("queued", 10, 10)


def test_an_error_puts_the_job_back_until_the_third_attempt():
    job = enqueue()
    for attempt, state, ended in ((1, "queued", None), (2, "queued", None), (3, "failed", NOW)):
        taken = queue.take(job.pk, now=NOW)
        assert taken.attempts == attempt
        queue.fail(taken, ValueError("no such thing"), now=NOW)
        assert (row(job).state, row(job).finished_at, row(job).error) == (state, ended, "ValueError: no such thing")
    assert queue.take(job.pk, now=LATER) is None


def test_the_sweep_queues_a_stranded_job_once_more_and_goes_on_where_it_stopped():
    job = queue.take(enqueue(parts=parts(4, 6)).pk, now=NOW)
    do_next(job)
    OrmQ.objects.all().delete()
    assert queue.sweep(now=NOW + MINUTE) == 0  # its lease still runs
    assert queue.sweep(now=LATER) == 1
    OrmQ.objects.update(lock=LATER)  # django-q2 looks at the clock itself
    assert queue.sweep(now=LATER + MINUTE) == 0  # it waits its turn
    assert OrmQ.objects.count() == 1
    again = queue.take(job.pk, now=LATER + MINUTE)
    assert (again.attempts, again.done, queue.next_part(again).first) == (2, 4, 5)


def in_the_hands_of(cluster: str) -> Job:
    """A job that this cluster took a moment ago."""
    job = enqueue()
    Job.objects.filter(pk=queue.take(job.pk, now=NOW).pk).update(worker=cluster)
    OrmQ.objects.all().delete()
    return job


def ended() -> int:
    """The number of a process that was on this machine and is no more."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return process.pid


def test_the_sweep_does_not_wait_for_the_lease_of_a_process_that_is_no_more():
    job = in_the_hands_of(f"{socket.gethostname()}:{ended()}")
    assert queue.sweep(now=NOW + SECOND) == 1
    assert (row(job).state, row(job).lease_until) == ("queued", None)
    assert queue.take(job.pk, now=NOW + SECOND).attempts == 2


@pytest.mark.parametrize(
    "cluster",
    ["another-machine:1", f"{socket.gethostname()}:{os.getpid()}", "elsewhere", ""],
    ids=["another machine", "a process of this machine", "no number", "nobody"],
)
def test_the_sweep_waits_for_the_lease_of_whoever_may_be_alive(cluster):
    job = in_the_hands_of(cluster)
    assert queue.sweep(now=NOW + SECOND) == 0
    assert row(job).state == "running"


def test_a_worker_that_starts_hands_out_what_its_predecessor_in_the_cluster_left():
    job = in_the_hands_of(here())
    Job.objects.update(lease_until=timezone.now() + queue.LEASE)
    tasks.begin()
    assert (row(job).state, OrmQ.objects.get().task["args"]) == ("queued", (job.pk,))


def test_a_task_that_is_out_of_the_queue_and_never_began_was_taken_by_whoever_died():
    enqueue()
    OrmQ.objects.update(lock=NOW)  # django-q2 looks at the clock itself
    soon = NOW + queue.SWALLOWED + SECOND
    assert queue.sweep(now=soon) == 0  # it lies there: somebody will take it
    OrmQ.objects.all().delete()
    assert queue.sweep(now=NOW + SECOND) == 0
    assert queue.sweep(now=soon) == 1


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
