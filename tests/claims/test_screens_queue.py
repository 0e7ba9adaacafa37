"""The queue: oldest due first, what each claim waits for, and the next one for whom."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from claims import workflow
from claims.models import Claim
from tests import factories as f
from tests.claims.desk import outage, page_of, signed_in, text_of

pytestmark = pytest.mark.django_db
QUEUE = "/staff/claims/claim/"
NEXT = "/staff/claims/claim/next/"


@pytest.fixture
def ana():
    return f.staff("ana", "agent")


@pytest.fixture
def mia():
    return f.staff("mia", "manager")


def due(claim, days: float) -> Claim:
    Claim.objects.filter(pk=claim.pk).update(due_at=timezone.now() + timedelta(days=days))
    return Claim.objects.get(pk=claim.pk)


def needs_evidence(incident, code):
    f.order(f"late-{code}", code, closed_at=f.at("18:00"), close_reason="user")
    return f.claim(incident, code)


def test_the_oldest_due_claim_stands_first_and_closed_ones_are_elsewhere(ana):
    incident = outage()
    later, sooner = due(f.claim(incident, "carla"), 5), due(f.claim(incident, "chen"), 1)
    undated, closed = f.claim(incident, "eve"), f.claim(incident, "ivan")
    Claim.objects.filter(pk=closed.pk).update(status="denied")
    page = text_of(signed_in(ana).get(QUEUE))
    places = [page.index(claim.reference) for claim in (sooner, later, undated)]
    assert places == sorted(places)
    assert closed.reference not in page
    assert closed.reference in text_of(signed_in(ana).get(QUEUE, {"show": "closed"}))


def test_an_overdue_claim_says_so_in_words(ana):
    due(f.claim(outage()), -3.5)
    assert "overdue by 3 days" in text_of(signed_in(ana).get(QUEUE))


def test_the_queue_says_what_each_claim_waits_for(ana):
    incident = outage()
    f.order("O-1", "carla")
    f.claim(incident, "carla")
    needs_evidence(incident, "chen")
    f.evidence(needs_evidence(incident, "eve"))
    f.order("O-2", "ivan", take_profit="17000")
    f.claim(incident, "ivan", contacted=f.at("09:00", 20))
    workflow.assess_now(incident, now=f.NOW)
    f.claim(incident, "lena")
    page = signed_in(ana).get(QUEUE)
    rows = {str(claim.customer): claim for claim in page.context_data["cl"].result_list}
    said = text_of(page)
    assert [rows[code].status for code in ("carla", "chen", "eve", "ivan", "lena")] == [
        "assessed", "needs_evidence", "needs_evidence", "assessed", "submitted",
    ]  # fmt: skip
    for words in ("approval", "evidence from the customer", "evidence to review", "denial: nothing to pay", "checks"):
        assert words in said
    assert "35.50 USDT" in said
    assert [rows["carla"].waiting.in_touch, rows["ivan"].waiting.in_touch] == [True, False]


@pytest.mark.parametrize("text", ["CLM", "carla", "carla-1", "O-1", "T-77", "Mendes"])
def test_a_claim_is_found_by_whatever_the_agent_has_at_hand(ana, text):
    incident = outage()
    f.order("O-1", "carla")
    claim, other = f.claim(incident, "carla"), f.claim(incident, "chen")
    claim.customer.name = "Carla Mendes"
    claim.customer.save()
    claim.contacts.update(ticket="T-77")
    page = text_of(signed_in(ana).get(QUEUE, {"q": claim.reference if text == "CLM" else text}))
    assert claim.reference in page
    assert other.reference not in page


def test_next_opens_what_waits_for_the_role_oldest_due_first(ana, mia):
    incident = outage()
    f.order("O-1", "carla")
    to_decide = due(f.claim(incident, "carla"), 1)
    to_review = due(needs_evidence(incident, "eve"), 4)
    f.evidence(to_review)
    workflow.assess_now(incident, now=f.NOW)
    assert signed_in(ana).post(NEXT).url == page_of(to_review)
    assert signed_in(mia).post(NEXT).url == page_of(to_decide)


def test_next_walks_down_the_queue_and_starts_again_at_its_top(mia):
    incident = outage()
    claims = []
    for day, code in enumerate(("carla", "chen", "eve")):
        f.order(f"O-{code}", code)
        claims.append(due(f.claim(incident, code), day + 1))
    workflow.assess_now(incident, now=f.NOW)
    desk = signed_in(mia)
    walked = [desk.post(NEXT, {"after": claim.pk}).url for claim in claims]
    assert walked == [page_of(claims[1]), page_of(claims[2]), page_of(claims[0])]


def test_next_passes_over_what_the_manager_prepared(mia):
    incident = outage()
    f.order("O-1", "carla")
    f.claim(incident, "carla", entered_by=mia)
    workflow.assess_now(incident, now=f.NOW)
    assert signed_in(mia).post(NEXT).url == reverse("admin:claims_claim_changelist")
    assert f.Claim.objects.open().count() == 1


@pytest.mark.parametrize("many", [1, 30])
def test_the_queue_asks_the_same_questions_for_one_claim_and_for_thirty(ana, many):
    incident = outage()
    for number in range(many):
        f.order(f"O-{number}", f"C{number}")
        f.evidence(f.claim(incident, f"C{number}"))
    workflow.assess_now(incident, now=f.NOW)
    desk = signed_in(ana)
    with CaptureQueriesContext(connection) as asked:
        page = desk.get(QUEUE)
    assert len(page.context_data["cl"].result_list) == many
    assert len(asked) == 24
