"""People steer background work: managers cancel it or have it tried again; nothing is half-done or wakes by itself."""

import pytest
from django.db import transaction
from django_q.models import OrmQ

from jobs import queue
from jobs.models import Job
from tests import factories as make
from tests.factories import NOW
from tests.jobs.test_queue import LATER, MINUTE, do_next, enqueue, parts, row
from tests.together import Person, held, wait_for_waiting

pytestmark = pytest.mark.django_db


@pytest.fixture
def mia():
    return make.staff("mia", "manager")


@pytest.mark.parametrize("verb", [queue.cancel, queue.retry])
@pytest.mark.parametrize("role", ["agent", "auditor"])
def test_only_managers_steer(verb, role):
    ana = make.staff("ana", role)
    with pytest.raises(queue.JobRefused, match="permission jobs.change_job"):
        verb(enqueue(), by=ana, now=NOW)
    assert row(Job.objects.get()).state == "queued"


def test_what_waits_is_cancelled_and_nobody_takes_or_wakes_it(mia):
    job = enqueue(parts=parts(4, 6), hands=2)
    queue.cancel(job, by=mia, now=NOW)
    assert set(Job.objects.values_list("state", "finished_at", "handled_by", "handled_at")) == {
        ("cancelled", NOW, mia.pk, NOW)
    }
    OrmQ.objects.all().delete()
    assert queue.take(job.pk, now=LATER) is queue.take(job.helpers.get().pk, now=LATER) is None
    assert queue.sweep(now=LATER) == 0
    assert not OrmQ.objects.exists()


def test_the_part_under_way_is_finished_and_counts_then_the_worker_leaves(mia):
    job = queue.take(enqueue(parts=parts(4, 6)).pk, now=NOW)
    queue.cancel(job, by=mia, now=NOW)
    assert not do_next(job)
    assert (row(job).state, row(job).done, row(job).lease_until) == ("cancelled", 4, None)
    assert job.parts.unfinished().count() == 1


def test_work_in_one_piece_that_was_cancelled_meanwhile_is_undone(mia):
    job = queue.take(enqueue().pk, now=NOW)
    queue.cancel(job, by=mia, now=NOW)
    with pytest.raises(queue.LeaseLost), transaction.atomic():
        make.customer("made by the work")
        queue.finish(job, now=NOW)
    assert row(job).state == "cancelled"
    queue.fail(job, ValueError("too late"), now=NOW)
    assert (row(job).state, row(job).error) == ("cancelled", "")


def test_what_was_cancelled_goes_on_where_it_stopped(mia):
    job = queue.take(enqueue(parts=parts(4, 6)).pk, now=NOW)
    do_next(job)
    queue.cancel(job, by=mia, now=NOW)
    OrmQ.objects.all().delete()
    queue.retry(job, by=mia, now=NOW + MINUTE)
    assert OrmQ.objects.get().task["args"] == (job.pk,)
    again = queue.take(job.pk, now=NOW + MINUTE)
    assert (again.done, again.attempts, again.max_attempts, again.finished_at) == (4, 2, 4, None)
    do_next(again)
    queue.finish(again, now=NOW + MINUTE)
    assert (row(job).state, row(job).done) == ("done", 10)


def test_who_is_still_at_a_part_when_it_is_tried_again_gives_it_up(mia):
    slow = queue.take(enqueue(parts=parts(4, 6)).pk, now=NOW)
    queue.cancel(slow, by=mia, now=NOW)
    queue.retry(slow, by=mia, now=NOW)
    queue.take(slow.pk, now=NOW)
    with pytest.raises(queue.LeaseLost):
        do_next(slow)


def test_what_failed_has_three_attempts_more(mia):
    job = enqueue()
    for _attempt in range(3):
        queue.fail(queue.take(job.pk, now=NOW), ValueError("no such thing"), now=NOW)
    OrmQ.objects.all().delete()
    queue.retry(job, by=mia, now=LATER)
    assert (row(job).state, row(job).attempts, row(job).max_attempts) == ("queued", 3, 6)
    assert (row(job).error, row(job).handled_by) == ("ValueError: no such thing", mia)
    assert OrmQ.objects.count() == 1
    assert queue.take(job.pk, now=LATER).attempts == 4


def test_of_shared_work_only_who_failed_is_handed_out_again(mia):
    job = enqueue(parts=parts(4, 6), hands=2)
    helper = job.helpers.get()
    queue.take(job.pk, now=NOW)
    for _attempt in range(3):
        queue.fail(queue.take(helper.pk, now=NOW), ValueError("no"), now=NOW)
    OrmQ.objects.all().delete()
    queue.retry(job, by=mia, now=NOW)
    assert (row(job).state, row(helper).state) == ("running", "queued")
    assert [task.task["args"] for task in OrmQ.objects.all()] == [(helper.pk,)]


@pytest.mark.parametrize("state", ["queued", "running", "paused", "done"])
def test_what_neither_failed_nor_was_cancelled_is_not_tried_again(mia, state):
    job = enqueue()
    Job.objects.update(state=state, lease_until=LATER)
    with pytest.raises(queue.JobRefused, match="assess-1 neither failed nor was cancelled"):
        queue.retry(job, by=mia, now=NOW)


@pytest.mark.parametrize("state", ["done", "failed", "cancelled"])
def test_what_has_ended_is_not_cancelled(mia, state):
    job = enqueue()
    Job.objects.update(state=state)
    with pytest.raises(queue.JobRefused, match="assess-1 has ended already"):
        queue.cancel(job, by=mia, now=NOW)
    assert row(job).handled_by is None


def test_an_error_is_kept_with_where_in_the_program_it_arose():
    job = queue.take(enqueue().pk, now=NOW)
    try:
        raise ValueError("no\nsuch thing")
    except ValueError as error:
        queue.fail(job, error, now=NOW)
    assert row(job).trouble == "ValueError: no such thing"
    assert "test_steering.py" in row(job).error.splitlines()[1]


@pytest.mark.django_db(transaction=True)
def test_of_two_managers_who_press_at_once_one_is_told_that_it_was_done():
    mia, max_ = make.staff("mia", "manager"), make.staff("max", "manager")
    job = enqueue(parts=parts(4, 6), hands=2)
    queue.cancel(job, by=mia, now=NOW)
    with held("jobs_job"):
        people = [Person(lambda by=by: queue.retry(job, by=by, now=NOW)) for by in (mia, max_)]
        wait_for_waiting(2, "jobs_job")
    answers = [person.finished() for person in people]
    assert sorted(type(answer).__name__ for answer in answers) == ["JobRefused", "NoneType"]
    assert (row(job).max_attempts, OrmQ.objects.count()) == (3, 4)


@pytest.mark.django_db(transaction=True)
def test_a_cancellation_waits_for_the_commit_of_the_part_and_the_end_wins_over_a_late_one():
    mia = make.staff("mia", "manager")
    job = queue.take(enqueue(parts=parts(10)).pk, now=NOW)
    do_next(job)
    with held("jobs_job"):
        end = Person(lambda: queue.finish(job, now=NOW))
        wait_for_waiting(1, "jobs_job")
        late = Person(lambda: queue.cancel(job, by=mia, now=NOW))
        wait_for_waiting(2, "jobs_job")
    assert end.finished() is None
    assert isinstance(late.finished(), queue.JobRefused)
    assert row(job).state == "done"
