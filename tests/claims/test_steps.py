"""Ask, hear, hold, release, withdraw, appeal: what each does to a claim and its clock, and what stays as it was."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError
from django.utils import translation

from claims import gate, intake, letters, workflow
from claims.gate import Refused
from claims.models import Claim, Decision, Letter, Step
from jobs.models import Job
from tests import factories as make
from tests.factories import NOW, at

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
DUE = at("15:00") + 14 * DAY


@pytest.fixture
def desk():
    class Desk:
        incident = make.incident()
        ana, bob, aude = make.staff("ana", "agent"), make.staff("bob", "agent"), make.staff("aude", "auditor")
        mia, max = make.staff("mia", "manager"), make.staff("max", "manager")

    make.quotes("BTCUSDT", ("14:09", "16530.00", "16530.10"), ("14:34:10", "16571.00", "16571.10"))
    return Desk


def assessed(desk, code="carla", **facts) -> Claim:
    make.order(f"order-{code}", code, **facts)
    claim = make.claim(desk.incident, code)
    Claim.objects.filter(pk=claim.pk).update(submitted_at=at("15:00"), due_at=DUE)
    workflow.assess_now(desk.incident, now=NOW)
    return again(claim)


def again(row):
    return type(row).objects.get(pk=row.pk)


def asked(claim, by, now=NOW) -> Claim:
    workflow.ask_customer(again(claim), reason="a screenshot", by=by, now=now)
    return again(claim)


def denied(desk, **facts) -> Claim:
    claim = assessed(desk, exit_price="17000", **facts)  # a profit: nothing to pay
    workflow.deny(claim, by=desk.mia, reason="A profit (E4).", now=NOW)
    return again(claim)


# --- ask and hear


def test_the_time_to_decide_stands_still_from_the_question_to_the_answer(desk):
    claim = asked(assessed(desk), desk.ana)
    assert (claim.asked_at, claim.due_at, claim.revision) == (NOW, DUE, 2)
    workflow.record_answer(claim, reason="by phone", by=desk.bob, now=NOW + 3 * DAY)
    claim = again(claim)
    assert (claim.asked_at, claim.due_at, claim.revision) == (None, DUE + 3 * DAY, 3)
    assert list(claim.steps.values_list("verb", "revision", "reason", "taken_by__username", "taken_at")) == [
        ("ask", 1, "a screenshot", "ana", NOW),
        ("answer", 2, "by phone", "bob", NOW + 3 * DAY),
    ]


def test_two_pauses_add_up(desk):
    claim = asked(assessed(desk), desk.ana)
    workflow.record_answer(claim, reason="by phone", by=desk.ana, now=NOW + DAY)
    claim = asked(claim, desk.ana, now=NOW + 2 * DAY)
    workflow.record_answer(claim, reason="by phone", by=desk.ana, now=NOW + 7 * DAY)
    assert again(claim).due_at == DUE + 6 * DAY


def test_nobody_is_asked_twice_and_nobody_answers_what_was_not_asked(desk):
    claim = assessed(desk)
    with pytest.raises(Refused, match="was not asked anything"):
        workflow.record_answer(claim, reason="by phone", by=desk.ana, now=NOW)
    with pytest.raises(Refused, match="was asked already"):
        workflow.ask_customer(asked(claim, desk.ana), reason="more", by=desk.bob, now=NOW)


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_every_step_says_why(desk, reason):
    claim = assessed(desk)
    for verb in (workflow.ask_customer, workflow.put_on_hold, workflow.withdraw):
        with pytest.raises(Refused, match="say why"):
            verb(claim, reason=reason, by=desk.ana, now=NOW)
    assert (again(claim).revision, Step.objects.count()) == (claim.revision, 0)


def contact(desk, claim, contacted_at: datetime, now=NOW + 2 * DAY) -> Claim:
    workflow_by = {"channel": "chat", "by": desk.bob, "now": now}
    intake.submit(incident=desk.incident, customer=claim.customer, contacted_at=contacted_at, **workflow_by)
    return again(claim)


def test_a_contact_after_the_question_is_the_answer(desk):
    claim = contact(desk, asked(assessed(desk), desk.ana), NOW + DAY)
    assert (claim.asked_at, claim.due_at) == (None, DUE + 2 * DAY)  # until we took it in
    assert claim.steps.last().verb == "answer" and claim.steps.last().taken_by == desk.bob


def test_a_contact_from_before_the_question_answers_nothing(desk):
    claim = contact(desk, asked(assessed(desk), desk.ana), NOW - timedelta(hours=1))
    assert (claim.asked_at, claim.due_at) == (NOW, DUE)


def test_an_earlier_contact_moves_the_due_time_back_and_leaves_the_pauses(desk):
    claim = asked(assessed(desk), desk.ana)
    workflow.record_answer(claim, reason="by phone", by=desk.ana, now=NOW + 3 * DAY)
    claim = contact(desk, claim, at("14:30"), now=NOW + 4 * DAY)
    assert (claim.submitted_at, claim.due_at) == (at("14:30"), at("14:30") + 14 * DAY + 3 * DAY)


def test_whoever_sent_nothing_is_not_said_to_have_answered(desk):
    carla, dora, emil = (assessed(desk, code) for code in ("carla", "dora", "emil"))
    asked(carla, desk.ana)
    asked(emil, desk.ana)
    ids = [carla.pk, dora.pk]
    assert workflow.answered(ids, reason="sent evidence", by=desk.bob, now=NOW + DAY) == 1
    assert [again(claim).due_at - DUE for claim in (carla, dora, emil)] == [DAY, timedelta(0), timedelta(0)]
    assert [again(claim).asked_at for claim in (carla, dora, emil)] == [None, None, NOW]


def test_a_decision_ends_the_waiting_and_a_part_payment_does_not(desk):
    claim = asked(assessed(desk), desk.ana)
    workflow.approve(claim, by=desk.max, now=NOW)
    assert again(claim).asked_at is None
    make.order("late", "dora", closed_at=at("18:00"), close_reason="user")  # C3: waits for evidence
    dora = asked(assessed(desk, "dora"), desk.ana)
    workflow.approve(dora, by=desk.max, now=NOW)
    assert (again(dora).status, again(dora).asked_at) == ("needs_evidence", NOW)


# --- hold and release


def test_a_claim_on_hold_is_not_decided_by_anybody(desk):
    claim = assessed(desk)
    workflow.put_on_hold(claim, reason="compliance looks at it", by=desk.ana, now=NOW)
    claim = again(claim)
    assert (claim.status, claim.held_at) == ("on_hold", NOW)
    with pytest.raises(Refused, match="is on hold: take it off hold first"):
        workflow.approve(claim, by=desk.max, now=NOW)
    assert list(workflow.payable_claims(desk.incident)) == []
    assert workflow.approve_all(desk.incident, by=desk.max, now=NOW).approved == 0


def test_a_claim_on_hold_stays_there_whatever_the_checks_say(desk):
    claim = assessed(desk)
    workflow.put_on_hold(claim, reason="compliance looks at it", by=desk.ana, now=NOW)
    workflow.assess_now(desk.incident, now=NOW)
    assert again(claim).status == "on_hold"
    workflow.reopen([claim.pk])
    assert again(claim).status == "submitted"
    workflow.assess_now(desk.incident, now=NOW)
    assert again(claim).status == "on_hold"
    workflow.release(again(claim), reason="cleared", by=desk.bob, now=NOW)
    assert (again(claim).status, again(claim).held_at) == ("assessed", None)
    assert workflow.approve(again(claim), by=desk.max, now=NOW)


@pytest.mark.parametrize(
    ("facts", "status"),
    [({}, "assessed"), ({"closed_at": at("18:00"), "close_reason": "user"}, "needs_evidence")],
)
def test_a_released_claim_is_where_its_verdicts_say(desk, facts, status):
    claim = assessed(desk, **facts)
    workflow.put_on_hold(claim, reason="compliance", by=desk.ana, now=NOW)
    workflow.release(again(claim), reason="cleared", by=desk.ana, now=NOW)
    assert again(claim).status == status


def test_a_claim_that_waits_to_be_assessed_is_held_and_still_assessed(desk):
    claim = assessed(desk)
    workflow.reopen([claim.pk])
    workflow.put_on_hold(again(claim), reason="compliance", by=desk.ana, now=NOW)
    assert again(claim).status == "submitted"
    workflow.release(again(claim), reason="cleared", by=desk.ana, now=NOW)
    assert again(claim).status == "submitted"


# --- withdraw


def test_a_withdrawn_claim_is_closed_and_never_assessed_again(desk):
    claim = asked(assessed(desk), desk.ana)
    workflow.withdraw(claim, reason="wants nothing", by=desk.ana, now=NOW)
    before = again(claim)
    assert (before.status, before.asked_at, before.held_at) == ("withdrawn", None, None)
    workflow.assess_now(desk.incident, now=NOW)
    workflow.assess_now(desk.incident, claim=before, now=NOW)
    assert workflow.reopen([claim.pk]) == 0
    contact(desk, claim, NOW + DAY)
    assert Claim.objects.values().get(pk=claim.pk) == Claim.objects.values().get(pk=before.pk) | {
        "status": "withdrawn", "revision": before.revision, "assessment_id": before.assessment_id,
    }  # fmt: skip


def test_what_was_awarded_before_a_withdrawal_stands(desk):
    make.order("late", closed_at=at("18:00"), close_reason="user")
    claim = assessed(desk)
    workflow.approve(claim, by=desk.max, now=NOW)
    workflow.withdraw(again(claim), reason="that is enough", by=desk.ana, now=NOW)
    assert (again(claim).status, claim.awards.count()) == ("withdrawn", 1)


# --- appeal


def test_an_appeal_is_assessed_again_and_decided_by_another_reviewer(desk):
    claim = denied(desk)
    later = NOW + 5 * DAY
    workflow.appeal(claim, reason="It was a loss.", by=desk.ana, now=later)
    claim = again(claim)
    within = claim.incident.policies.in_force().terms.decide_within
    assert (claim.status, claim.due_at) == ("submitted", within and later + within)
    assert Job.objects.filter(argument__assessment=claim.incident.assessments.latest("pk").pk).exists()
    workflow.assess_now(desk.incident, now=later)
    with pytest.raises(Refused, match="decided before the appeal"):
        workflow.deny(again(claim), by=desk.mia, reason="still a profit", now=later)
    workflow.deny(again(claim), by=desk.max, reason="Still a profit (E4).", now=later)
    assert again(claim).status == "denied"
    assert claim.decisions.last().prepared_by == [desk.mia.pk]


def test_the_database_too_keeps_the_first_reviewer_from_deciding_an_appeal(desk):
    claim = denied(desk)
    workflow.appeal(claim, reason="It was a loss.", by=desk.ana, now=NOW)
    claim = again(claim)
    with pytest.raises(IntegrityError, match="who_prepared_does_not_decide"):
        Decision.objects.create(
            claim=claim, verb="deny", revision=99, assessment=claim.assessment, decided_by=desk.mia, decided_at=NOW,
            prepared_by=sorted(gate.preparers(claim)),
        )  # fmt: skip


def test_a_claim_is_appealed_once(desk):
    claim = denied(desk)
    workflow.appeal(claim, reason="It was a loss.", by=desk.ana, now=NOW)
    workflow.assess_now(desk.incident, now=NOW)
    workflow.deny(again(claim), by=desk.max, reason="A profit.", now=NOW)
    with pytest.raises(Refused, match="a claim is appealed once"):
        workflow.appeal(again(claim), reason="Once more.", by=desk.ana, now=NOW)


def test_an_appeal_against_an_award_leaves_it_and_comes_back_to_be_decided(desk):
    claim = assessed(desk)
    workflow.approve(claim, by=desk.mia, now=NOW)
    workflow.appeal(again(claim), reason="It should be more.", by=desk.ana, now=NOW)
    workflow.assess_now(desk.incident, now=NOW)
    assert again(claim).status == "assessed"
    workflow.deny(again(claim), by=desk.max, reason="It is what the policy says.", now=NOW)
    assert (again(claim).status, claim.awards.count()) == ("approved", 1)


def let_small_ones_pass(desk) -> None:
    text = make.S1.replace("[service]", 'straight_through = { USDT = "1000" }\n\n[service]')
    policy = workflow.draft_policy(desk.incident, text, reason="small ones pass", by=desk.mia, now=NOW)
    workflow.publish_policy(policy, by=desk.max, now=NOW)


def test_an_appeal_never_goes_straight_through(desk):
    let_small_ones_pass(desk)
    claim = denied(desk)
    workflow.appeal(claim, reason="It was a loss.", by=desk.ana, now=NOW)
    make.order("found", "carla")  # a loss that came to light
    run = workflow.assess_now(desk.incident, now=NOW)
    assert Job.objects.get(key=f"straight-{run.pk}").total == 0


@pytest.mark.parametrize("verb", [workflow.put_on_hold, workflow.ask_customer])
def test_held_and_asked_claims_do_not_go_straight_through(desk, verb):
    let_small_ones_pass(desk)
    claim = assessed(desk)
    make.order("order-dora", "dora")
    make.claim(desk.incident, "dora")  # nothing speaks against this one
    verb(claim, reason="wait", by=desk.ana, now=NOW)
    run = workflow.assess_now(desk.incident, now=NOW)
    assert Job.objects.get(key=f"straight-{run.pk}").total == 1


# --- reasons


def test_whoever_denies_reads_every_reason_as_the_letter_says_it(desk):
    make.order("2", closed_at=at("14:20"), close_reason="user")  # by hand in the outage: no clause
    claim = assessed(desk, take_profit="17000", exit_price="17000")
    words = {clause.code: clause.text for clause in claim.assessment.policy.terms.clauses}
    assert list(letters.orders_in_words(claim)) == [
        "2/1: not compensated: no clause of the policy covers it",
        f"order-carla/1: not compensated; E3: {words['E3']['en']}; E4: {words['E4']['en']}",
    ]
    workflow.deny(claim, by=desk.mia, reason="See the policy.", now=NOW)
    told = letters.values(Letter.objects.get(event="decision"))["orders"]
    assert told == "\n".join(f"- {line}".replace("; ", "\n  ") for line in letters.orders_in_words(claim))
    with translation.override("zh-hans"):
        chinese = list(letters.orders_in_words(claim))
    assert chinese[1].endswith(f"；E3：{words['E3']['zh']}；E4：{words['E4']['zh']}")
