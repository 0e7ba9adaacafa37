"""What the database itself refuses, whoever asks: the ORM, SQL, a person in a hurry."""

from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from claims import workflow
from claims.models import Assessment, Award, Bonus, Claim, Compensation, Decision, Policy, ReferencePrice, Verdict
from tests import factories as make
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def paid() -> Claim:
    """Carla's claim: entered by Mia, assessed, approved by Max, and her bonus."""
    incident = make.incident()
    make.quotes("BTCUSDT", ("14:09", "16530.00", "16530.10"), ("14:34:10", "16571.00", "16571.10"))
    claim = make.claim(incident, entered_by=make.staff("mia", "manager"))
    make.order("1")
    workflow.assess_now(incident, now=NOW)
    max = make.staff("max", "manager")
    workflow.approve(Claim.objects.get(), by=max, now=NOW)
    workflow.grant_bonuses(incident, by=max, now=NOW)
    return Claim.objects.get(pk=claim.pk)


def run(sql: str, *params) -> None:
    """One statement, checked as it would be at its commit."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(sql, params)


FIXED = "pgtrigger: Cannot (update or delete rows from|truncate) "
RECORD = [Verdict, ReferencePrice, Assessment, Decision, Award, Compensation, Bonus]
FROZEN = pytest.mark.parametrize("model", RECORD, ids=lambda model: model.__name__)


@FROZEN
def test_what_was_computed_and_decided_is_not_changed(paid, model):
    column = "asset" if model in (Award, Verdict, Bonus) else "id"
    with pytest.raises(DatabaseError, match=FIXED), transaction.atomic():
        model.objects.update(**{column: -1 if column == "id" else "BTC"})
    with pytest.raises(DatabaseError, match=FIXED):
        run(f"UPDATE {model._meta.db_table} SET id = id")  # noqa: S608


@FROZEN
def test_what_was_computed_and_decided_is_not_removed(paid, model):
    table = model._meta.db_table
    for statement in (f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE"):  # noqa: S608
        with pytest.raises(DatabaseError, match=FIXED):
            run(statement)
    assert model.objects.exists()


def test_an_assessment_under_way_may_still_be_summed_up_and_then_no_more():
    run_under_way = workflow.request_assessment(make.incident(), now=NOW)
    done = workflow.finish_assessment(run_under_way, now=NOW)
    with pytest.raises(DatabaseError, match=FIXED), transaction.atomic():
        Assessment.objects.filter(pk=done.pk).update(totals={"USDT": "1000000"})
    assert workflow.finish_assessment(done, now=NOW).totals == {}


def test_a_published_policy_is_frozen_and_a_draft_is_not(paid):
    published = Policy.objects.get()
    for change in ({"name": "another"}, {"document": {}}, {"status": "draft", "published_at": None}):
        with pytest.raises(DatabaseError, match=FIXED), transaction.atomic():
            Policy.objects.filter(pk=published.pk).update(**change)
    for statement in ("UPDATE claims_policy SET version = 9", "DELETE FROM claims_policy"):
        with pytest.raises(DatabaseError, match=FIXED):
            run(statement)
    draft = workflow.draft_policy(paid.incident, make.S1.replace('"20"', '"25"'), reason="more", now=NOW)
    Policy.objects.filter(pk=draft.pk).update(reason="goodwill")
    assert Policy.objects.in_force() == published


def test_a_customer_has_one_claim_in_an_incident(paid):
    with pytest.raises(IntegrityError, match="one_claim_per_customer_and_incident"), transaction.atomic():
        Claim.objects.create(incident=paid.incident, customer=paid.customer, submitted_at=NOW)


def test_a_claim_with_its_history_is_not_deleted(paid):
    with pytest.raises(IntegrityError, match="foreign key constraint"):
        run("DELETE FROM claims_claim")


DECISION = """
    INSERT INTO claims_decision (claim_id, verb, revision, assessment_id, reason, decided_by_id, decided_at, prepared_by)
    SELECT claim_id, 'approve', %s, assessment_id, '', %s, now(), %s FROM claims_decision
"""


def test_who_prepared_does_not_decide_not_even_by_sql(paid):
    mia = make.User.objects.get(username="mia").pk
    with pytest.raises(IntegrityError, match="who_prepared_does_not_decide"):
        run(DECISION, 9, mia, [mia])
    run(DECISION, 9, mia, [])  # nobody prepared it: then she may


def test_a_claim_as_it_was_is_decided_once(paid):
    revision = Decision.objects.get().revision
    with pytest.raises(IntegrityError, match="one_decision_per_claim_revision"):
        run(DECISION, revision, make.User.objects.get(username="mia").pk, [])


def test_an_order_is_compensated_once_and_a_customer_has_one_bonus(paid):
    compensation, award, bonus = Compensation.objects.get(), Award.objects.get(), Bonus.objects.get()
    with pytest.raises(IntegrityError, match="order_id"), transaction.atomic():
        Compensation.objects.create(order=compensation.order, award=award, verdict=compensation.verdict, amount=1)
    with pytest.raises(IntegrityError, match="claim_id"), transaction.atomic():
        Bonus.objects.create(
            claim=paid, amount=20, asset="USDT", entry=award.entry, granted_by=bonus.granted_by, granted_at=NOW
        )


def test_an_order_has_one_verdict_in_a_run_and_only_pay_pays(paid):
    columns = "assessment_id, claim_id, order_id, outcome, clause, reasons, holds, flags, amount, asset"
    copy = f"INSERT INTO claims_verdict ({columns}) SELECT {columns} FROM claims_verdict"  # noqa: S608
    with pytest.raises(IntegrityError, match="verdict_once_per_order"):
        run(copy)
    for outcome, amount in (("pay", 0), ("pay", -1), ("nil", 1), ("excluded", Decimal("0.01"))):
        with pytest.raises(IntegrityError, match="verdict_pays_a_positive_amount"):
            run(copy.replace("outcome, clause, reasons, holds, flags, amount, asset FROM",
                             "%s, clause, reasons, holds, flags, %s, asset FROM"), outcome, amount)  # fmt: skip


def test_a_review_has_an_instant_and_a_reason(paid):
    shot = make.evidence(paid)
    for change in ({"status": "accepted"}, {"status": "accepted", "reviewed_at": NOW}, {"reviewed_at": NOW}):
        with pytest.raises(IntegrityError, match="evidence_review_has_instant_and_reason"), transaction.atomic():
            type(shot).objects.update(**change)
    with pytest.raises(IntegrityError, match="evidence_once_per_claim"), transaction.atomic():
        make.evidence(paid)


def test_every_change_of_a_claim_is_kept_with_who_and_when(paid):
    changes = paid.changes.filter(kind="claims_claim").order_by("id")
    assert list(changes.values_list("new__status", "new__revision")) == [
        ("submitted", 0),
        ("assessed", 1),
        ("approved", 2),
    ]
