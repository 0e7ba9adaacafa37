"""Letters on screen: the list and what went astray, one letter, the words in both languages, the claim's own letters."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from claims import letters
from claims.models import Letter, LetterTemplate
from incidents.models import Customer
from tests import factories as make
from tests.claims.desk import page_of, signed_in, text_of
from tests.factories import NOW

pytestmark = pytest.mark.django_db
LIST = reverse("admin:claims_letter_changelist")


@pytest.fixture
def desk():
    class Desk:
        ana, mia, aude = make.staff("ana", "agent"), make.staff("mia", "manager"), make.staff("aude", "auditor")
        claim = make.claim(make.incident(policy=None))

    Customer.objects.update(email="carla@example.com", name="Carla Weber")
    letters.receipts([Desk.claim.pk], now=NOW)
    Desk.letter = Letter.objects.get()
    return Desk


def at(name: str, *arguments) -> str:
    return reverse(f"admin:claims_{name}", args=arguments)


def sent(letter: Letter, **fields) -> Letter:
    letter = letters.take(letter.pk, letter.pk, now=NOW)
    Letter.objects.filter(pk=letter.pk).update(**fields)
    letter.refresh_from_db()
    return letter


def typed(event: str, **changed) -> dict[str, str]:
    """The form of an event as it comes back, with what was changed in it."""
    form = {}
    for language in letters.LANGUAGES:
        words = letters.words_of(event, language)
        form |= {f"subject-{language}": words.subject, f"body-{language}": words.body.replace("\n", "\r\n")}
        form[f"seen-{language}"] = letters.mark(words)
    return form | {name.replace("_", "-"): value for name, value in changed.items()}


@pytest.mark.parametrize("name", ["ana", "mia", "aude"])
def test_everybody_at_the_desk_reads_the_letters(desk, name):
    reader = signed_in(getattr(desk, name))
    assert "carla@example.com" in text_of(reader.get(LIST))
    page = text_of(reader.get(at("letter_change", desk.letter.pk)))
    assert "As it would be sent now We have received your claim CLM-" in page
    assert "Dear Carla Weber," in page
    assert "Send it again" not in page


def test_a_claim_shows_its_letters_with_their_text(desk):
    sent(desk.letter, status="sent", sent_at=NOW)
    page = text_of(signed_in(desk.ana).get(page_of(desk.claim)))
    assert "Letters (1) Receipt sent 2022-11-18 09:00:00 UTC · carla@example.com We have received your claim" in page


def test_what_did_not_go_out_is_counted_listed_and_sent_again(desk):
    sent(desk.letter, status="failed", error="SMTPRecipientsRefused: no such mailbox")
    mia = signed_in(desk.mia)
    assert "1 letters that did not go out" in text_of(mia.get(reverse("admin:index")))
    assert "no such mailbox" in text_of(mia.get(f"{LIST}?show=astray"))
    assert "1 letter failed after three attempts." in text_of(mia.get(LIST))
    assert signed_in(desk.ana).post(at("letter_send_failed")).status_code == 403
    told = text_of(mia.post(at("letter_send_failed"), follow=True))
    assert "1 letter is sent again." in told
    assert Letter.objects.get().status == "waits"
    assert "no letter to send again" in text_of(mia.post(at("letter_send_failed"), follow=True))


def test_a_doubtful_letter_is_decided_by_a_person(desk):
    letter = sent(desk.letter, tried_at=timezone.now() - timedelta(minutes=6))
    mia = signed_in(desk.mia)
    assert "1 letter was perhaps sent" in text_of(mia.get(LIST))
    page = text_of(mia.get(at("letter_change", letter.pk)))
    assert "Perhaps sent: it was given to the mail server" in page
    told = text_of(mia.post(at("letter_mark_sent", letter.pk), follow=True))
    assert "Kept as sent." in told
    letter.refresh_from_db()
    assert (letter.status, letter.error) == ("sent", "marked as sent by mia")


def test_a_doubtful_letter_is_marked_on_its_claim(desk):
    sent(desk.letter, tried_at=timezone.now() - timedelta(minutes=1))
    assert "Receipt being sent" in text_of(signed_in(desk.ana).get(page_of(desk.claim)))
    Letter.objects.update(tried_at=timezone.now() - timedelta(minutes=6))
    page = text_of(signed_in(desk.ana).get(page_of(desk.claim)))
    assert "Receipt perhaps sent" in page
    assert "Nobody knows whether the customer got it" in page


def test_the_first_page_counts_letters_that_have_no_address(desk):
    sent(desk.letter, status="unsendable")
    ana = signed_in(desk.ana)
    page = ana.get(reverse("admin:index"))
    assert "1 letters without an e-mail address" in text_of(page)
    assert f"{LIST}?status__exact=unsendable" in page.content.decode()
    assert desk.claim.reference in text_of(ana.get(f"{LIST}?status__exact=unsendable"))
    Letter.objects.update(status="sent", sent_at=NOW)
    assert "without an e-mail address" not in text_of(ana.get(reverse("admin:index")))


def test_a_manager_changes_words_in_both_languages_and_sees_how_they_read(desk):
    mia = signed_in(desk.mia)
    address = at("lettertemplate_event", "receipt")
    page = text_of(mia.get(address))
    assert "{contacted_at} when they reached us" in page
    assert "Dear Carla Weber" in page
    looked = typed("receipt", body_en="Hello {customer}, {wish}", claim=desk.claim.reference)
    preview = text_of(mia.post(address, looked, HTTP_HX_REQUEST="true"))
    assert "Hello Carla Weber," in preview
    assert "No such place: {wish}" in preview
    assert "<html" not in preview
    told = mia.post(address, looked | {"do": "save"}, follow=True)
    assert "{wish}: no such place; this letter knows {customer}" in text_of(told)
    assert LetterTemplate.objects.count() == 0
    right = typed("receipt", body_en="Hello {customer}", subject_zh="收到 {claim}")
    assert "Saved: letters" in text_of(mia.post(address, right | {"do": "save"}, follow=True))
    assert letters.words_of("receipt", "en").body == "Hello {customer}"
    assert letters.words_of("receipt", "zh").subject == "收到 {claim}"
    assert "changed by somebody else" in text_of(
        mia.post(address, right | {"do": "save", "body-en": "Hi"}, follow=True)
    )
    assert "changed by mia" in text_of(mia.get(at("lettertemplate_changelist")))


def test_the_projects_own_words_come_back_into_the_form(desk):
    mia, address = signed_in(desk.mia), at("lettertemplate_event", "paid")
    mia.post(address, typed("paid", body_en="Paid {amount}.") | {"do": "save"})
    shown = mia.post(address, typed("paid") | {"do": "shipped.en"})
    assert "We have paid {amount} for your claim" in shown.content.decode()
    again = typed("paid", body_en=letters.shipped("paid", "en").body)
    mia.post(address, again | {"do": "save"})
    assert letters.words_of("paid", "en") == letters.shipped("paid", "en")


def test_a_test_goes_to_whoever_asks_and_to_nobody_else(desk):
    mia, address = signed_in(desk.mia), at("lettertemplate_event", "decision")
    told = text_of(mia.post(address, typed("decision") | {"do": "test.zh"}))
    assert "you have no e-mail address here" in told
    desk.mia.email = "mia@exchange.example"
    desk.mia.save()
    assert "Sent to mia@exchange.example." in text_of(mia.post(address, typed("decision") | {"do": "test.zh"}))
    [message] = mail.outbox
    assert message.to == ["mia@exchange.example"]
    assert message.subject == "[test] 索赔 CLM-000123 的处理决定"
    assert "已批准。" in message.body


@pytest.mark.parametrize("name", ["ana", "aude"])
def test_others_read_the_words_and_change_nothing(desk, name):
    reader, address = signed_in(getattr(desk, name)), at("lettertemplate_event", "offer")
    assert "Our offer for your claim" in text_of(reader.get(f"{address}?claim={desk.claim.reference}"))
    assert reader.post(address, typed("offer") | {"do": "save"}).status_code == 403
    assert reader.get(at("lettertemplate_event", "nothing")).status_code == 404


def test_pages_of_letters_in_chinese(desk):
    mia = signed_in(desk.mia)
    mia.cookies["django_language"] = "zh-hans"
    for address in (
        LIST,
        at("letter_change", desk.letter.pk),
        at("lettertemplate_changelist"),
        at("lettertemplate_event", "receipt"),
    ):
        page = text_of(mia.get(address))
        assert "信函" in page
        assert "Words of the letters" not in page
