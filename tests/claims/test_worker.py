"""A worker that is killed in the middle: everything is assessed, and once."""

import os
import random
import signal
import time
from contextlib import ExitStack
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ

from claims import tasks, workflow
from claims.models import Assessment, Claim, Contact, ReferencePrice, Verdict
from claims.workflow import assessing
from incidents.models import Account, Customer, Order
from jobs import queue
from jobs.models import Job, Part
from tests import factories as make
from tests.factories import NOW, at
from tests.together import Person, held, wait_for_waiting, wait_until

CUSTOMERS = workflow.SLICE + 500  # two slices
MINUTE = timedelta(minutes=1)


@pytest.fixture
def crowd():
    """An incident with more claims than a slice takes: one order each, of every third the close is in profit."""
    incident = make.incident()
    make.quotes("BTCUSDT", ("14:09", "16530.00", "16530.10"), ("14:34:10", "16571.00", "16571.10"))
    instrument = make.instrument()
    people = Customer.objects.bulk_create(Customer(code=f"customer-{n}") for n in range(CUSTOMERS))
    accounts = Account.objects.bulk_create(Account(code=f"{who.code}-1", customer=who) for who in people)
    Order.objects.bulk_create(
        Order(
            order_id=str(number),
            customer=who,
            account=account,
            instrument=instrument,
            side="long",
            quantity="0.5",
            entry_price="16950",
            opened_at=at("13:00"),
            exit_price="17000" if number % 3 == 0 else "16500",
            closed_at=at("14:20"),
            close_reason="liquidation",
        )
        for number, (who, account) in enumerate(zip(people, accounts, strict=True))
    )
    claims = Claim.objects.bulk_create(Claim(incident=incident, customer=who, submitted_at=NOW) for who in people)
    Contact.objects.bulk_create(Contact(claim=claim, channel="chat", contacted_at=at("15:00")) for claim in claims)
    return incident


def outcome(run: Assessment) -> tuple:
    return (run.claims_assessed, run.outcomes, run.totals, run.fingerprint)


def verdicts_of(run: Assessment) -> list[tuple]:
    rows = Verdict.objects.filter(assessment=run).order_by("order")
    return list(rows.values_list("claim", "order", "outcome", "clause", "reasons", "amount"))


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_inside_a_slice_costs_that_slice_and_nothing_is_done_twice(crowd, worker):
    job = workflow.queue_assessment(crowd, now=timezone.now())
    run = Assessment.objects.get()
    last = Claim.objects.latest("pk")
    before = sessions()

    with ExitStack() as progress:
        with held("claims_claim", f"id = {last.pk}"):  # the second slice cannot begin
            doomed = worker()
            wait_for_waiting(1)
            job.refresh_from_db()
            assert (job.state, job.attempts, job.done, job.total) == ("running", 1, workflow.SLICE, CUSTOMERS)
            progress.enter_context(held("jobs_job"))
        wait_for_waiting(1, "jobs_job")  # its verdicts are written; it cannot say so, and not commit
        os.killpg(doomed.pid, signal.SIGKILL)
        doomed.wait()
    wait_until(lambda: sessions() <= before, "the dead worker's sessions end")
    assert Verdict.objects.count() == workflow.SLICE  # the first slice stands, of the second nothing
    assert Claim.objects.filter(status="submitted").count() == 500

    Job.objects.update(lease_until=timezone.now() - MINUTE)  # two minutes pass
    OrmQ.objects.update(lock=timezone.now() - MINUTE)  # and the queue hands its row out again, beside the sweep's
    tasks.sweep()
    assert OrmQ.objects.count() == 2
    worker()
    wait_until(lambda: not OrmQ.objects.exists(), "both deliveries are taken")

    job.refresh_from_db()
    run.refresh_from_db()
    assert (job.state, job.attempts, job.done, job.total, job.error) == ("done", 2, CUSTOMERS, CUSTOMERS, "")
    rows = verdicts_of(run)
    assert len(rows) == CUSTOMERS == len({order for _claim, order, *_rest in rows})
    assert Claim.objects.filter(status="assessed", assessment=run, revision=1).count() == CUSTOMERS

    undisturbed = workflow.assess_now(crowd, now=timezone.now())
    assert verdicts_of(undisturbed) == rows
    assert outcome(undisturbed) == outcome(run)
    assert (run.outcomes["pay"], run.outcomes["excluded"], run.totals) == (1666, 834, {"USDT": "59143.00"})


