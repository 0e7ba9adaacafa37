"""Two at the same moment: one decision, one entry, one bonus; the other is told."""

import json
import subprocess
import sys
from decimal import Decimal

import pytest

from claims import workflow
from claims.gate import Refused
from claims.models import Assessment, Award, Bonus, Claim, Compensation, Decision
from ledger.models import JournalEntry
from tests import factories as make
from tests.conftest import ROOT
from tests.factories import NOW, at
from tests.together import Person, held, wait_for_waiting

pytestmark = pytest.mark.django_db(transaction=True)
PAID = {"USDT": Decimal("35.50")}


@pytest.fixture
def desk():
    class Desk:
        incident = make.incident()
        ana, mia, max = make.staff("ana", "agent"), make.staff("mia", "manager"), make.staff("max", "manager")

    make.quotes("BTCUSDT", ("14:09", "16530.00", "16530.10"), ("14:34:10", "16571.00", "16571.10"))
    return Desk


def assessed(desk, *codes: str, **facts) -> list[Claim]:
    claims = [make.claim(desk.incident, code) for code in codes]
    for code in codes:
        make.order(f"order-{code}", code, **facts)
    workflow.assess_now(desk.incident, now=NOW)
    return [again(claim) for claim in claims]


def again(row):
    return type(row).objects.get(pk=row.pk)


def refusal(answers: list) -> str:
    [error] = [answer for answer in answers if isinstance(answer, Refused)]
    return str(error)


def test_two_managers_approve_one_claim_at_the_same_moment(desk):
    [claim] = assessed(desk, "carla")
    with held("claims_claim"):
        mia = Person(lambda: workflow.approve(claim, by=desk.mia, now=NOW))
        max = Person(lambda: workflow.approve(claim, by=desk.max, now=NOW))
        wait_for_waiting(2)
    answers = [mia.finished(), max.finished()]
    assert PAID in answers
    assert "changed by somebody else a moment ago" in refusal(answers)
    assert (Decision.objects.count(), Award.objects.count(), Compensation.objects.count()) == (1, 1, 1)
    assert JournalEntry.objects.filter(category="outage_compensation").count() == 1


def test_two_managers_approve_everything_at_the_same_moment(desk):
    """Each claim is approved by one of them, and each of them is told which were the other's."""
    claims = assessed(desk, "carla", "dora", "emil")
    with held("claims_claim"):
        people = [
            Person(lambda by=by: workflow.approve_all(desk.incident, by=by, now=NOW)) for by in (desk.mia, desk.max)
        ]
        wait_for_waiting(2)
    results = [person.finished() for person in people]
    assert sum(result.approved for result in results) == 3
    assert sum(len(result.errors) for result in results) == 3
    assert sum((result.totals.get("USDT", Decimal(0)) for result in results), Decimal(0)) == Decimal("106.50")
    assert JournalEntry.objects.filter(category="outage_compensation").count() == len(claims)


def test_one_order_under_two_incidents_is_paid_once(desk):
    [first] = assessed(desk, "carla")
    other = make.incident("INC-2022-002")
    second = make.claim(other)
    workflow.assess_now(other, now=NOW)
    second = again(second)
    with held("claims_claim"):
        people = [Person(lambda c=c: workflow.approve(c, by=desk.max, now=NOW)) for c in (first, second)]
        wait_for_waiting(2)
    answers = [person.finished() for person in people]
    assert PAID in answers
    assert any(words in refusal(answers) for words in ("paid through another claim", "not already awarded"))
    assert (Compensation.objects.count(), JournalEntry.objects.filter(category="outage_compensation").count()) == (1, 1)


