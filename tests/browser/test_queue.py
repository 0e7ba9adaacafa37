"""The queue by keyboard alone: an agent clears three claims, gives three away; a manager sees who is at a claim."""

from datetime import timedelta
from decimal import Decimal
from io import BytesIO

import pytest
from django.utils import timezone
from PIL import Image

from claims import workflow
from claims.models import Award, Claim, Evidence
from claims.receiving import receive_evidence
from tests import factories as make
from tests.browser.test_desk import fits, sign_in
from tests.factories import NOW, at

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
QUEUE = "/staff/claims/claim/"


def picture(colour: str) -> BytesIO:
    file = BytesIO()
    Image.new("RGB", (390, 844), colour).save(file, "PNG")
    file.seek(0)
    return file


@pytest.fixture
def claims() -> list[Claim]:
    """Three customers who closed by hand at 18:00 and sent a screenshot each, due one after the other."""
    incident = make.incident()
    make.quotes("BTCUSDT", ("14:09", "16530.00", "16530.10"), ("14:34:10", "16571.00", "16571.10"))
    for name, role in {"ana": "agent", "ben": "agent", "max": "manager"}.items():
        make.staff(name, role)
    people = {"carla": "navy", "chen": "maroon", "eve": "darkgreen"}
    for code, colour in people.items():
        claim = make.claim(incident, code)
        make.order(f"order-{code}", code, closed_at=at("18:00"), close_reason="user")
        receive_evidence(claim, name=f"{code}.png", content=picture(colour), by=None, now=NOW)
    workflow.assess_now(incident, now=NOW)
    for days, code in enumerate(people, start=1):
        Claim.objects.filter(customer__code=code).update(due_at=timezone.now() + timedelta(days=days))
    return list(Claim.objects.order_by("due_at"))


def press(page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_an_agent_clears_three_claims_with_the_keyboard_alone(claims, page):
    sign_in(page, "ana")
    page.goto(f"{QUEUE}?show=review")
    page.locator('[data-key="n"]').wait_for()
    for claim in claims:
        press(page, "n")
        page.locator("h2", has_text=claim.reference).wait_for()
        press(page, "e")
        page.locator('[data-key="a"]').wait_for()
        press(page, "a", "1", "Enter")
        page.get_by_text("Accepted; the claim is checked again.").wait_for()
        page.locator("h2", has_text=claim.reference).wait_for()
    press(page, "n")
    page.get_by_text("Nothing else waits here that nobody has open").wait_for()
    assert page.url.endswith(f"{QUEUE}?show=review")
    assert [claim.assigned_to.username for claim in Claim.objects.order_by("due_at")] == ["ana"] * 3
    assert set(Evidence.objects.values_list("status", "reviewed_by__username")) == {("accepted", "ana")}


def test_a_manager_approves_all_of_them_at_once_and_sees_the_total_before_and_after(claims, page):
    ana = make.User.objects.get(username="ana")
    for evidence in Evidence.objects.all():
        workflow.review_evidence(evidence, accept=True, reason="shows the login error", by=ana, now=NOW)
    workflow.assess_now(claims[0].incident, now=NOW)
    sign_in(page, "max")
    page.goto(f"{QUEUE}desk/INC-2022-001/")
    page.get_by_role("link", name="Approve all payable…").click()
    assert page.locator("tbody tr").inner_text().split() == ["USDT", "3", "3", "106.50", "USDT"]
    page.get_by_role("button", name="Approve and post to the books").click()
    page.get_by_text("3 claims approved: 106.50 USDT.").wait_for()
    assert set(Claim.objects.values_list("status", flat=True)) == {"approved"}
    assert (
        list(Award.objects.values_list("amount", "decision__decided_by__username")) == [(Decimal("35.50"), "max")] * 3
    )


def test_claims_are_chosen_and_given_to_ben_with_the_keyboard_alone(claims, page):
    sign_in(page, "ana")
    page.goto(f"{QUEUE}?show=unassigned")
    press(page, "j", "x", "j", "j", "x")
    assert page.locator("[data-picked]").inner_text() == "2"
    page.get_by_label("Give the chosen claims to").focus()
    page.keyboard.type("ben")
    press(page, "Tab", "Enter")
    page.get_by_text("2 claims are with ben now.").wait_for()
    assert [getattr(claim.assigned_to, "username", None) for claim in Claim.objects.order_by("due_at")] == [
        "ben", None, "ben",
    ]  # fmt: skip
    press(page, "j", "Enter")
    page.locator("h2", has_text=claims[1].reference).wait_for()


def test_the_second_at_a_claim_is_told_who_was_first_and_the_first_hears_of_it_too(claims, page, browser, live_server):
    sign_in(page, "ana")
    page.clock.install()
    page.goto(f"{QUEUE}{claims[0].pk}/change/")
    assert not page.get_by_text("has had this claim open").is_visible()
    other = browser.new_context(base_url=live_server.url).new_page()
    sign_in(other, "ben")
    other.goto(f"{QUEUE}{claims[0].pk}/change/")
    assert other.get_by_text("ana has had this claim open since").is_visible()
    other.context.close()
    page.clock.fast_forward(21_000)
    page.get_by_text("ben has had this claim open since").wait_for()


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_queue_and_its_claim_fit_the_screen(claims, page, width, language):
    page.set_viewport_size({"width": width, "height": 900})
    ana, ben = (make.User.objects.get(username=name) for name in ("ana", "ben"))
    workflow.keep_filter("Late in Asia", "show=overdue", by=ana)
    workflow.look_at(claims[0], by=ben, now=timezone.now())
    sign_in(page, "ana")
    page.context.add_cookies([{"name": "django_language", "value": language, "url": page.url.split("/staff")[0]}])
    for address in (QUEUE, f"{QUEUE}?show=review", f"{QUEUE}{claims[0].pk}/change/"):
        page.goto(address)
        fits(page)
