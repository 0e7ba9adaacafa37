"""The verbs: who may do what to a claim, when, and what is written. Agent Ana, managers Mia and Max, auditor Aude."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from claims import gate, tasks, workflow
from claims.gate import Refused
from claims.models import Assessment, Award, Bonus, Claim, Compensation, Decision, Evidence, Policy
from jobs.models import Job
from ledger.models import JournalEntry
from tests import factories as make
from tests.factories import NOW, at

pytestmark = pytest.mark.django_db
LATE = {"closed_at": at("18:00"), "close_reason": "user"}  # C3: paid once a screenshot is accepted
PAID = Decimal("35.50")  # 0.5 × (16571 − 16500), the order of the factories


@pytest.fixture
def desk():
    """The outage of S1, its policy, and the people."""

    class Desk:
        incident = make.incident()
        ana, aude = make.staff("ana", "agent"), make.staff("aude", "auditor")
        mia, max = make.staff("mia", "manager"), make.staff("max", "manager")

    make.quotes("BTCUSDT", ("14:09", "16530.00", "16530.10"), ("14:34:10", "16571.00", "16571.10"))
    return Desk


def assessed(desk, code="carla", **fields) -> Claim:
    claim = make.claim(desk.incident, code, **fields)
    workflow.assess_now(desk.incident, now=NOW)
    return again(claim)


def again(row):
    return type(row).objects.get(pk=row.pk)


def books() -> list[tuple[str, Decimal]]:
    rows = JournalEntry.objects.filter(category__in=["outage_compensation", "goodwill_bonus"])
    return list(rows.order_by("reference").values_list("reference", "transfers__amount"))


def nothing_changed(claim: Claim) -> bool:
    return again(claim).revision == claim.revision and not (
        Decision.objects.exists() or Award.objects.exists() or JournalEntry.objects.exists()
    )


# --- approve


def test_an_approval_writes_decision_award_compensation_and_entry_together(desk):
    order = make.order("1")
    claim = assessed(desk)
    assert workflow.approve(claim, by=desk.max, reason="as published", now=NOW) == {"USDT": PAID}
    claim = again(claim)
    decision, award = claim.decisions.get(), claim.awards.get()
    assert (claim.status, claim.revision) == ("approved", 2)
    assert (decision.verb, decision.decided_by, decision.reason, decision.revision) == (
        "approve",
        desk.max,
        "as published",
        1,
    )
    assert (award.amount, award.asset, award.decision) == (PAID, "USDT", decision)
    assert (order.compensations.get().amount, order.compensations.get().award) == (PAID, award)
    assert award.entry.reference == f"{claim.reference}/award-1/USDT"
    [transfer] = award.entry.transfers.all()
    assert (transfer.debit.name, transfer.credit.name, transfer.amount, transfer.asset_id) == (
        "Expenses:Compensation",
        "Liabilities:Payable:Compensation",
        PAID,
        "USDT",
    )


def test_an_approved_claim_is_not_approved_again(desk):
    make.order("1")
    claim = assessed(desk)
    workflow.approve(claim, by=desk.max, now=NOW)
    with pytest.raises(Refused, match="is approved: it cannot"):
        workflow.approve(again(claim), by=desk.mia, now=NOW)
    assert len(books()) == 1


def test_of_many_approvals_each_says_when_it_was_made(desk):
    for code in ("carla", "dora", "emil"):
        make.order(f"of-{code}", code)
        make.claim(desk.incident, code)
    workflow.assess_now(desk.incident, now=NOW)
    assert workflow.approve_all(desk.incident, by=desk.max, now=NOW).approved == 3
    instants = list(Decision.objects.order_by("claim").values_list("decided_at", flat=True))
    assert NOW <= instants[0] < instants[1] < instants[2] < NOW + timedelta(minutes=1)
    entries = JournalEntry.objects.filter(category="outage_compensation").order_by("pk")
    assert list(entries.values_list("award__decision__decided_at", flat=True)) == instants


def test_who_looked_at_an_older_state_is_told_to_look_again(desk):
    make.order("1")
    seen = assessed(desk)
    workflow.assess_now(desk.incident, now=NOW)
    with pytest.raises(Refused, match="changed by somebody else"):
        workflow.approve(seen, by=desk.max, now=NOW)
    assert nothing_changed(again(seen))


def test_a_claim_that_pays_nothing_is_not_approved(desk):
    make.order("1", exit_price="17000")  # a profit
    claim = assessed(desk)
    with pytest.raises(Refused, match="nothing to pay"):
        workflow.approve(claim, by=desk.max, now=NOW)
    assert nothing_changed(claim)


def test_a_claim_that_waits_to_be_assessed_again_is_not_approved(desk):
    make.order("1")
    claim = assessed(desk)
    workflow.reopen([claim.pk])
    claim = again(claim)
    with pytest.raises(Refused, match="to be assessed"):
        workflow.approve(claim, by=desk.max, now=NOW)
    assert list(workflow.payable_claims(desk.incident)) == []


def test_what_is_payable_is_paid_now_and_what_waits_for_evidence_after(desk):
    """One claim, two approvals, each order once."""
    make.order("1")
    make.order("2", **LATE)
    claim = assessed(desk)
    assert claim.status == "needs_evidence"
    workflow.approve(claim, by=desk.max, now=NOW)
    assert again(claim).status == "needs_evidence"

    shot = make.evidence(again(claim))
    workflow.review_evidence(shot, accept=True, reason="the login error", by=desk.ana, now=NOW)
    workflow.assess_now(desk.incident, now=NOW)
    assert workflow.approve(again(claim), by=desk.max, now=NOW) == {"USDT": PAID}
    assert again(claim).status == "approved"
    assert books() == [(f"{claim.reference}/award-1/USDT", PAID), (f"{claim.reference}/award-2/USDT", PAID)]
    assert sorted(Compensation.objects.values_list("order__order_id", "amount")) == [("1", PAID), ("2", PAID)]


def test_an_order_is_compensated_once_whatever_the_incidents_that_cover_it(desk):
    order = make.order("1")
    first = assessed(desk)
    other = make.incident("INC-2022-002")
    second = make.claim(other)
    workflow.assess_now(other, now=NOW)  # both verdicts say pay
    workflow.approve(first, by=desk.max, now=NOW)
    with pytest.raises(Refused, match="nothing to pay that is not already awarded"):
        workflow.approve(again(second), by=desk.max, now=NOW)
    workflow.assess_now(other, now=NOW)
    verdict = again(second).verdicts.in_force().get()
    assert (verdict.outcome, verdict.flags, verdict.order) == ("nil", ["paid_elsewhere"], order)


# --- four eyes and roles

HANDS = {
    "entered the claim": lambda claim, max: Claim.objects.filter(pk=claim.pk).update(entered_by=max),
    "entered a contact": lambda claim, max: claim.contacts.update(entered_by=max),
    "received a screenshot": lambda claim, max: make.evidence(claim, received_by=max),
    "reviewed a screenshot": lambda claim, max: make.evidence(claim, status="accepted", reviewed_by=max),
}


@pytest.mark.parametrize("prepare", HANDS.values(), ids=HANDS)
def test_max_does_not_decide_on_what_he_prepared(desk, prepare):
    make.order("1")
    claim = assessed(desk)
    prepare(claim, desk.max)
    for decide in (workflow.approve, workflow.deny):
        with pytest.raises(Refused, match="max prepared CLM-"):
            decide(again(claim), by=desk.max, reason="no", now=NOW)
    assert nothing_changed(claim)
    workflow.approve(again(claim), by=desk.mia, now=NOW)
    assert claim.decisions.get().prepared_by == [desk.max.pk]


def test_an_agent_and_an_auditor_decide_nothing(desk):
    make.order("1")
    claim = assessed(desk)
    shot = make.evidence(claim)
    for person in (desk.ana, desk.aude):
        for verb in (
            lambda who: workflow.approve(claim, by=who, now=NOW),
            lambda who: workflow.approve_all(desk.incident, by=who, now=NOW),
            lambda who: workflow.deny(claim, by=who, reason="no", now=NOW),
            lambda who: workflow.grant_bonuses(desk.incident, by=who, now=NOW),
            lambda who: workflow.publish_policy(desk.incident.policies.get(), by=who, now=NOW),
        ):
            with pytest.raises(Refused, match=f"{person.username} has not the permission"):
                verb(person)
    with pytest.raises(Refused, match="aude has not the permission"):
        workflow.review_evidence(shot, accept=True, reason="clear", by=desk.aude, now=NOW)
    with pytest.raises(Refused, match="aude has not the permission"):
        workflow.queue_assessment(desk.incident, by=desk.aude, now=NOW)
    assert nothing_changed(claim)
    assert not Bonus.objects.exists()
    assert again(shot).status == "received"


def test_a_manager_who_left_decides_nothing(desk):
    make.order("1")
    claim = assessed(desk)
    desk.max.is_active = False
    desk.max.save()
    with pytest.raises(Refused, match="has not the permission"):
        workflow.approve(claim, by=again(desk.max), now=NOW)


def test_the_buttons_are_those_that_would_not_be_refused(desk):
    make.order("1")
    claim = assessed(desk, entered_by=desk.mia)
    steps = ["assess", "review", "ask", "hold", "withdraw", "offer", "answer"]
    assert gate.allowed(claim, desk.ana) == steps
    assert gate.allowed(claim, desk.mia) == steps
    assert gate.allowed(claim, desk.max) == [*steps, "approve", "deny"]
    assert gate.allowed(claim, desk.aude) == []
    workflow.approve(claim, by=desk.max, now=NOW)
    assert gate.allowed(again(claim), desk.max) == ["appeal"]


# --- two managers above the limit


@pytest.fixture
def strict(desk):
    """A second version of the policy: above 50 USDT two managers."""
    text = make.S1.replace("[payment]", '[payment]\nsecond_manager_above = { USDT = "50" }')
    workflow.publish_policy(workflow.draft_policy(desk.incident, text, reason="a limit", now=NOW), now=NOW)
    return desk


def test_up_to_the_limit_one_manager_is_enough(strict):
    make.order("1")
    assert workflow.approve(assessed(strict), by=strict.max, now=NOW) == {"USDT": PAID}


def test_above_the_limit_the_second_manager_approves_and_the_first_does_not_twice(strict):
    make.order("1")
    make.order("2")
    claim = assessed(strict)
    assert workflow.approve(claim, by=strict.max, now=NOW) == {}
    assert (again(claim).status, books()) == ("assessed", [])
    with pytest.raises(Refused, match="max approved CLM-.* already; a second manager is needed"):
        workflow.approve(again(claim), by=strict.max, now=NOW)
    assert workflow.approve(again(claim), by=strict.mia, now=NOW) == {"USDT": 2 * PAID}
    assert list(claim.decisions.values_list("verb", "decided_by__username")) == [("endorse", "max"), ("approve", "mia")]
    assert books() == [(f"{claim.reference}/award-1/USDT", 2 * PAID)]


def test_an_endorsement_does_not_outlive_the_assessment_it_was_given_on(strict):
    make.order("1")
    make.order("2")
    claim = assessed(strict)
    workflow.approve(claim, by=strict.max, now=NOW)
    workflow.assess_now(strict.incident, now=NOW)
    assert workflow.approve(again(claim), by=strict.mia, now=NOW) == {}
    assert workflow.approve(again(claim), by=strict.max, now=NOW) == {"USDT": 2 * PAID}


def test_two_payments_that_pass_the_limit_together_need_two_managers(strict):
    """Or a claim could be paid in slices below it."""
    make.order("1")
    make.order("2", **LATE)
    claim = assessed(strict)
    workflow.approve(claim, by=strict.max, now=NOW)
    workflow.review_evidence(make.evidence(again(claim)), accept=True, reason="clear", by=strict.ana, now=NOW)
    workflow.assess_now(strict.incident, now=NOW)
    assert workflow.approve(again(claim), by=strict.max, now=NOW) == {}
    assert workflow.approve(again(claim), by=strict.mia, now=NOW) == {"USDT": PAID}


# --- deny


def test_a_denial_needs_a_reason_and_moves_no_money(desk):
    make.order("1", take_profit="18000")
    claim = assessed(desk)
    with pytest.raises(Refused, match="needs a reason"):
        workflow.deny(claim, by=desk.max, reason="  ", now=NOW)
    workflow.deny(claim, by=desk.max, reason="take profit was set", now=NOW)
    assert (again(claim).status, claim.decisions.get().reason, books()) == ("denied", "take profit was set", [])


def test_a_claim_with_something_to_pay_is_not_denied(desk):
    make.order("1")
    claim = assessed(desk)
    with pytest.raises(Refused, match="has orders to pay"):
        workflow.deny(claim, by=desk.max, reason="no", now=NOW)
    assert nothing_changed(claim)


def test_the_rest_of_a_part_paid_claim_can_be_denied_and_what_was_paid_stands(desk):
    make.order("1")
    make.order("2", **LATE)
    claim = assessed(desk)
    workflow.approve(claim, by=desk.max, now=NOW)
    workflow.deny(again(claim), by=desk.max, reason="no screenshot came", now=NOW)
    assert (again(claim).status, len(books())) == ("approved", 1)


# --- evidence and assessment


def test_a_review_sends_the_claim_back_to_be_assessed_by_a_worker(desk):
    make.order("2", **LATE)
    claim = assessed(desk)
    shot = make.evidence(claim)
    workflow.review_evidence(shot, accept=True, reason="the login error", by=desk.ana, now=NOW)
    assert again(claim).status == "submitted"
    assert (again(shot).status, again(shot).reviewed_by, again(shot).reviewed_at) == ("accepted", desk.ana, NOW)
    job, run = Job.objects.get(), Assessment.objects.first()
    assert (job.key, job.total, run.claim) == (f"assess-{run.pk}", 1, claim)


def test_rejected_evidence_fails_the_clause_that_asked_for_it(desk):
    make.order("2", **LATE)
    claim = assessed(desk)
    workflow.review_evidence(make.evidence(claim), accept=False, reason="another exchange", by=desk.ana, now=NOW)
    workflow.assess_now(desk.incident, now=NOW)
    assert (again(claim).status, again(claim).verdicts.in_force().get().outcome) == ("assessed", "no_clause")


def test_a_review_needs_a_reason_and_is_not_made_over_another(desk):
    claim = assessed(desk)
    seen = make.evidence(claim)
    with pytest.raises(Refused, match="needs a reason"):
        workflow.review_evidence(seen, accept=True, reason=" ", by=desk.ana, now=NOW)
    workflow.review_evidence(again(seen), accept=True, reason="clear", by=desk.ana, now=NOW)
    with pytest.raises(Refused, match="reviewed by somebody else"):
        workflow.review_evidence(seen, accept=False, reason="blurred", by=desk.max, now=NOW)
    assert Evidence.objects.get().status == "accepted"


def test_the_evidence_of_a_decided_claim_is_not_reviewed(desk):
    make.order("1")
    claim = assessed(desk)
    shot = make.evidence(claim)
    workflow.approve(claim, by=desk.max, now=NOW)
    with pytest.raises(Refused, match="is approved"):
        workflow.review_evidence(shot, accept=False, reason="late", by=desk.ana, now=NOW)


def test_a_denied_claim_is_not_assessed_again(desk):
    make.order("1", exit_price="16600")  # no worse than the best price of the outage: nil
    claim = assessed(desk)
    workflow.deny(claim, by=desk.max, reason="The exit was no worse than the best price.", now=NOW)
    run = workflow.assess_now(desk.incident, now=NOW)
    assert (run.claims_assessed, again(claim).assessment_id < run.pk) == (0, True)


def test_a_later_run_is_not_overtaken_by_an_earlier_one(desk):
    make.order("1")
    claim = make.claim(desk.incident)
    early = workflow.request_assessment(desk.incident, now=NOW)
    late = workflow.assess_now(desk.incident, claim=claim, now=NOW)
    workflow.assess_slice(early, after=0)
    workflow.finish_assessment(early, now=NOW)
    assert again(claim).assessment == late
    assert early.verdicts.count() == 0


def test_a_slice_that_is_done_twice_is_done_once(desk):
    make.order("1")
    claim = make.claim(desk.incident)
    run = workflow.request_assessment(desk.incident, now=NOW)
    assert workflow.assess_slice(run, after=0) == (claim.pk, 1)
    assert workflow.assess_slice(run, after=0) == (claim.pk, 1)
    assert workflow.assess_slice(run, after=claim.pk) == (claim.pk, 0)
    assert (run.verdicts.count(), again(claim).revision) == (1, 1)


def test_without_a_published_policy_or_a_window_nothing_is_assessed():
    incident = make.incident(policy=None)
    with pytest.raises(Refused, match="no published policy"):
        workflow.assess_now(incident, now=NOW)
    incident = make.incident("INC-2022-002", windows=())
    with pytest.raises(Refused, match="no outage window"):
        workflow.assess_now(incident, now=NOW)


# --- forgotten claims


def test_claims_that_nobody_asked_for_are_queued_once(desk):
    make.claim(desk.incident)
    assert [workflow.queue_forgotten(now=NOW) for _minute in range(3)] == [1, 0, 0]
    assert Job.objects.get().total == 1


def test_what_comes_in_later_is_assessed_without_assessing_everybody_again(desk):
    early = make.claim(desk.incident)
    first = workflow.assess_now(desk.incident, now=NOW)
    late = make.claim(desk.incident, "dora")
    workflow.queue_forgotten(now=NOW)
    job = Job.objects.get()
    tasks.assess(job.pk)
    early.refresh_from_db()
    late.refresh_from_db()
    assert (job.total, early.assessment, late.assessment.waiting_only) == (1, first, True)


def test_an_incident_without_windows_does_not_keep_the_others_waiting(desk):
    make.claim(make.incident("INC-2022-000", windows=()), "dora")
    make.claim(desk.incident)
    assert workflow.queue_forgotten(now=NOW) == 1


def test_a_run_that_died_does_not_block_its_incident_for_ever(desk):
    make.claim(desk.incident)
    workflow.request_assessment(desk.incident, now=NOW)  # in the foreground, then the power failed
    assert workflow.queue_forgotten(now=NOW + timedelta(minutes=59)) == 0
    assert workflow.queue_forgotten(now=NOW + timedelta(minutes=61)) == 1


def test_a_long_run_whose_job_goes_on_is_left_to_it(desk):
    make.claim(desk.incident)
    workflow.queue_assessment(desk.incident, now=NOW)
    assert workflow.queue_forgotten(now=NOW + timedelta(days=1)) == 0
    Job.objects.update(state="failed")
    assert workflow.queue_forgotten(now=NOW + timedelta(days=1)) == 1


# --- goodwill


def test_the_bonus_goes_once_to_everyone_in_touch_whatever_the_verdicts(desk):
    make.order("1")
    make.order("2", "dora", exit_price="17000")
    for code, contacted in {"carla": at("15:00"), "dora": at("09:00", 20), "emil": at("14:08"), "fay": None}.items():
        make.claim(desk.incident, code, contacted=contacted)
    workflow.assess_now(desk.incident, now=NOW)
    workflow.approve(Claim.objects.get(customer__code="carla"), by=desk.max, now=NOW)
    granted, already = workflow.grant_bonuses(desk.incident, by=desk.max, now=NOW)
    assert ([(b.claim.customer.code, b.amount, b.asset) for b in granted], already) == (
        [("carla", Decimal(20), "USDT"), ("dora", Decimal(20), "USDT")],
        0,
    )
    assert workflow.grant_bonuses(desk.incident, by=desk.mia, now=timezone.now()) == ([], 2)
    assert [amount for reference, amount in books() if reference.endswith("/goodwill")] == [20, 20]


# --- policies


def test_who_came_before_the_policy_has_a_due_date_once_it_is_published(db):
    incident = make.incident(policy=None)
    claim = make.claim(incident)
    workflow.publish_policy(workflow.draft_policy(incident, make.S1, now=NOW), now=NOW)
    claim.refresh_from_db()
    assert claim.due_at == claim.submitted_at + timedelta(days=14)


def test_the_same_terms_are_the_same_version_and_other_terms_the_next(desk):
    first = desk.incident.policies.get()
    assert workflow.draft_policy(desk.incident, make.S1, now=NOW) == first
    second = workflow.draft_policy(desk.incident, make.S1.replace('"20"', '"25"'), reason="goodwill", now=NOW)
    assert (second.version, second.status, desk.incident.policies.in_force()) == (2, "draft", first)
    workflow.publish_policy(second, by=desk.mia, now=NOW)
    assert desk.incident.policies.in_force() == second
    assert Policy.objects.get(pk=second.pk).published_by == desk.mia
