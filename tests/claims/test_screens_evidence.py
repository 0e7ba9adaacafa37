"""One file on one screen: what it says, whom it resembles, and a review with a ground of the list."""

import io

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from claims import tasks
from claims.models import Claim, Evidence
from claims.receiving import receive_evidence
from jobs.models import Job
from tests import factories as f
from tests.claims.desk import outage, page_of, signed_in, text_of
from tests.claims.films import film, page
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana():
    return f.staff("ana", "agent")


@pytest.fixture
def incident():
    return outage()


def sent(claim: Claim, form: str = "PNG", *, name: str = "error.png") -> Evidence:
    kept = io.BytesIO()
    page().save(kept, form)
    kept.seek(0)
    return receive_evidence(claim, name=name, content=kept, by=None, now=NOW)


def recorded(claim: Claim) -> Evidence:
    return receive_evidence(claim, name="login.mp4", content=io.BytesIO(film()), by=None, now=NOW)


def look_at(row: Evidence, **query: int) -> str:
    return reverse("admin:claims_claim_look", args=[row.pk], query=query)


def review(desk, row: Evidence, **said: str):
    revision = Claim.objects.get(pk=row.claim_id).revision
    address = reverse("admin:claims_claim_review", args=[row.pk])
    return desk.post(address, {"revision": revision, "seen": "received", "one_by_one": "yes"} | said, follow=True)


def test_a_files_page_shows_it_its_findings_and_the_grounds(ana, incident):
    row = sent(f.claim(incident))
    said = text_of(signed_in(ana).get(look_at(row)))
    assert f"error.png waits for review {row.claim.reference} · carla · file 1 of 1" in said
    for words in ("Shows the failure 1", "Shows an error message of the exchange 2", "Another reason, in words 8"):
        assert words in said
    assert "Other customers sent" not in said


def test_no_script_stands_in_the_page(ana, incident):
    response = signed_in(ana).get(look_at(sent(f.claim(incident))))
    ours = response.content.decode().split('class="mg-page"')[1]
    assert "onclick" not in ours and "style=" not in ours
    assert "media-src 'self'" in response["Content-Security-Policy"]


def test_its_likeness_stands_beside_it(ana, incident):
    mine, other = sent(f.claim(incident)), sent(f.claim(incident, "dora"), "JPEG", name="IMG_1.jpg")
    desk = signed_in(ana)
    said = text_of(desk.get(look_at(mine)))
    assert "Other customers sent (1) Looking alike is a signal and no ground" in said
    assert "differs in 0 of 256 points" in said
    both = desk.get(look_at(mine, beside=other.pk)).content.decode()
    assert both.count('class="mg-zoom"') == 2
    assert text_of(desk.get(look_at(mine, beside=other.pk))).count("signal, no ground") == 2


def test_a_recording_waits_for_the_worker_then_it_is_played_and_reviewed(ana, incident):
    row = recorded(f.claim(incident))
    desk = signed_in(ana)
    said = text_of(desk.get(look_at(row)))
    assert "A worker still watches this recording" in said and "Keep the review" not in said
    assert "A worker still watches this recording" in text_of(desk.get(page_of(row.claim)))
    tasks.inspect(Job.objects.get(key=f"inspect/{row.pk}").pk)
    response = desk.get(look_at(row))
    assert response.content.decode().count("data-seek=") == 4
    assert "Keep the review" in text_of(response)


def test_a_review_leads_to_the_claims_next_file_and_then_to_the_claim(ana, incident):
    claim = f.claim(incident)
    first, second = sent(claim), sent(claim, "WEBP")
    desk = signed_in(ana)
    assert review(desk, first, verdict="accept", ground="shows_error").redirect_chain[-1][0] == look_at(second)
    answer = review(desk, second, verdict="reject", ground="other", reason="Dora's account")
    assert answer.redirect_chain[-1][0] == page_of(claim)
    assert list(claim.evidence.values_list("status", "ground", "reason")) == [
        ("accepted", "shows_error", "shows an error message of the exchange"),
        ("rejected", "other", "Dora's account"),
    ]


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"verdict": "accept", "ground": "altered"}, "'was altered' is no ground to accept a file"),
        ({"verdict": "reject"}, "a review needs a reason"),
        ({"ground": "altered"}, "choose whether the file is accepted or rejected"),
    ],
)
def test_a_refused_review_stays_at_the_file_and_says_why(ana, incident, said, words):
    row = sent(f.claim(incident))
    answer = review(signed_in(ana), row, **said)
    assert (answer.redirect_chain[-1][0], words in text_of(answer).lower()) == (look_at(row), True)


def test_the_claims_page_says_the_ground_in_the_readers_language_and_the_reviewers_own_words(ana, incident):
    row = sent(f.claim(incident))
    desk = signed_in(ana)
    review(desk, row, verdict="reject", ground="other_time", reason="the clock says 2021")
    assert "was taken at another time: the clock says 2021" in text_of(desk.get(page_of(row.claim)))
    desk.cookies["django_language"] = "zh-hans"
    assert "拍摄于其他时间: the clock says 2021" in text_of(desk.get(page_of(row.claim)))


def test_the_auditor_looks_and_has_no_button(incident):
    said = text_of(signed_in(f.staff("aude", "auditor")).get(look_at(sent(f.claim(incident)))))
    assert "Keep the review" not in said and "It waits for somebody who may review it." in said


def test_who_may_not_see_evidence_does_not_see_the_page(incident, django_user_model, client):
    client.force_login(django_user_model.objects.create_user("nora", is_staff=True))
    assert client.get(look_at(sent(f.claim(incident)))).status_code == 403


def test_a_page_among_fifty_likenesses_asks_as_few_questions_as_one_alone(ana, incident):
    row = sent(f.claim(incident))
    desk = signed_in(ana)
    desk.get(look_at(row))
    with CaptureQueriesContext(connection) as alone:
        desk.get(look_at(row))
    for number in range(50):
        f.evidence(f.claim(incident, f"C{number}"), sha256=f"{number:064}", look=row.look)
    with CaptureQueriesContext(connection) as among:
        said = text_of(desk.get(look_at(row)))
    assert "Other customers sent (12)" in said
    assert len(among) <= len(alone) <= 16
