"""The history as people read it: it comes into sight on the claim, and goes back as far as one asks."""

from datetime import timedelta

import pghistory
import pytest

from claims import workflow
from claims.models import Claim
from claims.screens.history import PAGE
from tests import factories as make
from tests.browser.test_desk import sign_in
from tests.claims.desk import outage
from tests.factories import NOW

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def claim() -> Claim:
    """Carla's claim, approved by Mia after Ana had it, with more changes than one part of a history shows."""
    incident, mia, ana = outage(), make.staff("mia", "manager"), make.staff("ana", "agent")
    make.staff("aude", "auditor")
    make.order("O-1")
    found = make.claim(incident)
    for number in range(PAGE):
        with pghistory.context(job="sweep"):
            Claim.objects.update(due_at=NOW + timedelta(days=number))
    with pghistory.context(job="assess-1"):
        workflow.assess_now(incident, now=NOW)
    with pghistory.context(user=ana.pk, url="/staff/claims/claim/1/", address="192.0.2.7", reason="she knows Carla"):
        Claim.objects.update(assigned_to=ana)
    found.refresh_from_db()
    with pghistory.context(user=mia.pk, url="/staff/claims/claim/1/approve/", address="192.0.2.8"):
        workflow.approve(found, by=mia, reason="as computed", now=NOW)
    return found


def test_the_history_comes_into_sight_and_goes_back_to_the_beginning(page, claim):
    sign_in(page, "ana")
    page.goto(f"/staff/claims/claim/{claim.pk}/change/")
    page.locator("#history").scroll_into_view_if_needed()
    page.get_by_text("Award added").wait_for()
    assert page.get_by_text("Contact added").count() == 0
    page.get_by_text("Show older changes").click()
    page.get_by_text("Contact added").wait_for()
    assert page.get_by_text("Show older changes").count() == 0