def sessions() -> set[int]:
    """The sessions on the test's database: ours, and what earlier tests' servers may still keep open."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
        )
        return {pid for (pid,) in cursor.fetchall()}


@pytest.mark.django_db
def test_an_assessment_that_fails_is_tried_three_times_by_the_sweep_and_then_shown():
    job = queue.enqueue(key="assess-0", task="claims.tasks.assess", argument={"assessment": 0}, now=NOW)
    for attempt in (1, 2, 3):
        with pytest.raises(Assessment.DoesNotExist):
            tasks.assess(job.pk)
        job.refresh_from_db()
        assert (job.attempts, job.state) == (attempt, "queued" if attempt < 3 else "failed")
        assert job.error.startswith("DoesNotExist: ")
        OrmQ.objects.all().delete()
        Job.objects.update(queued_at=timezone.now() - queue.LEASE)
        tasks.sweep()
        assert OrmQ.objects.count() == (1 if attempt < 3 else 0)
    tasks.assess(job.pk)  # a late delivery
    job.refresh_from_db()
    assert (job.attempts, job.state) == (3, "failed")


@pytest.mark.django_db
def test_a_slice_of_a_worker_that_lost_its_job_is_undone(crowd):
    """Its lease ended while it was stuck; another worker has the job now and will do the same slice."""
    job = workflow.queue_assessment(crowd, now=NOW)
    stuck = queue.take(job.pk, now=NOW)
    other = queue.take(job.pk, now=NOW + queue.LEASE + MINUTE)
    work = Assessment.objects.get(), workflow.assess_part, workflow.finish_assessment
    with pytest.raises(queue.LeaseLost):
        tasks._carry_part(stuck, *work)
    assert not ReferencePrice.objects.exists()
    while tasks._carry_part(other, *work):
        pass
    assert Verdict.objects.count() == CUSTOMERS
    job.refresh_from_db()
    assert (job.state, job.attempts, job.done) == ("done", 2, CUSTOMERS)


@pytest.mark.django_db
def test_the_sweep_finds_claims_that_nobody_asked_for_and_a_person_sees_who_did_it():
    incident = make.incident()
    claim = make.claim(incident)
    tasks.sweep()
    job = Job.objects.get()
    tasks.assess(job.pk)
    claim.refresh_from_db()
    assert claim.status == "assessed"
    changes = claim.changes.filter(kind="claims_claim").order_by("id").values_list("new__status", "source__job")
    assert list(changes) == [("submitted", None), ("assessed", job.key)]
    assert not User.objects.exists()


@pytest.mark.django_db
def test_a_run_longer_than_a_turn_goes_back_to_the_queue_and_on_to_its_end(crowd, monkeypatch):
    monkeypatch.setattr(tasks, "TURN", timedelta(0))
    job = workflow.queue_assessment(crowd, now=timezone.now())
    for done in (0, 0, workflow.SLICE, CUSTOMERS):  # first the prices, and what the planner must know of them
        tasks.assess(job.pk)
        job.refresh_from_db()
        assert (job.state, job.done, job.max_attempts - job.attempts) == ("queued", done, 3)
    tasks.assess(job.pk)
    job.refresh_from_db()
    assert (job.state, Verdict.objects.count(), OrmQ.objects.count()) == ("done", CUSTOMERS, 5)


@pytest.mark.django_db(transaction=True)
def test_two_workers_share_a_run_are_killed_at_random_and_it_comes_out_the_same(crowd, worker, monkeypatch):
    monkeypatch.setattr(assessing, "SLICE", 100)  # 25 parts, dealt here
    chance = random.Random(7)
    job = workflow.queue_assessment(crowd, hands=2, now=timezone.now())
    assert Job.objects.count() == 2
    alive = [worker(), worker()]
    for deaths in range(1, 5):
        wait_for_parts(5 * deaths)
        time.sleep(chance.random() / 5)
        doomed = alive.pop(chance.randrange(2))
        os.killpg(doomed.pid, signal.SIGKILL)
        let_two_minutes_pass()
        alive.append(worker())
    wait_until(lambda: Job.objects.filter(state="done").count() == 2, "the run ends")

    run = Assessment.objects.get()
    job.refresh_from_db()
    assert (job.done, run.claims_assessed, Part.objects.unfinished().count()) == (CUSTOMERS, CUSTOMERS, 0)
    rows = verdicts_of(run)
    assert len(rows) == CUSTOMERS == len({order for _claim, order, *_rest in rows})
    assert Claim.objects.filter(status="assessed", assessment=run, revision=1).count() == CUSTOMERS
    alone = workflow.assess_now(crowd, now=timezone.now())
    assert (verdicts_of(alone), outcome(alone)) == (rows, outcome(run))


def wait_for_parts(number: int) -> None:
    wait_until(lambda: Part.objects.filter(finished_at__isnull=False).count() >= number, f"{number} parts are done")


def let_two_minutes_pass() -> None:
    """Whoever lives renews the lease with the next part; the dead one's is over, and the sweep hands its work out again."""
    past = timezone.now() - queue.LEASE - MINUTE
    Job.objects.filter(state="running").update(lease_until=past)
    Job.objects.filter(state="queued").update(queued_at=past)
    time.sleep(1)
    tasks.sweep()


