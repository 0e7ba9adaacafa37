"""The charts as people use them: with a mouse, with the keyboard, on a phone, in the incident's own zone."""

import pytest

from claims import workflow
from claims.models import Claim
from incidents.models import AbnormalRange
from tests import factories as make
from tests.browser.test_desk import fits, sign_in
from tests.factories import NOW, at

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def incident():
    made = make.incident(timezone="Asia/Shanghai")
    minutes = range(0, 80, 2)
    make.quotes(
        "BTCUSDT", *((f"14:{10 + n % 50:02}:{n % 60:02}", f"{16500 + n * 7 % 60}.10", "16571.2") for n in minutes)
    )
    for name, role in {"ana": "agent", "max": "manager"}.items():
        make.staff(name, role)
    return made


@pytest.fixture
def prices(incident) -> str:
    return f"/staff/incidents/incident/prices/{incident.reference}/{make.instrument('BTCUSDT').pk}/"


BID, ASK, TIP = (0, 103, 165), (196, 78, 0), (0, 0, 0)
COUNT = """(canvas, [r, g, b]) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let found = 0;
  for (let n = 0; n < data.length; n += 4) {
    const far = Math.abs(data[n] - r) + Math.abs(data[n + 1] - g) + Math.abs(data[n + 2] - b);
    if (data[n + 3] > 128 && far < 60) found += 1;
  }
  return found;
}"""


def inked(page, colour) -> int:
    """How many pixels of the picture have this colour, or nearly."""
    return page.locator("figure canvas").evaluate(COUNT, colour)


def marks(page) -> list[str]:
    return [text.strip() for text in page.locator("[data-marks] li").all_inner_texts()]


@pytest.mark.parametrize("width", [1400, 390])
def test_the_chart_its_marks_and_its_table_in_both_clocks(prices, page, width):
    page.set_viewport_size({"width": width, "height": 900})
    sign_in(page, "ana")
    page.goto(prices)
    fits(page)
    assert inked(page, BID) > 300
    assert marks(page)[0] == "Highest bid 16558.1 2022-11-16 14:44:34 UTC"

    page.get_by_text("The chart as a table").click()
    rows = page.locator("figure table tbody tr")
    assert rows.count() == 40
    assert rows.first.locator("td").all_inner_texts() == ["2022-11-16 14:10:00 UTC", "16500.1", "16571.2", "16535.65"]

    page.get_by_role("button", name="Asia/Shanghai").click()
    assert rows.first.locator("td").first.inner_text() == "2022-11-16 22:10:00 Asia/Shanghai"
    assert "22:44:34 Asia/Shanghai" in marks(page)[0]
    fits(page)


def test_a_line_can_be_put_away_and_the_quotes_walked_along_with_the_keyboard(prices, page):
    sign_in(page, "ana")
    page.goto(prices)
    button, before = page.locator("[data-series=ask]"), inked(page, ASK)
    button.press("Enter")
    assert button.get_attribute("aria-pressed") == "false"
    assert inked(page, ASK) < before / 2
    page.locator("figure canvas").focus()
    without_a_tip = inked(page, TIP)
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(100)
    assert inked(page, TIP) > without_a_tip + 3_000


def test_max_draws_a_range_sees_what_it_changes_and_marks_it(prices, page):
    sign_in(page, "max")
    page.goto(prices)
    box = page.locator("figure canvas").bounding_box()
    page.mouse.move(box["x"] + 400, box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + 520, box["y"] + 90, steps=5)
    page.mouse.up()
    start, end = (page.locator(f"#id_{name}").input_value() for name in ("starts_at", "ends_at"))
    assert "2022-11-16 14:0" < start < end < "2022-11-16 15:30"
    page.get_by_label("Why are these quotes abnormal?").fill("a fat finger")
    page.get_by_role("button", name="What would it leave out?").click()
    page.get_by_text("would be left out").wait_for()
    assert inked(page, BID) > 300
    page.get_by_role("button", name="Mark them").click()
    page.get_by_text("Marked: these quotes price nothing now.").wait_for()
    marked = AbnormalRange.objects.get()
    assert (marked.starts_at.isoformat(" ")[:19], marked.reason) == (start[:19], "a fat finger")


@pytest.mark.parametrize("width", [1400, 390])
def test_the_chart_of_an_order_comes_when_it_is_opened(incident, page, width):
    claim = make.claim(incident)
    make.order("1001", opened_at=at("13:00", day=9))
    workflow.assess_now(incident, now=NOW)
    page.set_viewport_size({"width": width, "height": 900})
    sign_in(page, "ana")
    page.goto(f"/staff/claims/claim/{Claim.objects.get(pk=claim.pk).pk}/change/")
    assert page.locator("figure").count() == 0
    page.get_by_text("Chart: bid, ask and mid").click()
    page.locator("[data-marks] li").first.wait_for()
    assert [text.split(" 2022")[0] for text in marks(page)] == [
        "Exit 16500",
        "Reference price 16558.1",
    ]
    assert inked(page, BID) > 300
    fits(page)
    page.set_viewport_size({"width": 390, "height": 900})
    page.wait_for_timeout(200)
    fits(page)
