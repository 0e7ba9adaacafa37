"""Offers, reminders, payments and receipts: each verb leaves its letter, and each letter its figures."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from claims import intake, letters, workflow
from claims.letters import Words
from claims.models import Claim, Letter
from tests import factories as make
from tests.claims.payouts import Desk, all_paid, failed, paid
from tests.factories import NOW, S1, at

pytestmark = pytest.mark.django_db
WITH_CONSENT = S1.replace('netting = "none"', 'netting = "none"\nconsent = true\noffer_expires = "7d"').replace(
    'closed_to = "end"\n', 'closed_to = "end"\nremedies = ["best_price", "restore_order"]\n'
)


def text_of(event: str, **which) -> Words:
    letter = Letter.objects.select_related("claim__customer", "claim__incident").get(event=event, **which)
    return letters.compose(letter)


@pytest.fixture
def offered():
    """Carla's order may be repriced or restored; she is asked."""

    class Desk:
        incident = make.incident(policy=WITH_CONSENT)
        ana = make.staff("ana", "agent")

    make.quotes("BTCUSDT", ("14:34:10", "16571.00", "16571.10"))
    claim = make.claim(Desk.incident)
    make.order("O-1")
    workflow.assess_now(Desk.incident, now=NOW)
    Desk.offer = workflow.make_offer(Claim.objects.get(pk=claim.pk), by=Desk.ana, now=NOW)
    return Desk


def test_an_offer_is_written_with_every_choice_and_its_end(offered):
    words = text_of("offer")
    assert "- O-1/1: at the best price 35.50 USDT or the order restored, with 225.00 USDT" in words.body
    assert "At the best price this comes to 35.50 USDT in all." in words.body
    assert "The offer stands until 2022-11-25 09:00:00 UTC." in words.body


def test_the_reminder_tells_what_the_offer_told_and_comes_once(offered):
    late = NOW + timedelta(days=6)
    for _minute in range(2):
        workflow.remind_of_offers(now=late, before=timedelta(hours=48))
    words = text_of("reminder")
    assert "It ends on 2022-11-25 09:00:00 UTC." in words.body
    assert "- O-1/1: at the best price 35.50 USDT or the order restored, with 225.00 USDT" in words.body


def test_a_reminder_of_an_offer_that_no_letter_told_of_says_when_it_ends(offered):
    Letter.objects.all().delete()
    letters.reminders([offered.offer], now=NOW)
    words = text_of("reminder")
    assert "It ends on 2022-11-25 09:00:00 UTC." in words.body
    assert "comes to" not in words.body


def test_whoever_is_paid_is_told_the_amount_the_account_and_the_reference_once(tmp_path):
    desk = Desk("carla", "dora", tmp_path=tmp_path)
    batch = desk.released()
    desk.confirm(batch, paid(batch, 1, "TRX-815"), failed(batch, 2))
    words = text_of("paid")
    assert words.subject == f"Payment for your claim {desk.claims['carla'].reference}"
    assert "We have paid 35.50 USDT for your claim" in words.body
    assert "Account: carla-1\nPayment reference: TRX-815" in words.body
    desk.confirm(batch, paid(batch, 1, "TRX-815"))
    desk.confirm(batch, *(row for row in all_paid(batch) if row["line"][-1] in "34"))
    assert Letter.objects.filter(event="paid").count() == 3


def test_a_customers_first_contact_is_answered_with_a_receipt_and_the_next_is_not():
    incident = make.incident()
    ana = make.staff("ana", "agent")
    for clock in ("15:00", "16:00"):
        contact = {"channel": "chat", "contacted_at": at(clock), "by": ana, "now": NOW}
        intake.submit(incident=incident, customer=make.customer(), **contact)
    words = text_of("receipt")
    assert "Your contact of 2022-11-16 15:00:00 UTC is on our desk" in words.body
    assert "We decide by 2022-11-30 15:00:00 UTC at the latest." in words.body


def test_a_helpdesks_file_twice_leaves_one_receipt_a_claim(tmp_path):
    incident, file = make.incident(), tmp_path / "contacts.csv"
    file.write_text(
        "customer,email,channel,contacted_at,ticket\n"
        + "".join(f"c{n},c{n}@example.com,email,2022-11-16T15:00:00Z,T-{n}\n" for n in range(30))
    )
    for _again in range(2):
        intake.import_contacts(incident, file, now=timezone.now())
    assert Letter.objects.filter(event="receipt").count() == 30 == Letter.objects.count()
