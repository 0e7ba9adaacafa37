"""Small claims that nothing speaks against are approved without a click: the run computed them, the publisher stands for them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import User

from claims import tasks, workflow
from claims.models import Claim, Contact, Decision
from claims.reports import unposted_or_mismatched
from jobs.models import Job
from tests import factories as make
from tests.factories import NOW, S1, at

LIMIT = S1.replace("[service]", 'straight_through = { USDT = "35.50" }\n\n[service]')


@pytest.fixture
def desk(db):
    """Mia published a policy that lets up to 35.50 USDT pass; a long of 0.5 liquidated at 16,500 is worth just that."""

    class Desk:
        incident = make.incident(policy=None)
        ana, mia, max = make.staff("ana", "agent"), make.staff("mia", "manager"), make.staff("max", "manager")

    policy = workflow.draft_policy(Desk.incident, LIMIT, by=Desk.mia, now=NOW)
    workflow.publish_policy(policy, by=Desk.mia, now=NOW)
    make.quotes("BTCUSDT", ("14:34", "16571", "16572"))
    return Desk


def run(desk) -> None:
    """The assessment, and then the worker's job that it asked for."""
    assessment = workflow.assess_now(desk.incident, now=NOW)
    tasks.approve_straight_through(Job.objects.get(key=f"straight-{assessment.pk}").pk)


def claim(desk, code="carla", **fields) -> Claim:
    return make.claim(desk.incident, code, **fields)


def status(row: Claim) -> str:
    return Claim.objects.get(pk=row.pk).status


def test_what_is_within_the_limit_passes_and_says_who_stands_for_it(desk):
    make.order("1")
    one = claim(desk)
    run(desk)
    decision = Decision.objects.get()
    assert (status(one), decision.decided_by, decision.claim) == ("approved", desk.mia, one)
    assert decision.reason == "Straight through: within the limit of policy version 1"
    assert one.awards.get().amount == Decimal("35.5")
    assert unposted_or_mismatched() == []


def test_above_the_limit_a_person_decides(desk):
    make.order("1", quantity="0.51")
    one = claim(desk)
    run(desk)
    assert (status(one), Decision.objects.count()) == ("assessed", 0)


def test_a_top_up_counts_what_was_awarded_before(desk):
    make.order("1", quantity="0.4")
    one = claim(desk)
    run(desk)
    make.order("2", quantity="0.2")
    run(desk)
    assert (status(one), Decision.objects.count()) == ("assessed", 1)


def flagged(desk):
    make.order("1", take_profit="17000", tpsl_set_at=at("15:31"), closed_at=at("15:35"), close_reason="user")
    make.order("2")


def hedged(desk):
    make.order("1", quantity="0.1")
    make.order("2", quantity="0.1", side="short", entry_price="16000", exit_price="16900")


def waiting_for_evidence(desk):
    make.order("1", quantity="0.1")
    make.order("2", quantity="0.1", closed_at=at("18:00"), close_reason="user")


@pytest.mark.parametrize("spoil", [flagged, hedged, waiting_for_evidence])
def test_what_a_person_should_look_at_waits_for_one(desk, spoil):
    spoil(desk)
    claim(desk)
    run(desk)
    assert not Decision.objects.exists()


def test_a_file_with_a_finding_waits_for_a_person(desk):
    make.order("1", quantity="0.1")
    make.evidence(claim(desk), status="accepted", findings=["edited"])
    run(desk)
    assert not Decision.objects.exists()


@pytest.mark.parametrize("named", ["unknown", "a-strangers"])
def test_who_names_an_order_that_is_not_theirs_waits_for_a_person(desk, named):
    make.order("1", quantity="0.1")
    make.order("a-strangers", "chen")
    one = claim(desk)
    Contact.objects.create(claim=one, channel="chat", contacted_at=at("15:10"), order_ids=["1", named])
    run(desk)
    assert not Decision.objects.exists()


def test_what_the_publisher_prepared_another_person_decides(desk):
    make.order("1")
    one = claim(desk, entered_by=desk.mia)
    run(desk)
    assert (status(one), Decision.objects.count()) == ("assessed", 0)


def test_a_publisher_who_left_stands_for_nothing(desk):
    make.order("1")
    claim(desk)
    User.objects.filter(pk=desk.mia.pk).update(is_active=False)
    run(desk)
    assert not Decision.objects.exists()


def test_the_job_done_twice_approves_once(desk):
    make.order("1")
    claim(desk)
    run(desk)
    job = Job.objects.get(key__startswith="straight-")
    Job.objects.filter(pk=job.pk).update(state="queued")
    job.parts.update(finished_at=None)
    tasks.approve_straight_through(job.pk)
    assert Decision.objects.count() == 1


def test_a_policy_without_a_limit_or_a_publisher_lets_nothing_pass(db):
    incident = make.incident()
    make.order("1")
    make.claim(incident)
    make.quotes("BTCUSDT", ("14:34", "16571", "16572"))
    workflow.assess_now(incident, now=NOW)
    assert not Job.objects.exists()
