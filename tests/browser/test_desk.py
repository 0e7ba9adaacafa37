"""The desk as people use it: a real browser, real pages, a real worker; wide as an office screen and narrow as a phone."""

from decimal import Decimal
from io import BytesIO

import pytest
from PIL import Image

from claims import workflow
from claims.models import Award, Claim
from claims.receiving import receive_evidence
from tests import factories as make
from tests.factories import NOW, at
from tests.together import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
QUEUE = "/staff/claims/claim/"


@pytest.fixture
def carla() -> Claim:
    """A loss that Carla closed by hand at 18:00, the screenshot that she sent, and the desk's people."""
    incident = make.incident()
    make.quotes("BTCUSDT", ("14:09", "16530.00", "16530.10"), ("14:34:10", "16571.00", "16571.10"))
    for name, role in {"ana": "agent", "max": "manager", "aude": "auditor"}.items():
        make.staff(name, role)
    claim = make.claim(incident)
    make.order("1001", closed_at=at("18:00"), close_reason="user")
    picture = BytesIO()
    Image.new("RGB", (390, 844), "navy").save(picture, "PNG")
    picture.seek(0)
    receive_evidence(claim, name="login-error.png", content=picture, by=None, now=NOW)
    workflow.assess_now(incident, now=NOW)
    return Claim.objects.get(pk=claim.pk)


# The width of a picture once it is there: it comes when one scrolls to it.
SEEN = "async image => { image.scrollIntoView(); await image.decode(); return image.naturalWidth }"


def sign_in(page, name: str) -> None:
    page.context.clear_cookies()
    page.goto("/staff/")
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", "correct horse")
    page.click("button[type=submit]")
    page.wait_for_url("**/staff/")


def open_from_the_queue(page, claim: Claim) -> None:
    page.goto(QUEUE)
    fits(page)
    page.get_by_role("link", name=claim.reference).click()
    page.locator("h2", has_text=claim.reference).wait_for()
    fits(page)


def fits(page) -> None:
    """Nothing makes the whole page wider than the screen."""
    too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert too_wide <= 0, f"{page.url} is {too_wide} px too wide"


def buttons(page) -> list[str]:
    return [text.strip() for text in page.locator(".mg-page form button").all_inner_texts()]


@pytest.mark.parametrize("width", [1400, 390])
def test_the_agent_accepts_a_screenshot_and_the_manager_approves(carla, page, worker, width):
    page.set_viewport_size({"width": width, "height": 900})
    worker()

    # Ana opens the claim from the queue: the order waits for its evidence, and she may not approve.
    sign_in(page, "ana")
    open_from_the_queue(page, carla)
    assert page.get_by_text("needs evidence").first.is_visible()
    assert page.get_by_role("img", name="Preview of login-error.png").evaluate(SEEN) > 0
    assert "Approve and post to the books" not in buttons(page)

    # She accepts the screenshot; the worker assesses the claim again.
    page.get_by_label("What does it show?").fill("shows the login error")
    page.get_by_role("button", name="Accept", exact=True).click()
    page.get_by_text("Accepted; the claim is checked again.").wait_for()
    wait_until(lambda: Claim.objects.filter(pk=carla.pk, status="assessed").exists(), "the worker assesses")
    page.reload()
    assert page.locator(".mg-total").inner_text() == "35.50 USDT"
    assert page.get_by_text("Accepted by ana").is_visible()
    assert "Approve and post to the books" not in buttons(page)

    # Max approves it: the page shows the award and the entry that owes it.
    sign_in(page, "max")
    open_from_the_queue(page, carla)
    page.get_by_role("button", name="Approve and post to the books").click()
    page.get_by_text("Approved: 35.50 USDT, posted to the books.").wait_for()
    decided = page.get_by_role("region", name="Decisions and awards")
    assert "by max" in decided.inner_text()
    assert "35.50 USDT" in decided.inner_text()
    assert decided.get_by_role("link", name=f"{carla.reference}/award-1/USDT").is_visible()
    assert "Approve and post to the books" not in buttons(page)
    fits(page)

    # And so it is written.
    award = Award.objects.get()
    shot = carla.evidence.get()
    assert (award.amount, award.asset, award.claim) == (Decimal("35.50"), "USDT", carla)
    assert (award.decision.decided_by.username, award.entry.posted_by.username) == ("max", "max")
    assert (shot.status, shot.reviewed_by.username, shot.reason) == ("accepted", "ana", "shows the login error")
    assert Claim.objects.get(pk=carla.pk).status == "approved"
    assert list(award.entry.transfers.values_list("debit__name", "credit__name", "amount")) == [
        ("Expenses:Compensation", "Liabilities:Payable:Compensation", Decimal("35.50"))
    ]


def test_the_auditor_sees_everything_of_the_claim_and_no_button(carla, page):
    sign_in(page, "aude")
    page.goto(f"{QUEUE}?show=all")
    page.get_by_role("link", name=carla.reference).click()
    page.locator("h2", has_text=carla.reference).wait_for()
    assert page.get_by_text("login-error.png").first.is_visible()
    assert buttons(page) == []


def test_who_looked_at_an_older_page_is_told_and_nothing_is_paid(carla, page):
    shot = carla.evidence.get()
    ana = make.User.objects.get(username="ana")
    workflow.review_evidence(shot, accept=True, reason="clear", by=ana, now=NOW)
    workflow.assess_now(carla.incident, now=NOW)
    sign_in(page, "max")
    open_from_the_queue(page, carla)
    workflow.assess_now(carla.incident, now=NOW)  # meanwhile
    page.get_by_role("button", name="Approve and post to the books").click()
    page.get_by_text("was changed by somebody else a moment ago").wait_for()
    assert not Award.objects.exists()
