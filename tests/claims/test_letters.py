"""Letters are written with the verb that they tell of, once, in the customer's language, in words that managers may change."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from claims import letters, workflow
from claims.gate import Refused
from claims.letters import Words
from claims.models import Claim, Event, Letter, LetterTemplate, Step
from incidents.models import Customer
from tests import factories as make
from tests.factories import NOW, at

pytestmark = pytest.mark.django_db
LATE = {"closed_at": at("18:00"), "close_reason": "user"}  # C3: paid once a screenshot is accepted


@pytest.fixture
def desk():
    class Desk:
        incident = make.incident()
        ana, aude = make.staff("ana", "agent"), make.staff("aude", "auditor")
        mia, max = make.staff("mia", "manager"), make.staff("max", "manager")

    make.quotes("BTCUSDT", ("14:34:10", "16571.00", "16571.10"))
    return Desk


def person(code: str, **known) -> Customer:
    who = make.customer(code)
    Customer.objects.filter(pk=who.pk).update(**{"email": f"{code}@example.com"} | known)
    return who


def assessed(desk, code: str = "carla", *, orders=((),), **known) -> Claim:
    person(code, **known)
    claim = make.claim(desk.incident, code)
    for number, facts in enumerate(orders, start=1):
        make.order(f"{code}-{number}", code, **dict(facts))
    workflow.assess_now(desk.incident, now=NOW)
    return Claim.objects.get(pk=claim.pk)


def letter_of(claim: Claim, event: str) -> Letter:
    return Letter.objects.select_related("claim__customer", "claim__incident").get(claim=claim, event=event)


def text_of(claim: Claim, event: str) -> Words:
    return letters.compose(letter_of(claim, event))


# --- one letter an event


def test_everybody_who_claims_gets_one_receipt_by_one_statement(desk):
    claims = [make.claim(desk.incident, f"customer-{number}").pk for number in range(20)]
    with CaptureQueriesContext(connection) as queries:
        letters.receipts(claims, now=NOW)
    assert len(queries) == 1
    letters.receipts(claims, now=NOW + timedelta(days=1))
    assert Letter.objects.filter(event="receipt", status="waits", written_at=NOW).count() == 20
    first = Letter.objects.get(claim=claims[0])
    assert (first.key, first.to, first.body) == (f"receipt/{claims[0]}", "", "")


def test_nothing_is_written_where_letters_are_switched_off(desk, settings):
    settings.LETTERS_ENABLED = False
    claim = assessed(desk, orders=({}, LATE))
    workflow.approve(claim, by=desk.mia, now=NOW)
    letters.receipts([claim.pk], now=NOW)
    assert Letter.objects.count() == 0


def test_whoever_lacks_evidence_is_asked_once_until_they_answer(desk):
    claim = assessed(desk, orders=(LATE,))
    assert claim.status == "needs_evidence"
    workflow.assess_now(desk.incident, now=NOW + timedelta(hours=1))
    assert Letter.objects.filter(event="evidence_needed").count() == 1  # no answer yet: not asked again
    Step.objects.create(claim=claim, verb="answer", revision=99, reason="called", taken_at=NOW + timedelta(hours=2))
    workflow.assess_now(desk.incident, now=NOW + timedelta(hours=3))
    assert Letter.objects.filter(event="evidence_needed").count() == 2


def test_whose_file_waits_for_our_review_is_not_asked_for_one(desk):
    claim = make.claim(desk.incident)
    make.evidence(claim)
    make.order("carla-1", **LATE)
    workflow.assess_now(desk.incident, now=NOW)
    assert Claim.objects.get(pk=claim.pk).status == "needs_evidence"
    assert Letter.objects.count() == 0


def test_an_agent_asks_in_their_own_words(desk):
    claim = assessed(desk, orders=(LATE,))
    Letter.objects.all().delete()
    workflow.ask_customer(claim, reason="Please send the picture as PNG.", by=desk.ana, now=NOW)
    words = text_of(claim, "evidence_needed")
    assert "Please send the picture as PNG." in words.body
    assert "- carla-1/1: BTCUSDT" in words.body


def test_an_endorsement_is_not_told_to_the_customer(desk):
    claim = assessed(desk)
    endorsed = claim.decisions.create(
        verb="endorse", revision=50, assessment=claim.assessment, decided_by=desk.mia, decided_at=NOW, prepared_by=[]
    )
    letters.decided(endorsed, now=NOW)
    assert Letter.objects.count() == 0


# --- what they say, to the letter


def test_an_approval_tells_the_amount_and_every_order_with_the_published_words(desk):
    claim = assessed(desk, orders=({}, {"exit_price": "17000"}, LATE), name="Carla Weber")
    workflow.approve(claim, by=desk.mia, reason="checked twice", now=NOW)
    assert text_of(claim, "decision") == Words(
        f"Our decision on your claim {claim.reference}",
        f"""Dear Carla Weber,

We have decided on your claim {claim.reference} for "Trading server failure".

It is approved in part. What waits is decided as soon as what is missing has come in.
Compensation: 35.50 USDT

Your orders, one by one, with the policy's words:
- carla-1/1: 35.50 USDT
  C1: Orders that were forced to be liquidated in the loss during the server failure.
- carla-2/1: not compensated
  E4: Orders that generated profits.
