"""The steps at a claim by the keyboard alone, in a real browser."""

import pytest

from claims import workflow
from claims.models import Claim
from tests import factories as f
from tests.browser.test_desk import sign_in
from tests.claims.desk import outage, page_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def claim():
    incident = outage()
    f.staff("ana", "agent")
    f.order("O-1")
    made = f.claim(incident)
    workflow.assess_now(incident, now=f.NOW)
    return Claim.objects.get(pk=made.pk)


def steps_of(claim) -> list[tuple[str, str]]:
    return list(claim.steps.values_list("verb", "reason"))


def test_ana_asks_hears_holds_and_releases_without_a_mouse(page, claim):
    sign_in(page, "ana")
    page.goto(page_of(claim))
    page.keyboard.press("c")
    page.keyboard.press("ArrowDown")  # the second of the common reasons
    page.keyboard.press("Enter")
    page.get_by_text("Asked: the time to decide stands still").wait_for()
    page.keyboard.press("y")
    page.keyboard.press("Tab")
    page.keyboard.type("ticket 17")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("Recorded: the time to decide runs again.").wait_for()
    page.keyboard.press("h")
    page.keyboard.press("Enter")
    page.get_by_text("On hold: nobody decides on it").wait_for()
    page.keyboard.press("h")
    page.keyboard.type("it was cleared")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("Off hold.").wait_for()
    assert steps_of(claim) == [
        ("ask", "the numbers of the orders concerned"),
        ("answer", "by chat: ticket 17"),
        ("hold", "the account is under review by compliance"),
        ("release", "it was cleared"),
    ]