def test_one_order_under_two_incidents_is_paid_once_even_when_both_have_looked(desk):
    """Both see it unpaid and stand at the books' door; the constraint decides, and the loser's entry is undone."""
    [first] = assessed(desk, "carla")
    other = make.incident("INC-2022-002")
    second = make.claim(other)
    workflow.assess_now(other, now=NOW)
    second = again(second)
    with held("ledger_asset"):
        people = [Person(lambda c=c: workflow.approve(c, by=desk.max, now=NOW)) for c in (first, second)]
        wait_for_waiting(2)
    answers = [person.finished() for person in people]
    assert PAID in answers
    assert "was paid through another claim a moment ago" in refusal(answers)
    assert (Decision.objects.count(), Award.objects.count(), Compensation.objects.count()) == (1, 1, 1)
    assert JournalEntry.objects.filter(category="outage_compensation").count() == 1


def test_the_bonuses_are_granted_by_two_processes_at_once_and_again_later(desk, command_env):
    codes = [f"customer-{number}" for number in range(25)]
    for code in codes:
        make.claim(desk.incident, code)
    command = [sys.executable, "manage.py", "grant_bonuses", desk.incident.reference, "--json", "--by"]
    with held("claims_claim"):
        processes = [
            subprocess.Popen([*command, by], cwd=ROOT, env=command_env, stdout=subprocess.PIPE) for by in ("mia", "max")
        ]
        wait_for_waiting(2)
    printed = [json.loads(process.communicate(timeout=60)[0]) for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sorted((answer["granted"], answer["already"]) for answer in printed) == [(0, 25), (25, 0)]
    assert sorted(str(answer["totals"]) for answer in printed) == ["{'USDT': '500.00'}", "{}"]

    assert workflow.grant_bonuses(desk.incident, by=desk.max, now=NOW) == ([], 25)
    assert sorted(Bonus.objects.values_list("claim__customer__code", "amount")) == sorted((c, 20) for c in codes)
    assert JournalEntry.objects.filter(category="goodwill_bonus").count() == 25


def test_a_bonus_and_an_approval_of_one_claim_do_not_wait_for_each_other_for_ever(desk):
    [claim] = assessed(desk, "carla")
    with held("ledger_asset"):
        people = [
            Person(lambda: workflow.approve(claim, by=desk.mia, now=NOW)),
            Person(lambda: workflow.grant_bonuses(desk.incident, by=desk.max, now=NOW)),
        ]
        wait_for_waiting(2)
    approved, (granted, already) = [person.finished() for person in people]
    assert (approved, len(granted), already) == (PAID, 1, 0)


def test_two_assessments_at_once_leave_every_claim_on_the_later_one(desk):
    claims = assessed(desk, "carla", "dora", "emil")
    early, late = (workflow.request_assessment(desk.incident, now=NOW) for _run in range(2))

    def carry_out(run: Assessment) -> Assessment:
        workflow.assess_slice(run, after=0)
        return workflow.finish_assessment(run, now=NOW)

    with held("claims_claim"):
        people = [Person(lambda run=run: carry_out(run)) for run in (early, late)]
        wait_for_waiting(2)
    assert [person.finished() for person in people] == [early, late]
    assert {again(claim).assessment for claim in claims} == {late}
    assert late.verdicts.count() == 3
    assert early.verdicts.count() in (0, 3)  # all of it before the later one came, or nothing
    assert again(late).totals == {"USDT": "106.50"}


def test_who_approves_while_the_claim_is_being_assessed_is_told_to_look_again(desk):
    [claim] = assessed(desk, "carla")
    run = workflow.request_assessment(desk.incident, now=NOW)
    with held("incidents_order"):  # the slice has its claims, and its verdicts wait for their orders
        worker = Person(lambda: workflow.assess_slice(run, after=0))
        wait_for_waiting(1)
        max = Person(lambda: workflow.approve(claim, by=desk.max, now=NOW))
        wait_for_waiting(2)
    assert worker.finished() == (claim.pk, 1)
    assert "changed by somebody else" in refusal([max.finished()])
    assert not Decision.objects.exists()
    assert workflow.approve(again(claim), by=desk.max, now=NOW) == PAID


def test_a_slice_that_comes_while_a_claim_is_approved_leaves_its_decision_alone(desk):
    claim, dora = assessed(desk, "carla", "dora")
    run = workflow.request_assessment(desk.incident, now=NOW)
    with held("ledger_asset"):  # the approval has the claim and waits for the books
        max = Person(lambda: workflow.approve(claim, by=desk.max, now=NOW))
        wait_for_waiting(1)
        worker = Person(lambda: workflow.assess_slice(run, after=0))
        wait_for_waiting(2)
    assert max.finished() == PAID
    assert worker.finished() == (dora.pk, 2)
    assert (again(claim).status, again(claim).assessment) == ("approved", run)  # it says the same: nothing to top up
    assert Compensation.objects.count() == 1


def test_a_review_that_comes_while_the_claim_is_approved_is_refused(desk):
    [claim] = assessed(desk, "carla")
    shot = make.evidence(claim)
    with held("ledger_asset"):
        max = Person(lambda: workflow.approve(claim, by=desk.max, now=NOW))
        wait_for_waiting(1)
        ana = Person(lambda: workflow.review_evidence(shot, accept=True, reason="clear", by=desk.ana, now=NOW))
        wait_for_waiting(2)
    assert max.finished() == PAID
    assert "is approved" in refusal([ana.finished()])
    assert again(shot).status == "received"


def test_an_approval_that_comes_while_evidence_is_reviewed_is_refused(desk):
    """Max and the review meet; the review was first, so what Max saw is no longer so."""
    [claim] = assessed(desk, "carla")
    shot = make.evidence(claim)
    with held("claims_evidence"):
        ana = Person(lambda: workflow.review_evidence(shot, accept=True, reason="clear", by=desk.ana, now=NOW))
        wait_for_waiting(1)
        max = Person(lambda: workflow.approve(claim, by=desk.max, now=NOW))
        wait_for_waiting(2)
    assert ana.finished().status == "accepted"
    assert "changed by somebody else" in refusal([max.finished()])
    assert not Decision.objects.exists()


def test_two_reviews_of_one_screenshot_at_the_same_moment(desk):
    [claim] = assessed(desk, "carla", closed_at=at("18:00"), close_reason="user")
    shot = make.evidence(claim)
    seen = again(shot)
    with held("claims_claim"):
        people = [
            Person(lambda: workflow.review_evidence(shot, accept=True, reason="clear", by=desk.ana, now=NOW)),
            Person(lambda: workflow.review_evidence(seen, accept=False, reason="blurred", by=desk.mia, now=NOW)),
        ]
        wait_for_waiting(2)
    assert "reviewed by somebody else a moment ago" in refusal([person.finished() for person in people])
    assert again(shot).reviewed_by in (desk.ana, desk.mia)


ENTER = """
import sys
from datetime import UTC, datetime
from django.contrib.auth.models import User
from claims import callers, intake
at = datetime(2022, 11, 16, 15, int(sys.argv[2]), tzinfo=UTC)
intake.submit(
    incident=callers.incidents().get(), customer=callers.new_customer(code="erin", name=sys.argv[1]), channel="chat",
    contacted_at=at, by=User.objects.get(username=sys.argv[1]), now=datetime(2022, 11, 18, tzinfo=UTC),
)
"""


def test_two_agents_enter_the_same_new_customer_at_once_from_two_processes(desk, command_env):
    make.staff("bo", "agent")
    start = "import django; django.setup()\n" + ENTER
    environment = command_env | {"DJANGO_SETTINGS_MODULE": "config.settings"}
    with held("incidents_incident"):  # a claim's key locks its incident: both run into it
        agents = [
            subprocess.Popen([sys.executable, "-c", start, name, minute], cwd=ROOT, env=environment)
            for name, minute in (("ana", "10"), ("bo", "20"))
        ]
        wait_for_waiting(2)
    assert [agent.wait(60) for agent in agents] == [0, 0]
    claim = Claim.objects.get()
    assert claim.customer.code == "erin"
    assert list(claim.contacts.values_list("entered_by__username", flat=True)) == ["ana", "bo"]
    assert claim.submitted_at == at("15:10")