- carla-3/1: waits for evidence
  C3: Users with closed orders in the loss during the period from 15:30 on 16 Nov to 15:30 on 17 Nov (UTC+0) and who \
presented screenshots or screen recordings that show that the trading service was unavailable.

If you do not agree, answer this letter: a claim can be appealed once, and then another person looks at it.

Kind regards,
The compensation desk""",
    )


def test_a_denial_in_chinese_tells_every_reason_and_the_managers_words(desk):
    early = {"closed_at": at("14:00"), "close_reason": "user", "exit_price": "17000"}
    claim = assessed(desk, orders=(early,), name="王芳", language="zh-CN")
    workflow.deny(claim, by=desk.mia, reason="该订单在故障前已平仓。", now=NOW)
    assert text_of(claim, "decision") == Words(
        f"索赔 {claim.reference} 的处理决定",
        f"""尊敬的 王芳：

我们已就您因“Trading server failure”提出的索赔 {claim.reference} 作出决定。

本次不予批准。此前已批准的赔付不受影响。
该订单在故障前已平仓。

各订单的处理结果及政策依据如下：
- carla-1/1：不予赔付
  E1：在服务器故障发生之前（即2022年11月16日14:09，UTC+0），由用户平仓或被强制平仓的订单。
  E4：产生盈利的订单。
  E6：在服务器故障期间任何时间均未持仓的订单。（公告未单独列出；由“受影响的订单”推知。）

如有异议，请回复本函：每项索赔可申诉一次，由另一位审核人员复核。

此致
赔付服务台""",
    )


def test_a_letter_that_is_sent_late_tells_what_was_decided_then(desk):
    claim = assessed(desk, orders=({}, LATE))
    workflow.approve(claim, by=desk.mia, now=NOW)
    before = text_of(claim, "decision")
    make.evidence(claim, status="accepted")
    workflow.assess_now(desk.incident, now=NOW)
    workflow.approve(Claim.objects.get(pk=claim.pk), by=desk.mia, now=NOW)
    first, second = (
        Letter.objects.filter(event="decision").select_related("claim__customer", "claim__incident").order_by("pk")
    )
    assert letters.compose(first) == before
    assert "It is approved.\nCompensation:" in letters.compose(second).body


def test_a_receipt_leaves_out_the_line_that_has_nothing_to_say(desk):
    claim = make.claim(desk.incident)
    Claim.objects.filter(pk=claim.pk).update(due_at=NOW)
    letters.receipts([claim.pk], now=NOW)
    assert "We decide by 2022-11-18 09:00:00 UTC at the latest." in text_of(claim, "receipt").body
    other = make.claim(desk.incident, "dora")
    letters.receipts([other.pk], now=NOW)
    assert "We decide by" not in text_of(other, "receipt").body
    assert "decide by the published policy." in text_of(other, "receipt").body


# --- the words


@pytest.mark.parametrize("language", letters.LANGUAGES)
@pytest.mark.parametrize("event", Event.values)
def test_the_shipped_words_know_their_places_and_fill_them_all(event, language):
    words = letters.shipped(event, language)
    assert letters.unknown(event, words) == []
    filled = letters.filled(words, letters.sample(event, language))
    assert "{" not in filled.subject + filled.body
    assert set(letters.KNOWN[event]) <= set(letters.sample(event, language))


def test_a_value_is_never_read_as_a_template_and_a_subject_is_one_line():
    words = Words("For {customer}", "{customer} {orders} {unknown} {0} {customer.__class__}\n\n{reason}")
    filled = letters.filled(words, {"customer": "{claim}\r\nBcc: all@example.com", "orders": "<b>1</b>"})
    assert filled == Words(
        "For {claim} Bcc: all@example.com",
        "{claim}\r\nBcc: all@example.com <b>1</b>   {customer.__class__}",
    )
    page = letters.html(filled, "en")
    assert "&lt;b&gt;1&lt;/b&gt;" in page
    assert "<b>" not in page


def test_a_managers_words_hold_from_then_on_and_refuse_what_they_do_not_know(desk):
    claim = make.claim(desk.incident)
    seen = {"en": letters.mark(letters.shipped("receipt", "en"))}
    change = {"seen": seen, "by": desk.mia, "now": NOW}
    with pytest.raises(Refused) as told:
        workflow.change_words("receipt", {"en": Words("Hello", "{amounts} and {wish}")}, **change)
    assert str(told.value) == (
        "{amounts}, {wish}: no such place; this letter knows {customer}, {claim}, {incident}, {contacted_at}, {due_at}"
    )
    workflow.change_words("receipt", {"en": Words("Hello {customer}", "We have {claim}.")}, **change)
    letters.receipts([claim.pk], now=NOW)
    assert text_of(claim, "receipt") == Words("Hello carla", f"We have {claim.reference}.")
    with pytest.raises(Refused, match="changed by somebody else"):
        workflow.change_words("receipt", {"en": Words("Again", "x")}, **change | {"by": desk.max})
    assert LetterTemplate.objects.get().changed_by == desk.mia


def test_who_may_change_words(desk):
    seen = {"en": letters.mark(letters.shipped("paid", "en"))}
    for somebody in (desk.ana, desk.aude):
        with pytest.raises(Refused, match="permission"):
            workflow.change_words("paid", {"en": Words("a", "b")}, seen=seen, by=somebody, now=NOW)
