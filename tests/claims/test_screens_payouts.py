"""The payout's pages: what each role sees, the total typed once, treasury's file looked at before it is taken over."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from claims.models import PayoutBatch, PayoutFile, PayoutLimit
from ledger.models import JournalEntry
from tests.claims.desk import page_of, signed_in, text_of
from tests.claims.payouts import Desk, all_paid, failed, paid, payments

pytestmark = pytest.mark.django_db
LIST = "/staff/claims/payoutbatch/"


@pytest.fixture
def desk(tmp_path):
    return Desk("carla", "dora", tmp_path=tmp_path)


@pytest.fixture
def mia(desk):
    return signed_in(desk.mia)


@pytest.fixture
def max(desk):
    return signed_in(desk.max)


def at(name: str, *args) -> str:
    return reverse(f"admin:claims_payout_{name}", args=args)


def upload(desk, client, batch, *rows):
    file = SimpleUploadedFile("back.csv", desk.file(rows).read_bytes())
    return client.post(at("confirm", batch.pk), {"file": file})


def test_mia_sees_what_a_payout_would_be_before_she_proposes_it(desk, mia):
    page = mia.get(at("choose"), follow=True)
    text = text_of(page)
    assert page.redirect_chain[-1][0] == at("propose", "INC-2022-001")
    for words in (
        "111.00 USDT",
        "lines 4",
        "goodwill bonuses 2",
        "limit per line 100,000.00 USDT",
        "111.00 USDT → 0.00 USDT",
    ):
        assert words in text
    page = mia.post(at("propose", "INC-2022-001"), {"asset": "USDT", "at_most": "3"}, follow=True)
    batch = PayoutBatch.objects.get()
    assert (batch.line_count, batch.proposed_by) == (3, desk.mia)
    text = text_of(page)
    assert f"{batch} is proposed; another manager looks at it and releases it." in text
    assert text.count("91.00 USDT") >= 2  # the total twice, the count twice
    assert "You proposed it: another manager looks at the lines and releases it." in text
    assert "Type the total" not in text


def test_max_types_the_total_and_a_slip_is_refused(desk, max):
    batch = desk.propose()
    assert "Type the total with its unit" in text_of(max.get(batch.get_absolute_url()))
    page = max.post(at("release", batch.pk), {"total": "111 BTC"}, follow=True)
    assert f"'111 BTC' is not the total of {batch}" in text_of(page)
    page = max.post(at("release", batch.pk), {"total": "111.00 USDT"}, follow=True)
    assert "Released: treasury can have its file." in text_of(page)
    assert PayoutBatch.objects.get().released_by == desk.max


def test_treasury_s_file_is_downloaded_and_that_is_recorded(desk, max):
    batch = desk.released()
    answer = max.post(at("treasury", batch.pk))
    content = b"".join(answer.streaming_content).decode()
    assert answer["Content-Disposition"] == f'attachment; filename="{batch}.csv"'
    assert content.startswith("line,claim,customer,account,amount,asset,status,reference,reason\n")
    assert (content.count("\n"), PayoutFile.objects.get().by) == (5, desk.max)
    assert max.get(at("treasury", batch.pk)).status_code == 403


def test_a_confirmation_is_looked_at_before_it_is_taken_over(desk, max):
    batch = desk.released()
    page = upload(desk, max, batch, paid(batch, 1), failed(batch, 2))
    text = text_of(page)
    for words in ("back.csv not taken over yet", "paid, to be posted 1", "failed, free for the next payout 1"):
        assert words in text
    assert payments() == {}
    page = max.post(at("confirm", batch.pk), {"seen": page.context["seen"]}, follow=True)
    text = text_of(page)
    assert "Taken over: 1 paid and posted, 1 failed." in text
    assert "account closed" in text
    assert len(payments()) == 1


def test_what_changed_since_the_preview_is_shown_once_more(desk, max):
    batch = desk.released()
    seen = upload(desk, max, batch, *all_paid(batch)).context["seen"]
    desk.confirm(batch, paid(batch, 1))
    page = max.post(at("confirm", batch.pk), {"seen": seen})
    assert "Nothing was taken over: the payout changed since you looked." in text_of(page)
    assert len(payments()) == 1
    forged = max.post(at("confirm", batch.pk), {"seen": seen[:-2]}, follow=True)
    assert "This preview is too old" in text_of(forged)


def test_a_wrong_file_is_shown_with_all_its_errors(desk, max):
    batch = desk.released()
    text = text_of(upload(desk, max, batch, {"line": "x", "status": "paid"}, {"line": f"{batch}/1", "status": "paid"}))
    assert "wrong rows 2" in text
    assert 'line 3, column reference: "" - expected treasury\'s reference of the payment' in text
    assert "Confirm and post" not in text


def test_the_lines_are_filtered_and_their_sums_told(desk, max):
    batch = desk.released()
    desk.confirm(batch, paid(batch, 1), failed(batch, 2))
    text = text_of(max.get(f"{batch.get_absolute_url()}?status=failed"))
    for words in ("35.50 USDT paid · 1", "20.00 USDT failed · 1", "55.50 USDT not confirmed yet · 2"):
        assert words in text
    assert ("account closed" in text, "TX-1" in text) == (True, False)


def test_a_proposal_is_cancelled_on_its_page(desk, max):
    batch = desk.propose()
    page = max.post(at("cancel", batch.pk), {"reason": "the wrong day"}, follow=True)
    assert "Cancelled: what it would have paid is free for the next payout." in text_of(page)


def test_a_limit_is_set_with_a_reason_and_the_earlier_one_stays(desk, mia):
    url = reverse("admin:claims_payoutlimit_add")
    page = mia.post(url, {"asset": "USDT", "per_line": "50", "per_batch": "40", "reason": "x"})
    assert "a batch's is not below a line's" in text_of(page)
    page = mia.post(url, {"asset": "USDT", "per_line": "30", "per_batch": "90", "reason": "the board's"}, follow=True)
    assert "In force from now on: 30.00 USDT per line, 90.00 USDT per batch." in text_of(page)
    assert PayoutLimit.objects.filter(asset="USDT").count() == 2
    assert "The largest line is above the limit." in text_of(mia.get(at("propose", "INC-2022-001")))


@pytest.mark.parametrize("name", ["ana", "aude"])
def test_agents_and_auditors_read_and_have_no_button(desk, name):
    batch = desk.propose()
    client = signed_in(getattr(desk, name))
    assert "Propose a payout" not in text_of(client.get(LIST))
    text = text_of(client.get(batch.get_absolute_url()))
    assert "111.00 USDT" in text
    for words in ("Type the total", "Cancel it", "Confirm"):
        assert words not in text
    for url in (at("release", batch.pk), at("cancel", batch.pk), at("confirm", batch.pk), at("choose")):
        assert client.post(url, {"total": "111 USDT", "reason": "x"}).status_code == 403
    assert client.get(reverse("admin:claims_payoutlimit_add")).status_code == 403
    desk.release(batch)
    assert client.post(at("treasury", batch.pk)).status_code == (200 if name == "aude" else 403)


def test_the_claim_says_what_is_owed_and_what_was_paid(desk, max):
    carla = desk.claims["carla"]
    assert "owed, in no payout yet" in text_of(max.get(page_of(carla)))
    batch = desk.released()
    assert f"with treasury {batch}/1 not confirmed yet" in text_of(max.get(page_of(carla)))
    desk.confirm(batch, paid(batch, 1), failed(batch, 2))
    text = text_of(max.get(page_of(carla)))
    assert f"35.50 USDT award paid {batch}/1 paid: TX-1" in text
    assert f"20.00 USDT goodwill bonus owed again {batch}/2 failed: account closed" in text


def test_a_payment_in_the_books_leads_to_its_payout_and_its_people(desk):
    batch = desk.released()
    desk.confirm(batch, paid(batch, 1))
    entry = JournalEntry.objects.get(reference__endswith="/paid")
    text = text_of(signed_in(desk.aude).get(reverse("admin:claims_entry_origin", args=[entry.pk])))
    for words in (f"{batch}/1", "proposed by mia", "released by max", "confirmed by max", "treasury's reference TX-1"):
        assert words in text


@pytest.mark.parametrize("count", [2, 12])
def test_the_page_asks_the_same_few_questions_however_many_lines(tmp_path, count, django_assert_max_num_queries):
    desk = Desk(*(f"customer-{number}" for number in range(count)), tmp_path=tmp_path)
    batch, client = desk.released(), signed_in(desk.max)
    client.get(batch.get_absolute_url())
    with django_assert_max_num_queries(18):
        client.get(batch.get_absolute_url())


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_an_auditor_opens_every_page_in_both_languages(desk, language):
    batch = desk.released()
    desk.confirm(batch, paid(batch, 1), failed(batch, 2))
    aude = signed_in(desk.aude)
    aude.cookies["django_language"] = language
    limits = reverse("admin:claims_payoutlimit_changelist")
    one = reverse("admin:claims_payoutlimit_change", args=[PayoutLimit.objects.first().pk])
    for url in (LIST, f"{LIST}?q={batch}", f"{LIST}?q={desk.claims['carla']}", batch.get_absolute_url(), limits, one):
        assert aude.get(url).status_code == 200
    assert aude.post(one, {"per_line": "1"}).status_code == 403


def test_the_first_page_says_who_is_waited_for(desk, mia, max):
    desk.propose()
    assert "1 payouts to release" in text_of(max.get("/staff/"))
    assert "payouts to release" not in text_of(mia.get("/staff/"))
