"""A contact, entered with the keyboard alone."""

import pytest

from claims.models import Claim, Contact
from incidents.models import Customer
from tests import factories as make
from tests.browser.test_desk import fits, sign_in
from tests.factories import at

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def desk():
    incident = make.incident()
    for name, role in {"ana": "agent", "max": "manager"}.items():
        make.staff(name, role)
    for code in ("carla", "carlo"):
        make.customer(code)
    Customer.objects.filter(code="carla").update(name="Carla Conti", email="carla@example.org")
    make.order("1001")
    make.order("2002", "carlo")
    return incident


class Keyboard:
    """Hands that have no mouse, and count what they press; a pasted text is one press."""

    def __init__(self, page):
        self.page, self.pressed = page, 0

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)
            self.pressed += 1

    def paste(self, text: str) -> None:
        self.page.keyboard.insert_text(text)
        self.pressed += 1


@pytest.mark.parametrize("width", [1400, 390])
def test_ana_enters_a_contact_without_a_mouse_in_a_dozen_keys(desk, page, width):
    page.set_viewport_size({"width": width, "height": 900})
    sign_in(page, "ana")
    page.goto("/staff/claims/claim/")
    ana = Keyboard(page)

    # c opens the page, where the box has the focus; three letters of the name, one step down, and she is chosen.
    ana.press("c")
    page.wait_for_url("**/new-contact/")
    page.wait_for_function("document.activeElement.id === 'id_who'")
    ana.press("c", "a", "r")
    page.get_by_role("option", name="Carla Conti").wait_for()
    assert page.locator("#found [aria-selected=true]").inner_text().startswith("carla")
    ana.press("ArrowDown", "ArrowUp", "Enter")
    assert page.locator("#id_who").input_value() == "carla Carla Conti"

    # The orders as they came in the chat: each is looked up before anything is saved.
    ana.paste("Orders: #1001/1, 2002\n3003")
    page.get_by_text("not the customer's", exact=True).wait_for()
    assert page.locator(".mg-orders li b").all_inner_texts() == ["1001", "2002", "3003"]
    assert "INC-2022-001" in page.locator("#check").inner_text()
    fits(page)
    ana.press("Tab")
    ana.paste("I could not log in: 503")
    ana.press("Control+Enter")

    page.locator("h2", has_text="CLM-").wait_for()
    contact = Contact.objects.get()
    assert (contact.claim.customer.code, contact.order_ids) == ("carla", ["1001", "2002", "3003"])
    assert (contact.message, contact.entered_by.username) == ("I could not log in: 503", "ana")
    assert ana.pressed == 11
    fits(page)


def test_a_pile_goes_on_with_the_next_and_a_new_customer_is_made_on_the_way(desk, page):
    sign_in(page, "ana")
    page.goto("/staff/claims/claim/new-contact/")
    ana = Keyboard(page)
    ana.paste("erin@example.org")
    page.get_by_role("option", name="New customer").wait_for()
    ana.press("Enter")
    page.wait_for_function("document.activeElement.id === 'id_code'")
    assert page.get_by_label("E-mail").input_value() == "erin@example.org"
    ana.paste("erin")
    page.get_by_label("When they reached us").fill("2022-11-16 15:00")
    ana.press("Control+Shift+Enter")
    page.get_by_text("the contact of erin is on the claim").wait_for()
    assert page.evaluate("document.activeElement.id") == "id_who"
    claim = Claim.objects.get()
    assert (claim.customer.email, claim.submitted_at, claim.incident) == ("erin@example.org", at("15:00"), desk)

    # Erin writes again: the page says at once what she has.
    ana.paste("erin")
    page.get_by_role("option", name="erin").first.wait_for()
    ana.press("Enter")
    page.get_by_text(f"They have {claim.reference} already").wait_for()
