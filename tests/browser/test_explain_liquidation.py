"""Why was it liquidated: typed in with the keyboard alone, read on a wide screen and on a phone."""

import pytest

from tests import factories as make
from tests.browser.test_desk import fits, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PAGE = "/staff/incidents/liquidationratio/explain/"


@pytest.mark.parametrize("width", [1440, 390])
def test_ana_types_carlas_account_without_a_mouse_and_copies_the_letter(page, width):
    make.quotes("BTCUSDT", ("14:10", "16501", "16505"), ("14:20", "16500", "16504"))
    make.staff("ana", "agent")
    page.set_viewport_size({"width": width, "height": 900})
    sign_in(page, "ana")
    page.goto(PAGE)
    fits(page)

    # Head and position, field after field, the last one with a slip.
    page.focus("#account_account")
    for text in ("A1", "USDT", "394", "0.4", "2022-11-16 14:09", "2022-11-16 15:30", "2"):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    for text in ("BTCUSDT", "long", "0.5", "16950", "423,75"):
        page.keyboard.type(text)
        page.keyboard.press("Tab")

    # One position more, and away with it again: what was typed stays.
    page.focus("#add-position")
    page.keyboard.press("Enter")
    page.locator("#position2_quantity").wait_for()
    assert page.input_value("#position1_used_margin") == "423,75"
    page.get_by_role("button", name="Remove position 2").press("Enter")
    page.locator("#position2_quantity").wait_for(state="detached")

    # Enter in a field replays; the slip is marked at its field and mended there.
    page.press("#account_wallet", "Enter")
    page.get_by_text("Nothing that you typed is lost.").wait_for()
    fits(page)
    assert "423,75" in page.inner_text("#position1_used_margin_error")
    page.fill("#position1_used_margin", "423.75")
    page.press("#position1_used_margin", "Enter")

    page.get_by_role("heading", name="One position was liquidated").wait_for()
    fits(page)
    assert "liquidation price\n16,501.00" in page.inner_text("ol.mg-list")
    assert (
        page.evaluate("Chart.getChart(document.querySelector('figure[data-chart] canvas')).data.datasets.length") == 4
    )
    page.get_by_role("button", name="Copy English").press("Enter")
    page.get_by_role("button", name="Copied").wait_for()
    assert "and had never been below it (lowest mid until then: 16,502.00)" in page.input_value("#letter-en")
