"""Ana enters contacts: the customer found as she types, the incident by the time, orders checked before anything is saved."""

import pytest
from django.urls import reverse

from claims import callers
from claims.admin.intake import instant_of
from claims.models import Claim, Contact
from incidents.models import Customer, Incident
from jobs.cells import CellError
from tests import factories as make
from tests.claims.desk import signed_in, text_of
from tests.factories import NOW, at

pytestmark = pytest.mark.django_db
PAGE, FOUND, CHECK = (reverse(f"admin:claims_new_contact{name}") for name in ("", "_customers", "_check"))


@pytest.fixture
def outage():
    return make.incident()


@pytest.fixture
def ana(outage):
    return signed_in(make.staff("ana", "agent"))


def carla(**said) -> Customer:
    make.customer("carla")
    Customer.objects.filter(code="carla").update(
        **{"name": "Carla Conti", "email": "Carla@Example.org", "language": "zh"} | said
    )
    return Customer.objects.get(code="carla")


def said(customer=None, **more) -> dict:
    return {
        "who": "carla",
        "customer": customer.pk if customer else "",
        "channel": "chat",
        "at": "2022-11-16 15:00",
        "zone": "UTC",
        "incident": "",
    } | more


def test_the_time_is_shown_in_the_incidents_own_zone_too(outage, ana):
    Incident.objects.update(timezone="Asia/Shanghai")
    page = text_of(ana.post(CHECK, said(carla(), incident=outage.pk)))
    assert "2022-11-16 15:00:00 UTC 2022-11-16 23:00 Asia/Shanghai" in page


# --- who


@pytest.mark.parametrize(
    "typed",
    [
        "carla",
        "CARLA",
        "ca",
        "carla-1",
        "carla-",
        "1001",
        "#1001",
        "Order: 1001/2",
        "carla@ex",
        "carla conti",
        "Conti",
        "con",
    ],
)
def test_a_customer_is_found_by_code_account_order_e_mail_and_name(typed):
    customer = carla()
    make.customer("dan")
    make.order("1001")
    assert callers.customers(typed) == [customer]


def test_nobody_is_looked_for_by_a_single_letter_and_odd_signs_find_nobody():
    carla()
    assert [callers.customers(typed) for typed in ("c", " ", "", "%%", "__", "':*", "& | !", "\\")] == [[]] * 8


def test_the_surest_comes_first_and_no_more_than_eight():
    for number in range(12):
        make.customer(f"carla{number:02}")
    customer = carla()
    found = callers.customers("carla")
    assert (found[0], len(found)) == (customer, 8)


def test_finding_a_customer_takes_the_same_few_queries_whatever_their_number(django_assert_num_queries):
    carla()
    for number in range(12):
        make.customer(f"carla{number:02}")
    with django_assert_num_queries(7):  # the places together, in a frame of four; the customers; their accounts
        customer = callers.customers("carla")[0]
        assert callers.account_meant(customer, "carla-1") == "carla-1"


def test_the_options_name_the_account_that_was_typed_and_offer_a_new_customer(ana):
    customer = carla()
    html = ana.get(FOUND, {"who": "carla-1"}).content.decode()
    assert f'data-customer="{customer.pk}"' in html
    assert 'data-account="carla-1"' in html
    assert "New customer “carla-1”" in html
    assert "New customer" not in ana.get(FOUND, {"who": "Carla"}).content.decode()
    assert 'role="option"' not in ana.get(FOUND, {"who": "c\0"}).content.decode()


# --- when


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("now", "UTC", at("09:00", 18)),
        ("10 min", "UTC", at("08:50", 18)),
        ("-10m", "UTC", at("08:50", 18)),
        ("2 h ago", "UTC", at("07:00", 18)),
        ("30分钟前", "UTC", at("08:30", 18)),
        ("2小时前", "UTC", at("07:00", 18)),
        ("8:30", "UTC", at("08:30", 18)),
        ("14:30", "UTC", at("14:30", 17)),  # today it is still to come
        ("16:00", "Asia/Shanghai", at("08:00", 18)),
        ("2022-11-16 23:00", "Asia/Shanghai", at("15:00")),
        ("2022-11-16T15:00:00Z", "Asia/Shanghai", at("15:00")),
        ("2022-11-16 15:00:30.5", "UTC", at("15:00:30.500")),
    ],
)
def test_a_time_is_said_as_people_say_it(text, zone, expected):
    assert instant_of(text, zone, now=NOW) == expected


@pytest.mark.parametrize("text", ["soon", "25:00", "2022-02-30 10:00", "16/11/2022 15:00", "14.30", "-"])
def test_a_time_that_is_none_is_refused(text):
    with pytest.raises(CellError):
        instant_of(text, "UTC", now=NOW)


def test_the_incident_is_the_one_whose_outage_is_on_or_ended_last_before():
    old = make.incident("INC-OLD", windows=[("01:00", "02:00")], policy=None)
    new = make.incident("INC-NEW", windows=[("14:09", "15:30")], policy=None)
    draft = make.incident("INC-DRAFT", windows=[("14:00", "16:00")], policy=None)
    type(draft).objects.filter(pk=draft.pk).update(status="draft")
    assert [callers.suggested(at(clock)) for clock in ("00:59", "01:00", "14:08", "14:09", "23:00")] == [
        None, old, old, new, new,
    ]  # fmt: skip


