"""S2: nothing is granted without the customer's consent, and who was liquidated chooses between the best price and restoring."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.management import call_command
from django.urls import reverse

from claims import workflow
from claims.gate import Refused
from claims.models import Claim, Compensation, Offer, Remedy
from claims.reports import unposted_or_mismatched
from claims.screens import queue
from claims.terms import PRESETS
from incidents.models import Account, Asset, Customer, Incident, Instrument, Order, OutageWindow, Quote
from tests import factories as make
from tests.claims.desk import page_of, post, signed_in, text_of

S2 = PRESETS["s2-kvb"].read_text()
NOW = datetime(2019, 6, 28, 9, 0, tzinfo=UTC)


def june(clock: str, day: int = 26) -> datetime:
    return datetime.fromisoformat(f"2019-06-{day}T{clock}:00+00:00")


@pytest.fixture
def desk(db):
    """KVB's breakdown: 10:58 to 21:30 UTC; the best bid of it is 1.1390, the last one 1.1370."""

    class Desk:
        ana, aude = make.staff("ana", "agent"), make.staff("aude", "auditor")
        mia, max = make.staff("mia", "manager"), make.staff("max", "manager")

    for code in ("EUR", "USD"):
        Asset.objects.get_or_create(code=code, defaults={"decimals": 2})
    Desk.euro = Instrument.objects.create(
        symbol="EURUSD", margin="linear", base_id="EUR", quote_id="USD", settle_id="USD", contract_value=1
    )
    Desk.incident = Incident.objects.create(
        reference="KVB-2019", title="Breakdown", declared_at=NOW, status="published", published_at=NOW
    )
    OutageWindow.objects.create(incident=Desk.incident, starts_at=june("10:58"), ends_at=june("21:30"))
    for clock, bid in (("11:00", "1.1350"), ("15:00", "1.1390"), ("21:00", "1.1360")):
        Quote.objects.create(
            instrument=Desk.euro, at=june(clock), bid=Decimal(bid), ask=Decimal(bid) + Decimal("0.0001")
        )
    Quote.objects.create(instrument=Desk.euro, at=june("09:00", 28), bid=Decimal("1.1370"), ask=Decimal("1.1371"))
    workflow.publish_policy(workflow.draft_policy(Desk.incident, S2, now=NOW), now=NOW)
    Desk.customer = Customer.objects.create(code="klara")
    Desk.account = Account.objects.create(code="klara-1", customer=Desk.customer)
    return Desk


def order(desk, order_id: str, **facts) -> Order:
    """A long of 10,000 EURUSD, 1.1400 in at 08:00 and liquidated at 1.1340 at 12:00 with a fee of 5.00, but for what is said."""
    facts = {
        "side": "long", "quantity": 10000, "entry_price": Decimal("1.1400"), "opened_at": june("08:00"),
        "exit_price": Decimal("1.1340"), "closed_at": june("12:00"), "close_reason": "liquidation", "liquidation_fee": 5,
    } | facts  # fmt: skip
    return Order.objects.create(
        order_id=order_id, customer=desk.customer, account=desk.account, instrument=desk.euro, **facts
    )


def assessed(desk, now=NOW) -> Claim:
    claim, _made = Claim.objects.get_or_create(
        incident=desk.incident, customer=desk.customer, defaults={"submitted_at": NOW}
    )
    workflow.assess_now(desk.incident, now=now)
    return Claim.objects.get(pk=claim.pk)


def again(row):
    return type(row).objects.get(pk=row.pk)


def offered(desk, claim) -> Offer:
    return workflow.make_offer(claim, by=desk.ana, now=NOW)


def answered(desk, offer, *, accept=True, now=NOW, **choices) -> Offer:
    return workflow.answer_offer(offer, accept=accept, note="ticket 17", by=desk.ana, now=now, **choices)


def test_a_liquidated_order_may_be_repriced_or_restored(desk):
    """Best price: 10,000 × (1.1390 − 1.1340) = 50.00. Restored: the loss of 60.00 and the fee of 5.00."""
    order(desk, "1")
    verdict = assessed(desk).verdicts.in_force().get()
    assert (verdict.clause, verdict.outcome, verdict.amount, verdict.restore_amount) == ("K2", "pay", 50, 65)