@pytest.mark.django_db(transaction=True)
def test_a_run_is_paused_in_the_middle_survives_a_restart_and_is_resumed(crowd, worker, monkeypatch):
    monkeypatch.setattr(assessing, "SLICE", 100)
    job = workflow.queue_assessment(crowd, hands=2, now=timezone.now())
    before = [worker(), worker()]
    wait_for_parts(8)
    assert queue.pause(job)
    wait_until(lambda: not OrmQ.objects.exists(), "both leave after the part they were at")
    done = Part.objects.filter(finished_at__isnull=False).count()
    assert 8 <= done < 27
    for process in before:
        os.killpg(process.pid, signal.SIGKILL)
    worker()
    Job.objects.update(lease_until=timezone.now() - MINUTE)
    tasks.sweep()
    assert set(Job.objects.values_list("state", flat=True)) == {"paused"}
    assert not OrmQ.objects.exists()
    assert Part.objects.filter(finished_at__isnull=False).count() == done

    queue.resume(job, now=timezone.now())
    wait_until(lambda: set(Job.objects.values_list("state", flat=True)) == {"done"}, "the run ends")
    run = Assessment.objects.get()
    assert outcome(run) == outcome(workflow.assess_now(crowd, now=timezone.now()))


@pytest.mark.django_db(transaction=True)
def test_a_run_is_cancelled_while_two_workers_commit_slices_and_goes_on_when_it_is_tried_again(
    crowd, worker, monkeypatch
):
    monkeypatch.setattr(assessing, "SLICE", 100)
    mia = make.staff("mia", "manager")
    job = workflow.queue_assessment(crowd, hands=2, now=timezone.now())
    alive = [worker(), worker()]
    wait_for_parts(8)
    queue.cancel(job, by=mia, now=timezone.now())
    wait_until(lambda: not OrmQ.objects.exists(), "both leave after the part they were at")
    done = Part.objects.filter(finished_at__isnull=False, stage=assessing.CLAIMS)
    assert 6 <= done.count() < 25
    ids = [
        pk
        for part in done
        for pk in Claim.objects.filter(pk__range=(part.first, part.last)).values_list("pk", flat=True)
    ]
    assert sorted(Verdict.objects.values_list("claim", flat=True)) == sorted(ids), "whole slices, and nothing else"
    assert set(Claim.objects.filter(status="assessed").values_list("pk", flat=True)) == set(ids)

    let_two_minutes_pass()
    assert set(Job.objects.values_list("state", flat=True)) == {"cancelled"}
    assert not OrmQ.objects.exists()

    queue.retry(job, by=mia, now=timezone.now())
    wait_until(lambda: set(Job.objects.values_list("state", flat=True)) == {"done"}, "the run ends")
    run = Assessment.objects.get()
    assert Verdict.objects.count() == CUSTOMERS
    assert outcome(run) == outcome(workflow.assess_now(crowd, now=timezone.now()))
    assert all(process.poll() is None for process in alive)


@pytest.mark.django_db(transaction=True)
def test_a_cancellation_that_meets_a_commit_waits_for_it_and_the_slice_counts(crowd, worker):
    mia = make.staff("mia", "manager")
    job = workflow.queue_assessment(crowd, now=timezone.now())
    last = Claim.objects.latest("pk")
    with ExitStack() as progress:
        with held("claims_claim", f"id = {last.pk}"):  # the second slice cannot begin
            worker()
            wait_for_waiting(1)
            progress.enter_context(held("jobs_job"))
        wait_for_waiting(1, "jobs_job")  # its verdicts are written; it is about to say so
        person = Person(lambda: queue.cancel(job, by=mia, now=timezone.now()))
        wait_for_waiting(2, "jobs_job")
    assert person.finished() is None
    wait_until(lambda: not OrmQ.objects.exists(), "the worker leaves")
    job.refresh_from_db()
    assert (job.state, job.done, Verdict.objects.count()) == ("cancelled", CUSTOMERS, CUSTOMERS)
    run = Assessment.objects.get()
    assert run.finished_at is None, "its end is undone: nobody is approved straight through"


@pytest.mark.django_db
def test_a_claim_that_comes_in_during_the_run_is_swept_up_by_the_next(crowd, monkeypatch):
    monkeypatch.setattr(tasks, "TURN", timedelta(0))
    job = workflow.queue_assessment(crowd, now=timezone.now())
    tasks.assess(job.pk)
    late = make.claim(crowd)
    for _turn in range(4):
        tasks.assess(job.pk)
    job.refresh_from_db()
    late.refresh_from_db()
    assert (job.state, job.done, late.status) == ("done", CUSTOMERS, "submitted")
    tasks.sweep()
    for _turn in range(4):  # the price, the planner, the claim, the end
        tasks.assess(Job.objects.latest("pk").pk)
    late.refresh_from_db()
    assert (late.status, late.assessment.claims_assessed) == ("assessed", 1)
