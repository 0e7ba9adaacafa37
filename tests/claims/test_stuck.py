"""What got stuck is listed on the page of the jobs, linked, and queued again at a click."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from claims import inspecting, stuck, tasks, workflow
from claims.models import Assessment, Evidence, Letter
from claims.workflow.waking import queue_again
from jobs import queue
from jobs.models import Job
from tests import factories as make
from tests.claims.desk import outage, signed_in, text_of

pytestmark = pytest.mark.django_db
PAGE = "/staff/claims/claim/stuck/"
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def mia():
    return make.staff("mia", "manager")


@pytest.fixture
def claim():
    found = make.claim(outage())
    make.order("O-1")
    return found


def run_asked_for(claim, ago: timedelta) -> Job:
    return workflow.queue_assessment(claim.incident, now=timezone.now() - ago)


def test_a_claim_is_stuck_when_nobody_carries_its_run(claim, mia):
    now = timezone.now()
    assert list(stuck.claims(now)) == [claim]
    job = run_asked_for(claim, HOUR)
    assert not stuck.claims(now).exists(), "its run waits for a worker"
    queue.cancel(job, by=mia, now=now)
    assert list(stuck.claims(now)) == [claim]


def test_a_claim_that_just_came_in_or_whose_run_was_just_asked_for_is_not_stuck(claim, mia):
    now = timezone.now()
    assert not stuck.claims(claim.submitted_at + 10 * MINUTE).exists()
    queue.cancel(run_asked_for(claim, 10 * MINUTE), by=mia, now=now)
    assert not stuck.claims(now).exists()


def test_a_claim_that_cannot_be_assessed_yet_is_not_stuck():
    make.claim(make.incident(policy=None))
    assert not stuck.claims(timezone.now()).exists()


def test_a_cancelled_run_has_an_hour_of_peace_and_then_the_sweep_takes_its_claims(claim, mia):
    job = run_asked_for(claim, 50 * MINUTE)
    queue.cancel(job, by=mia, now=timezone.now())
    tasks.sweep()
    assert Assessment.objects.count() == 1
    Job.objects.all().delete()
    Assessment.objects.update(requested_at=timezone.now() - 61 * MINUTE)
    tasks.sweep()
    assert Assessment.objects.count() == 2


def test_a_manager_has_stuck_claims_assessed_at_once(claim, mia):
    text = text_of(signed_in(mia).get(PAGE))
    assert "1 claim to be assessed since 2022-11-18 09:00:00 UTC" in text
    assert f"{claim.reference} Queue it again" in text
    answer = signed_in(mia).post(f"{PAGE}claims/", follow=True)
    assert "1 is queued again." in text_of(answer)
    run = Assessment.objects.get()
    assert (run.requested_by, run.waiting_only) == (mia, True)
    tasks.assess(Job.objects.get().pk)
    claim.refresh_from_db()
    assert claim.status == "assessed"
    again = signed_in(mia).post(f"{PAGE}claims/", follow=True)
    assert "nothing of it is stuck any more" in text_of(again)


def letter(claim, **fields) -> Letter:
    return Letter.objects.create(claim=claim, event="receipt", key=f"receipt-{claim.pk}", **fields)


def test_a_letter_that_should_have_left_long_ago_is_queued_again(claim, mia):
    now = timezone.now()
    letter(claim, written_at=now - HOUR)
    assert "1 letter to be sent" in text_of(signed_in(mia).get(PAGE))
    assert queue_again("letters", by=mia, hands=1, now=now) == 1
    assert Job.objects.get().task == "claims.tasks.send_letters"


def test_a_letter_in_doubt_is_listed_and_left_to_a_person(claim, mia):
    now = timezone.now()
    letter(claim, written_at=now - HOUR, tried_at=now - HOUR, status="sending", attempts=1)
    text = text_of(signed_in(mia).get(PAGE))
    assert "1 letter of which nobody knows whether it was sent" in text
    assert "Queue it again" not in text.partition("nobody knows")[2]


def test_a_recording_that_no_worker_watched_is_watched_after_all(claim, mia):
    now = timezone.now()
    never = make.evidence(claim)
    failed = make.evidence(claim, sha256="b" * 64)
    under_way = make.evidence(claim, sha256="c" * 64)
    Evidence.objects.update(inspected_at=None, received_at=now - HOUR)
    for file in (failed, under_way):
        inspecting.request_inspection(file, now=now - HOUR)
    Job.objects.filter(argument__evidence=failed.pk).update(state="failed", attempts=3)
    OrmQ.objects.all().delete()
    assert set(stuck.evidence(now)) == {never, failed}
    assert "2 files that no worker has looked at" in text_of(signed_in(mia).get(PAGE))
    assert queue_again("evidence", by=mia, hands=1, now=now) == 2
    assert (Job.objects.filter(state="queued").count(), OrmQ.objects.count()) == (3, 2)


def test_an_agent_sees_what_is_stuck_and_queues_only_what_they_may(claim):
    ana = make.staff("ana", "agent")
    letter(claim, written_at=timezone.now() - HOUR)
    text = text_of(signed_in(ana).get(PAGE))
    assert text.count("Queue it again") == 1
    answer = signed_in(ana).post(f"{PAGE}letters/", follow=True)
    assert "ana has not the permission claims.send_letter" in text_of(answer)
    assert signed_in(ana).get(f"{PAGE}claims/").status_code == 403
    assert signed_in(ana).post(f"{PAGE}other/").status_code == 403


def test_nothing_is_stuck(mia):
    assert "Nothing is stuck." in text_of(signed_in(mia).get(PAGE))
