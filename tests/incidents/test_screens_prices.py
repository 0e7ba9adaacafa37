"""An incident's prices on screen: read by everybody at the desk, marked abnormal by managers."""

import pytest
from django.utils import timezone

from incidents.models import AbnormalRange
from tests import factories as make
from tests.claims.desk import signed_in, text_of
from tests.factories import at

pytestmark = pytest.mark.django_db
PAGE = "/staff/incidents/incident/prices/INC-2022-001/"


@pytest.fixture
def incident():
    made = make.incident(timezone="Asia/Shanghai")
    make.quotes(
        "BTCUSDT",
        ("14:10", "16500", "16501"),
        ("14:20", "19000", "19001"),
        ("14:34:20.5", "16571", "16571.1"),
        ("14:40", "16600", "16599"),
        ("15:00", "16411", "16411.1"),
    )
    make.instrument("ETHUSDT")
    return made


@pytest.fixture
def btc(incident) -> str:
    return f"{PAGE}{make.instrument('BTCUSDT').pk}/"


def test_every_instrument_with_its_best_quotes_and_what_was_left_out(incident):
    page = text_of(signed_in(make.staff("ana", "agent")).get(PAGE))
    assert "BTCUSDT 19,000.00 2022-11-16 14:20:00 UTC 16,411.10 2022-11-16 15:00:00 UTC 4" in page
    assert "4 longest 30 min 00 s 1 crossed" in page
    assert "ETHUSDT no usable quote – – 0 1 longest 1 h 21 min 00 s none" in page
    assert "2022-11-16 22:09:00 – 2022-11-16 23:30:00 Asia/Shanghai" in page


def test_the_overview_asks_the_quotes_once(incident, django_assert_max_num_queries):
    client = signed_in(make.staff("ana", "agent"))
    with django_assert_max_num_queries(10):
        client.get(PAGE)


def test_one_instrument_with_its_gaps_and_its_left_out_quotes(btc):
    response = signed_in(make.staff("aude", "auditor")).get(btc)
    page = text_of(response)
    assert "19,000.00 from the quote of 2022-11-16 14:20:00 UTC : bid 19,000.00 , ask 19,001.00" in page
    assert "Without a usable quote for more than 60 s (4)" in page
    assert "2022-11-16 14:34:20.5 UTC 2022-11-16 15:00:00 UTC 25 min 39 s" in page
    assert "2022-11-16 14:40:00 UTC 16,600.00 16,599.00 crossed" in page
    assert "Mark a range as abnormal" not in page
    assert '"label": "Highest bid", "kind": "best_bid"' in response.content.decode()


def test_the_reader_states_what_a_gap_is(btc):
    client = signed_in(make.staff("ana", "agent"))
    page = text_of(client.get(f"{btc}?gap=1700"))
    assert "Without a usable quote for more than 1700 s (1)" in page
    for nonsense in ("0", "-1", "x", "99999999", ""):
        assert "for more than 60 s" in text_of(client.get(btc, {"gap": nonsense}))


def test_a_very_long_outage_is_not_walked_in_very_small_steps(btc):
    make.incident("INC-2022-002", windows=(("14:09", None),), policy=None)
    page = signed_in(make.staff("ana", "agent")).get(btc.replace("INC-2022-001", "INC-2022-002"), {"gap": "1"})
    years = (timezone.now() - at("14:09")).total_seconds()
    assert f"for more than {years // 5000:.0f} s" in text_of(page)


def test_max_sees_what_a_range_would_change_before_he_marks_it(btc):
    max = signed_in(make.staff("max", "manager"))
    range_ = {"starts_at": "2022-11-16 14:19:59.5", "ends_at": "2022-11-16T22:20:01+08:00", "reason": "a fat finger"}
    page = text_of(max.post(f"{btc}mark/", range_))
    assert "1 quote would be left out" in page
    assert "highest bid 19,000.00 from the quote" in page
    assert "16,571.00 from the quote of 2022-11-16 14:34:20.5 UTC" in page
    assert not AbnormalRange.objects.exists()
    page = text_of(max.post(f"{btc}mark/?gap=120", range_ | {"confirmed": "yes"}, follow=True))
    assert "Marked: these quotes price nothing now." in page
    assert "1 quote left out a fat finger max" in page
    assert "for more than 120 s" in page
    marked = AbnormalRange.objects.get()
    assert (marked.starts_at, marked.ends_at) == (at("14:19:59.5"), at("14:20:01"))


def test_mia_unmarks_it_with_a_reason(btc):
    marked = AbnormalRange.objects.create(
        instrument=make.instrument(), starts_at=at("14:19"), ends_at=at("14:21"), reason="x", marked_at=make.NOW
    )
    mia = signed_in(make.staff("mia", "manager"))
    assert "Say why these quotes count again." in text_of(mia.post(f"{PAGE}range/{marked.pk}/unmark/", follow=True))
    page = text_of(mia.post(f"{PAGE}range/{marked.pk}/unmark/", {"reason": "it was real"}, follow=True))
    assert "unmarked mia" in page
    assert "it was real" in page
    assert not AbnormalRange.objects.exists()


def test_a_wrong_range_says_what_is_wrong(btc):
    max = signed_in(make.staff("max", "manager"))
    wrong = {"starts_at": "2022-11-16 15:00", "ends_at": "2022-11-16 14:00", "reason": "", "confirmed": "yes"}
    page = text_of(max.post(f"{btc}mark/", wrong))
    assert "A range ends after it starts." in page
    assert "This field is required." in page
    assert "Enter a valid date/time." in text_of(max.post(f"{btc}mark/", wrong | {"starts_at": "yesterday"}))
    assert not AbnormalRange.objects.exists()


@pytest.mark.parametrize("role", ["agent", "auditor"])
def test_agents_and_auditors_mark_nothing(btc, role):
    marked = AbnormalRange.objects.create(
        instrument=make.instrument(), starts_at=at("14:19"), ends_at=at("14:21"), reason="x", marked_at=make.NOW
    )
    person = signed_in(make.staff("ana", role))
    addresses = [f"{btc}mark/", f"{PAGE}range/{marked.pk}/unmark/"]
    assert [person.post(address, {"reason": "x"}).status_code for address in addresses] == [403, 403]
    assert AbnormalRange.objects.get() == marked


def test_outside_the_desk_nobody_sees_prices(btc, client):
    assert [client.get(address).status_code for address in (PAGE, btc)] == [302, 302]


def test_before_a_window_is_entered_there_is_nothing_to_price(btc):
    incident = make.incident("INC-2022-002", windows=(), policy=None)
    client = signed_in(make.staff("ana", "agent"))
    page = client.get(btc.replace("INC-2022-001", incident.reference), follow=True)
    assert "No outage window yet" in text_of(page)


def test_an_unknown_incident_or_instrument_is_not_found(btc):
    client = signed_in(make.staff("ana", "agent"))
    assert client.get(PAGE.replace("001", "009")).status_code == 404
    assert client.get(f"{PAGE}999999/").status_code == 404


def test_the_desk_and_the_incident_lead_to_the_prices(incident):
    client = signed_in(make.staff("mia", "manager"))
    for address in (
        f"/staff/claims/claim/desk/{incident.reference}/",
        f"/staff/incidents/incident/{incident.pk}/change/",
    ):
        assert f'href="{PAGE}"' in client.get(address).content.decode()