# --- before it is saved


def test_each_order_is_held_against_the_books_before_anything_is_saved(ana, outage):
    customer = carla()
    make.order("1001")
    make.order("2002", "dan")
    text = text_of(ana.post(CHECK, said(customer, orders="1001/1, #2002\n3003 2022-11-16")))
    assert "carla Carla Conti incident INC-2022-001 Trading server failure contact 2022-11-16 15:00:00 UTC" in text
    assert "1001 theirs BTCUSDT long · forced liquidation 2022-11-16 14:20:00 UTC" in text
    assert "2002 not the customer's 3003 unknown" in text
    assert "Not taken for orders: 2022-11-16" in text
    assert (Claim.objects.count(), Contact.objects.count()) == (0, 0)


def test_a_claim_that_is_there_is_shown_at_once(ana, outage):
    claim = make.claim(outage)
    text = text_of(ana.post(CHECK, said(claim.customer, account="dan-1")))
    assert f"They have {claim.reference} already (to be assessed): this adds a contact." in text
    assert "Account dan-1 is not one of this customer's." in text


def test_a_half_filled_form_is_checked_as_far_as_it_goes(ana, outage):
    make.order("1001")
    text = text_of(ana.post(CHECK, said(orders="1001", at="soon")))
    assert "1001 known" in text
    assert "Write a time such as 14:30" in text


# --- saved


def test_a_contact_is_saved_and_its_claim_opens(ana, outage):
    customer = carla()
    make.order("1001")
    form = said(customer, orders="Order: 1001", message="503", ticket="T-1", account="carla-1")
    response = ana.post(PAGE, form, follow=True)
    claim = Claim.objects.get()
    assert response.redirect_chain == [(claim.get_absolute_url(), 302)]
    assert f"{claim.reference} : the contact of carla Carla Conti is on the claim." in text_of(response)
    contact = claim.contacts.get()
    assert (contact.channel, contact.contacted_at, contact.account) == ("chat", at("15:00"), "carla-1")
    assert (contact.order_ids, contact.message, contact.ticket) == (["1001"], "503", "T-1")
    assert (contact.entered_by.username, claim.entered_by.username, claim.incident) == ("ana", "ana", outage)


def test_of_a_pile_the_next_form_keeps_channel_and_zone(ana, outage):
    response = ana.post(PAGE, said(carla(), channel="phone", zone="Asia/Shanghai", at="2022-11-16 23:00", next="1"))
    assert response.url == f"{PAGE}?channel=phone&zone=Asia%2FShanghai"
    html = ana.get(response.url).content.decode()
    assert '<option value="phone" selected>' in html
    assert '<option value="Asia/Shanghai" selected>' in html


def test_a_new_customer_is_made_with_the_contact(ana, outage):
    new = {"is_new": "on", "code": "erin", "name": "Erin", "email": "erin@example.org", "language": "zh"}
    ana.post(PAGE, said(**new))
    erin = Claim.objects.get().customer
    assert (erin.code, erin.name, erin.email, erin.language) == ("erin", "Erin", "erin@example.org", "zh")
    assert "There is a customer erin already: choose them above." in text_of(ana.post(PAGE, said(**new)))
    assert "A new customer needs the code" in text_of(ana.post(PAGE, said(**new | {"code": ""})))
    assert Contact.objects.count() == 1


def test_an_order_that_is_not_theirs_is_a_finding_until_it_comes(ana, outage):
    response = ana.post(PAGE, said(carla(), orders="1001 3003"), follow=True)
    claim = Claim.objects.get()
    assert "2 orders named are unknown or another customer's: a finding on the claim." in text_of(response)
    make.order("1001")
    assert callers.orders_to_clear_up([claim.pk]) == {claim.pk: 1}
    make.order("3003")
    assert callers.orders_to_clear_up([claim.pk]) == {}


def test_the_queue_shows_orders_to_clear_up(ana, outage):
    ana.post(PAGE, said(carla(), orders="1001 3003"))
    queue = reverse("admin:claims_claim_changelist")
    assert "2 orders to clear up" in text_of(ana.get(queue))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"customer": ""}, "Choose the customer from the list, or make a new one."),
        ({"customer": "99999999"}, "Choose the customer from the list, or make a new one."),
        ({"at": "2122-11-16 15:00", "incident": "INC-2022-001"}, "that is still to come"),
        ({"at": "2001-01-01 15:00"}, "No published incident began before this time: choose one."),
        ({"channel": "fax"}, "fax is not one of the available choices"),
        ({"zone": "Mars/Base"}, "Mars/Base is not one of the available choices"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_saved(ana, outage, wrong, words):
    assert words in text_of(ana.post(PAGE, said(carla()) | wrong))
    assert not Claim.objects.exists()


def test_the_same_contact_sent_twice_is_one(ana, outage):
    form = said(carla(), ticket="T-1")
    ana.post(PAGE, form)
    ana.post(PAGE, form)
    assert (Claim.objects.count(), Contact.objects.count()) == (1, 1)


@pytest.mark.parametrize("page", [PAGE, FOUND, CHECK])
def test_who_may_not_enter_contacts_sees_none_of_it(outage, page):
    aude = signed_in(make.staff("aude", "auditor"))
    assert (aude.get(page).status_code, aude.post(page, {}).status_code) == (403, 403)