def test_a_still_open_order_is_valued_at_the_last_usable_quote_before_the_check(desk):
    """Open, worth 1.1370 at the check: 10,000 × (1.1390 − 1.1370) = 20.00, and nothing to restore."""
    order(desk, "1", exit_price=None, closed_at=None, close_reason="", liquidation_fee=0)
    verdict = assessed(desk).verdicts.in_force().get()
    assert (verdict.clause, verdict.outcome, verdict.amount, verdict.restore_amount) == ("K1", "pay", 20, None)
    assert (verdict.valued_price, verdict.valued_at) == (Decimal("1.1370"), june("09:00", 28))


def test_nothing_is_granted_before_the_customer_consents(desk):
    order(desk, "1")
    claim = assessed(desk)
    with pytest.raises(Refused, match="waits for the customer's consent"):
        workflow.approve(claim, by=desk.max, now=NOW)
    offered(desk, claim)
    with pytest.raises(Refused, match="silence is not consent"):
        workflow.approve(again(claim), by=desk.max, now=NOW)
    assert not Compensation.objects.exists()


def test_the_best_price_is_granted_once_it_is_accepted(desk):
    order(desk, "1")
    claim = assessed(desk)
    answered(desk, offered(desk, claim))
    assert workflow.approve(again(claim), by=desk.max, now=NOW) == {"USD": Decimal(50)}
    assert again(claim).status == Claim.Status.APPROVED


def test_a_restored_order_gives_back_the_loss_and_the_fee_and_instructs_the_trading_desk(desk, tmp_path):
    liquidated = order(desk, "=1+1")  # a name that a spreadsheet would run
    claim = assessed(desk)
    answered(desk, offered(desk, claim), choices={liquidated.pk: Remedy.RESTORE_ORDER})
    assert workflow.approve(again(claim), by=desk.max, now=NOW) == {"USD": Decimal(65)}
    assert unposted_or_mismatched() == []
    file = tmp_path / "restores.csv"
    call_command("export_restores", "KVB-2019", output=str(file))
    [row] = csv.DictReader(file.open())
    assert row == {
        "claim": claim.reference, "customer": "klara", "account": "klara-1", "order_id": "'=1+1", "leg": "1", "symbol": "EURUSD",
        "margin": "linear", "side": "long", "quantity": "10000", "entry_price": "1.14",
        "opened_at": "2019-06-26T08:00:00.000000Z",
        "take_profit": "", "stop_loss": "", "given_back": "65.00", "asset": "USD", "approved_at": "2019-06-28T09:00:00.000000Z",
        "approved_by": "max",
    }  # fmt: skip


def test_an_order_whose_best_price_is_worse_can_still_be_restored(desk):
    """Liquidated at 1.1395, above the best bid: the best price gives nothing, restoring gives 5.00 and the fee."""
    liquidated = order(desk, "1", exit_price=Decimal("1.1395"))
    claim = assessed(desk)
    verdict = claim.verdicts.in_force().get()
    assert (verdict.outcome, verdict.amount, verdict.restore_amount) == ("nil", 0, 10)
    answered(desk, offered(desk, claim), choices={liquidated.pk: "restore_order"})
    assert workflow.approve(again(claim), by=desk.max, now=NOW) == {"USD": Decimal(10)}


def test_the_choice_is_final(desk):
    """A later check that makes the best price better than restoring does not change what was chosen."""
    liquidated = order(desk, "1")
    claim = assessed(desk)
    answered(desk, offered(desk, claim), choices={liquidated.pk: "restore_order"})
    workflow.approve(again(claim), by=desk.max, now=NOW)
    Quote.objects.create(instrument=desk.euro, at=june("16:00"), bid=Decimal("1.1490"), ask=Decimal("1.1491"))
    claim = assessed(desk)
    assert claim.verdicts.in_force().get().amount == Decimal(150)
    assert (claim.status, list(claim.verdicts.owing())) == (Claim.Status.APPROVED, [])


def test_more_at_the_accepted_best_price_needs_no_second_consent(desk):
    order(desk, "1")
    claim = assessed(desk)
    answered(desk, offered(desk, claim))
    workflow.approve(again(claim), by=desk.max, now=NOW)
    Quote.objects.create(instrument=desk.euro, at=june("16:00"), bid=Decimal("1.1400"), ask=Decimal("1.1401"))
    claim = assessed(desk)
    assert workflow.approve(claim, by=desk.max, now=NOW) == {"USD": Decimal(10)}


def test_an_offer_expires_and_silence_is_not_consent(desk):
    order(desk, "1")
    offer = offered(desk, assessed(desk))
    assert offer.expires_at == NOW + timedelta(days=14)
    with pytest.raises(Refused, match="expired on 2019-07-12: silence is not consent"):
        answered(desk, offer, now=offer.expires_at + timedelta(microseconds=1))
    assert answered(desk, offer, now=offer.expires_at).answer == "accepted"


