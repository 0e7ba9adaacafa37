"""The steps on the claim's page: a button each for whom the gate lets pass, with the reason, and how the claim stands."""

from __future__ import annotations

import pytest
from django.urls import reverse

from claims import workflow
from claims.models import Claim
from claims.screens.steps import BUTTONS
from incidents.models import Customer
from tests import factories as f
from tests.claims.desk import outage, page_of, post, signed_in, text_of

pytestmark = pytest.mark.django_db
STEPS = ("ask", "reply", "hold", "release", "withdraw", "appeal")


@pytest.fixture
def ana():
    return f.staff("ana", "agent")


@pytest.fixture
def mia():
    return f.staff("mia", "manager")


@pytest.fixture
def claim():
    incident = outage()
    f.order("O-1")
    made = f.claim(incident)
    workflow.assess_now(incident, now=f.NOW)
    return Claim.objects.get(pk=made.pk)


def offered_on(page) -> set[str]:
    """The steps that the page has a form for."""
    return {name for name in STEPS if f"/{name}/" in page.content.decode()}


def taken(client, claim, name, **data):
    claim.refresh_from_db()
    return post(client, name, claim.pk, revision=claim.revision, **data)


def test_ana_asks_the_customer_and_records_the_answer(ana, claim):
    desk = signed_in(ana)
    assert offered_on(desk.get(page_of(claim))) == {"ask", "hold", "withdraw"}
    page = taken(desk, claim, "ask", ground="the numbers of the orders concerned", reason="also of 16 November")
    assert "Asked: the time to decide stands still until the customer answers." in text_of(page)
    assert "Asked for: the numbers of the orders concerned: also of 16 November" in text_of(page)
    assert offered_on(page) == {"reply", "hold", "withdraw"}
    page = taken(desk, claim, "reply", ground="by phone", reason="")
    assert "Recorded: the time to decide runs again." in text_of(page)
    assert "Waits for the customer" not in text_of(page)
    assert "UTC, recorded by ana: by phone" in text_of(page)


def test_a_chinese_customer_is_asked_in_chinese_whatever_ana_reads(ana, claim):
    Customer.objects.update(language="zh-CN")
    page = signed_in(ana).get(page_of(claim))
    assert "the numbers of the orders concerned 相关订单号" in text_of(page)
    assert 'name="ground" value="相关订单号"' in page.content.decode()
    assert "More, as the customer will read it (Chinese)" in text_of(page)
    assert 'value="waits for the trading desk"' in page.content.decode()


def test_mia_is_told_that_a_claim_on_hold_is_not_decided(ana, mia, claim):
    taken(signed_in(ana), claim, "hold", ground="waits for the trading desk", reason="")
    page = signed_in(mia).get(page_of(claim))
    assert "On hold since" in text_of(page) and "by ana: waits for the trading desk" in text_of(page)
    assert "is on hold: take it off hold first" in text_of(page)
    assert "Approve and post" not in text_of(page)
    assert offered_on(page) == {"ask", "release", "withdraw"}
    page = taken(signed_in(mia), claim, "release", reason="the desk answered")
    assert "Off hold." in text_of(page) and "Approve and post" in text_of(page)


def test_an_appeal_is_recorded_and_shown_to_the_next_reviewer(ana, mia, claim):
    workflow.approve(claim, by=mia, now=f.NOW)
    desk = signed_in(ana)
    assert offered_on(desk.get(page_of(claim))) == {"appeal"}
    page = taken(desk, claim, "appeal", reason="It should be more.")
    assert "Appealed: it is checked again, and another person decides." in text_of(page)
    workflow.assess_now(claim.incident, now=f.NOW)
    page = text_of(signed_in(mia).get(page_of(claim)))
    assert "recorded by ana: It should be more." in page
    assert "decided before the appeal" in page


def test_a_withdrawn_claim_has_no_step_left(ana, claim):
    page = taken(signed_in(ana), claim, "withdraw", ground="made in error", reason="")
    assert "UTC, recorded by ana: made in error" in text_of(page)
    assert "Withdrawn: what was awarded before stands." in text_of(page)
    assert offered_on(page) == set()


@pytest.mark.parametrize("name", STEPS)
def test_an_auditor_and_an_address_typed_by_hand_take_no_step(ana, claim, name):
    aude = signed_in(f.staff("aude", "auditor"))
    assert offered_on(aude.get(page_of(claim))) == set()
    assert taken(aude, claim, name, reason="x").status_code == 403
    assert signed_in(ana).get(reverse(f"admin:claims_claim_{name}", args=[claim.pk])).status_code == 403
    assert not claim.steps.exists()


def test_a_step_on_a_page_that_is_out_of_date_is_refused(ana, claim):
    page = post(signed_in(ana), "hold", claim.pk, revision=claim.revision - 1, reason="x")
    assert "was changed by somebody else a moment ago" in text_of(page)


def test_a_step_without_a_reason_is_refused(ana, claim):
    assert "say why" in text_of(taken(signed_in(ana), claim, "hold", ground="", reason=" "))


def test_the_reasons_stand_beside_a_denial_in_the_readers_language(mia):
    incident = outage()
    f.order("O-1", take_profit="17000")
    made = f.claim(incident)
    workflow.assess_now(incident, now=f.NOW)
    words = {clause.code: clause.text for clause in incident.policies.in_force().terms.clauses}
    desk = signed_in(mia)
    assert f"O-1/1: not compensated; E3: {words['E3']['en']}" in text_of(desk.get(page_of(made)))
    desk.cookies["django_language"] = "zh-hans"
    assert f"E3：{words['E3']['zh']}" in text_of(desk.get(page_of(made)))


def test_every_step_has_its_words_in_both_languages_and_keys_that_never_meet(ana, claim):
    desk = signed_in(ana)
    for desk.cookies["django_language"] in ("en", "zh-hans"):
        assert desk.get(page_of(claim)).status_code == 200
    keys = [button.key for button in BUTTONS if button.verb != "release"]  # a claim is on hold, or it is not
    assert len(set(keys)) == len(keys) and not set(keys) & set("nqedw")
