"""The books as an auditor walks them: from a balance to the very quote, on a screen and on a phone; the button that verifies."""

import pytest

from claims import workflow
from claims.models import Claim
from ledger import sealing
from ledger.models import Verification
from tests import factories as make
from tests.browser.test_desk import fits, sign_in
from tests.factories import NOW
from tests.ledger.books import book
from tests.together import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def carla() -> Claim:
    """Carla's claim: entered by Ana, approved by Max out of a fund of 1,000 USDT, and sealed."""
    incident = make.incident()
    make.quotes("BTCUSDT", ("14:34:20", "16571.00", "16571.10"))
    ana, max_ = make.staff("ana", "agent"), make.staff("max", "manager")
    make.staff("aude", "auditor")
    book("seed_capital", "seed", "1000.00 USDT")
    make.order("1001")
    claim = make.claim(incident, entered_by=ana)
    workflow.assess_now(incident, now=NOW)
    claim.refresh_from_db()
    workflow.approve(claim, by=max_, now=NOW)
    sealing.seal(now=NOW)
    return claim


@pytest.mark.parametrize("width", [1440, 390])
def test_from_a_balance_to_the_very_quote_in_three_clicks_and_back(carla, page, width):
    page.set_viewport_size({"width": width, "height": 900})
    sign_in(page, "aude")
    page.goto("/staff/ledger/account/")
    fits(page)
    assert page.locator(".mg-tile b").first.inner_text() == "964.50 USDT"

    page.locator('tr:has(th[title="Liabilities:Payable:Compensation"]) a').click()
    page.locator("h2", has_text="Liabilities:Payable:Compensation").wait_for()
    fits(page)
    page.get_by_role("link", name=f"{carla.reference}/award-1/USDT").click()
    origin = page.get_by_role("region", name="Where it comes from")
    origin.get_by_text("approved by").wait_for()
    fits(page)
    assert "max" in origin.inner_text()
    assert "bid 16,571.00, ask 16,571.10" in origin.inner_text()
    origin.get_by_role("link", name="2022-11-16 14:34:20 UTC").click()
    page.wait_for_url("**/incidents/quote/**")
    page.go_back()
    origin.get_by_role("link", name=carla.reference, exact=True).click()
    page.locator("h2", has_text=carla.reference).wait_for()
    page.get_by_role("link", name=f"{carla.reference}/award-1/USDT").click()
    page.wait_for_url("**/ledger/journalentry/**")


def test_the_auditor_has_the_books_verified_and_takes_the_latest_seal_along(carla, page, worker):
    worker()
    sign_in(page, "aude")
    page.goto("/staff/ledger/verification/")
    page.get_by_role("button", name="Verify now").click()
    wait_until(lambda: Verification.objects.exists(), "the worker verifies")
    page.get_by_role("region", name="The books").get_by_text("no problem").wait_for()
    page.get_by_role("button", name="Verify now").wait_for()
    kept = page.get_by_label("number and hash of the seal").input_value()
    assert kept == str(Verification.objects.get().last_seal)