def test_an_offer_is_bound_to_its_amounts(desk):
    """Another price came to light between the offer and the answer: the customer is asked again."""
    order(desk, "1")
    claim = assessed(desk)
    offer = offered(desk, claim)
    Quote.objects.create(instrument=desk.euro, at=june("16:00"), bid=Decimal("1.1400"), ask=Decimal("1.1401"))
    assessed(desk)
    with pytest.raises(Refused, match="assessed again since this offer"):
        answered(desk, offer)
    answered(desk, offered(desk, again(claim)))
    assert workflow.approve(again(claim), by=desk.max, now=NOW) == {"USD": Decimal(60)}


def test_an_accepted_offer_outlives_a_check_that_says_the_same(desk):
    order(desk, "1")
    claim = assessed(desk)
    answered(desk, offered(desk, claim))
    assert workflow.approve(assessed(desk), by=desk.max, now=NOW) == {"USD": Decimal(50)}


def test_an_acceptance_does_not_cover_other_amounts_or_another_version(desk):
    order(desk, "1")
    claim = assessed(desk)
    answered(desk, offered(desk, claim))
    text = S2.replace('offer_expires = "14d"', 'offer_expires = "7d"')
    workflow.publish_policy(workflow.draft_policy(desk.incident, text, reason="a shorter offer", now=NOW), now=NOW)
    claim = assessed(desk)
    with pytest.raises(Refused, match="waits for the customer's consent"):
        workflow.approve(claim, by=desk.max, now=NOW)


def test_a_declined_offer_pays_nothing_and_the_manager_may_deny(desk):
    order(desk, "1")
    claim = assessed(desk)
    answered(desk, offered(desk, claim), accept=False)
    with pytest.raises(Refused, match="consent"):
        workflow.approve(again(claim), by=desk.max, now=NOW)
    workflow.deny(again(claim), by=desk.max, reason="Declined by the customer.", now=NOW)
    assert again(claim).status == Claim.Status.DENIED


def test_who_made_or_recorded_an_offer_does_not_approve(desk):
    order(desk, "1")
    claim = assessed(desk)
    offer = workflow.make_offer(claim, by=desk.mia, now=NOW)
    answered(desk, offer)
    with pytest.raises(Refused, match="another person decides"):
        workflow.approve(again(claim), by=desk.mia, now=NOW)
    assert workflow.approve(again(claim), by=desk.max, now=NOW) == {"USD": Decimal(50)}


def test_an_offer_is_made_once_and_answered_once(desk):
    liquidated = order(desk, "1")
    claim = assessed(desk)
    offer = offered(desk, claim)
    with pytest.raises(Refused, match="offered already"):
        offered(desk, again(claim))
    with pytest.raises(Refused, match="is not part of this offer"):
        answered(desk, offer, choices={liquidated.pk + 1: "best_price"})
    with pytest.raises(Refused, match="cannot have the remedy"):
        answered(desk, offer, choices={liquidated.pk: "money"})
    answered(desk, offer)
    with pytest.raises(Refused, match="was accepted already"):
        answered(desk, offer, accept=False)


def test_an_offer_that_nobody_answered_expires_and_the_claim_is_the_desks_again(desk):
    order(desk, "1")
    offer = offered(desk, assessed(desk))
    assert workflow.expire_offers(now=offer.expires_at) == 0  # the last moment is in time
    late = offer.expires_at + timedelta(seconds=1)
    assert workflow.expire_offers(now=late) == 1
    offer, claim = again(offer), again(offer.claim)
    assert (offer.answer, offer.answered_at, offer.recorded_by) == ("expired", late, None)
    assert (claim.asked_at, claim.revision) == (None, 3)
    assert claim in queue.for_me(desk.max)
    assert workflow.expire_offers(now=late) == 0
    with pytest.raises(Refused, match="was expired already"):
        answered(desk, offer, now=late)


@pytest.mark.parametrize("end", ["declined", "expired"])
def test_what_was_declined_or_expired_may_be_offered_again_on_the_same_assessment(desk, end):
    order(desk, "1")
    claim = assessed(desk)
    first = offered(desk, claim)
    if end == "declined":
        answered(desk, first, accept=False)
    else:
        workflow.expire_offers(now=first.expires_at + timedelta(seconds=1))
    assert "Record that this was offered" in text_of(signed_in(desk.ana).get(page_of(claim)))
    second = offered(desk, again(claim))
    assert (second.assessment, again(first).answer) == (first.assessment, end)
    assert claim not in queue.for_me(desk.max)  # the customer has another one to answer
    answered(desk, second)
    assert workflow.approve(again(claim), by=desk.max, now=NOW) == {"USD": Decimal(50)}


