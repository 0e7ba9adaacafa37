"""The policy editor in a real browser: buttons and keys, words while one writes, a warning before leaving, wide and narrow."""

import pytest

from claims.models import Policy
from tests import factories as make
from tests.browser.test_desk import fits, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
WRITE = "/staff/claims/policy/write/?incident=INC-2022-001&start=preset:s1-btcc"


@pytest.fixture
def mia(page):
    make.instrument()
    make.incident(policy=None)
    make.staff("mia", "manager")
    sign_in(page, "mia")


def codes(page) -> list[str]:
    return page.locator(".mg-codefield").evaluate_all("fields => fields.map(field => field.value)")


def focused(page) -> str:
    return page.evaluate("document.activeElement.id")


@pytest.mark.parametrize("width", [1440, 390])
def test_a_manager_writes_a_policy_with_buttons(mia, page, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.goto("/staff/claims/policy/add/?incident=INC-2022-001")
    page.locator("select[name=start]").select_option("preset:s1-btcc")
    page.get_by_role("button", name="Open the editor").click()
    page.locator("#c9-code").wait_for()
    fits(page)

    # C2 is to stand before C1; the button keeps the focus, so that it can be pressed again.
    page.get_by_role("button", name="Move C2 up").click()
    page.wait_for_function("document.querySelectorAll('.mg-codefield')[6].value === 'C2'")
    assert focused(page) == "c8-up"

    # What C2 says follows what is typed.
    page.fill("#c8-closed_to", "90")
    page.locator("select[name=c8-closed_to-unit]").select_option("m")
    page.locator("#c8-told", has_text="to 90 minutes after the end of the outage").wait_for()
    page.locator("#c8-told", has_text="中断结束后90 分钟").wait_for()

    # A condition more: the person is led to it. One less.
    clause = page.locator("#c8-place")
    clause.locator("summary", has_text="Add a condition").click()
    clause.get_by_role("button", name="Instruments").click()
    page.get_by_label("BTCUSDT").check()
    page.locator("#c8-told", has_text="in BTCUSDT").wait_for()
    clause.get_by_role("button", name="Take away: Result").click()
    page.locator("#c8-result").wait_for(state="detached")
    assert page.get_by_label("BTCUSDT").is_checked()

    # A copy lacks its code, and is told so when it is to be saved; nothing is lost.
    clause.get_by_role("button", name="Copy").click()
    page.locator("#c10-code").wait_for()
    assert focused(page) == "c10-code"
    page.get_by_role("button", name="Save the draft").last.click()
    page.get_by_text("1 thing is to be mended before it can be saved").wait_for()
    fits(page)
    page.locator("#summary a").click()
    page.get_by_role("button", name="Delete").nth(7).click()
    page.locator("#c10-code").wait_for(state="detached")
    page.get_by_role("button", name="Save the draft").last.click()
    page.get_by_text("Version 1 is a draft").wait_for()
    fits(page)
    clauses = {clause["code"]: clause for clause in Policy.objects.get().document["clauses"]}
    assert list(clauses) == ["E1", "E2", "E3", "E4", "E5", "E6", "C2", "C1", "C3"]
    assert (clauses["C2"]["closed_to"], clauses["C2"]["result"]) == ("end+90m", "")
    assert clauses["C2"]["instruments"] == ["BTCUSDT"]


def test_a_clause_moves_by_keys_from_any_of_its_fields(mia, page):
    page.goto(WRITE)
    page.locator("#c1-text-en").focus()
    page.keyboard.press("Alt+ArrowDown")
    page.wait_for_function("document.querySelector('.mg-codefield').value === 'E2'")
    assert focused(page) == "c1-down"
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelectorAll('.mg-codefield')[2].value === 'E1'")
    page.keyboard.press("Alt+ArrowUp")
    page.wait_for_function("document.querySelectorAll('.mg-codefield')[1].value === 'E1'")
    assert codes(page)[:4] == ["E2", "E1", "E3", "E4"]


def test_who_leaves_with_something_unsaved_is_asked(mia, page):
    questions = []
    page.on("dialog", lambda dialog: (questions.append(dialog.type), dialog.accept()))
    page.goto(WRITE)
    page.get_by_role("link", name="Leave").click()
    page.wait_for_url("**/desk/**")
    assert questions == []
    page.goto(WRITE)
    page.locator("#name").press_sequentially("!")
    page.get_by_role("link", name="Leave").click()
    page.wait_for_url("**/desk/**")
    assert questions == ["beforeunload"]