def test_the_time_to_decide_stands_still_while_an_offer_waits(desk):
    order(desk, "1")
    claim = assessed(desk)
    Claim.objects.filter(pk=claim.pk).update(due_at=NOW + timedelta(days=3))
    offer = offered(desk, again(claim))
    assert again(claim).asked_at == NOW
    assert not Claim.objects.overdue(NOW + timedelta(days=4)).exists()
    answered(desk, offer, now=NOW + timedelta(days=5))
    assert (again(claim).asked_at, again(claim).due_at) == (None, NOW + timedelta(days=8))


def test_an_offer_that_a_new_check_made_void_stops_no_clock(desk):
    order(desk, "1")
    claim = assessed(desk)
    Claim.objects.filter(pk=claim.pk).update(due_at=NOW + timedelta(days=3))
    offered(desk, again(claim))
    claim = assessed(desk, now=NOW + timedelta(days=2))
    assert (claim.asked_at, claim.due_at) == (None, NOW + timedelta(days=5))


def test_a_customer_is_reminded_once_before_an_offer_expires(desk):
    order(desk, "1")
    offer, before = offered(desk, assessed(desk)), timedelta(days=2)
    early, due = offer.expires_at - timedelta(days=3), offer.expires_at - before
    assert workflow.remind_of_offers(now=early, before=before) == 0
    assert workflow.remind_of_offers(now=due, before=before) == 1
    assert workflow.remind_of_offers(now=due + timedelta(hours=1), before=before) == 0
    assert again(offer).reminded_at == due
    assert answered(desk, offer, now=offer.expires_at).answer == "accepted"


def test_nobody_is_reminded_of_what_they_answered_or_cannot_accept_any_more(desk):
    order(desk, "1")
    claim = assessed(desk)
    first = offered(desk, claim)
    due = first.expires_at - timedelta(days=1)
    claim = assessed(desk, now=NOW + timedelta(hours=1))  # a later check: another offer is to be made
    assert list(workflow.offers_to_remind(now=due, before=timedelta(days=2))) == []
    answered(desk, workflow.make_offer(claim, by=desk.ana, now=NOW))
    assert list(workflow.offers_to_remind(now=due, before=timedelta(days=2))) == []


def test_of_a_short_offer_the_customer_is_reminded_past_its_half(desk):
    order(desk, "1")
    offer = offered(desk, assessed(desk))
    half = NOW + (offer.expires_at - NOW) / 2
    assert not workflow.offers_to_remind(now=half - timedelta(seconds=1), before=timedelta(days=30)).exists()
    assert workflow.offers_to_remind(now=half, before=timedelta(days=30)).exists()


def test_the_auditor_offers_nothing(desk):
    order(desk, "1")
    with pytest.raises(Refused, match="has not the permission"):
        workflow.make_offer(assessed(desk), by=desk.aude, now=NOW)


def test_ana_records_the_offer_and_the_choice_on_the_page_and_max_approves(desk):
    liquidated = order(desk, "1")
    claim = assessed(desk)
    ana = signed_in(desk.ana)
    assert "or restored, with 65.00 USD" in text_of(ana.get(page_of(claim)))
    assert "Offered, until" in text_of(post(ana, "offer", claim.pk, revision=claim.revision))
    claim = again(claim)
    offer = claim.offers.get()
    answer = {
        "answer": "accept",
        "note": "call of 28 June",
        "revision": claim.revision,
        f"remedy-{liquidated.pk}": "restore_order",
    }
    # the offer of this page is for 14 days from the real clock
    page = ana.post(reverse("admin:claims_claim_answer", args=[offer.pk]), answer, follow=True)
    assert "Accepted: it can be approved now." in text_of(page)
    page = text_of(signed_in(desk.max).get(page_of(claim)))
    assert "65.00 USD" in page and "order restored" in page
    assert "Approved: 65.00 USD" in text_of(
        post(signed_in(desk.max), "approve", claim.pk, revision=again(claim).revision)
    )


def test_the_command_says_what_was_written(desk, tmp_path, capsys):
    call_command("export_restores", "KVB-2019", output=str(tmp_path / "x.csv"), json=True)
    assert json.loads(capsys.readouterr().out)["rows"] == 0
