"""Mia brings in a small file of liquidations: she looks at what it would do, then posts it with one click."""

import re
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from claims import liquidations
from incidents.models import Asset, ImportedFile, Liquidation
from ledger import reports
from ledger.models import JournalEntry
from tests.claims.desk import signed_in, text_of
from tests.factories import instrument, staff
from tests.incidents.files import csv_of
from tests.ledger.books import book

pytestmark = pytest.mark.django_db
FEE = {
    "liquidation_id": "7001",
    "symbol": "BTCUSDT",
    "price": "16500",
    "quantity": "0.5",
    "fee": "82.50",
    "liquidated_at": "2022-11-16T14:20:00Z",
    "bankruptcy_cover": "",
    "surplus": "",
}
COVERED = FEE | {"liquidation_id": "7002", "fee": "80", "bankruptcy_cover": "200"}
LEFT = FEE | {"liquidation_id": "7003", "surplus": "12.34"}


@pytest.fixture(autouse=True)
def instruments(db):
    Asset.objects.get_or_create(code="USDT", defaults={"decimals": 2})
    instrument()


@pytest.fixture
def page():
    return reverse("admin:claims_import_liquidations")


@pytest.fixture
def desk():
    return signed_in(staff("mia", "manager"))


def csv(*rows: dict) -> SimpleUploadedFile:
    return SimpleUploadedFile("november.csv", csv_of(*rows).encode())


def token(response) -> str:
    return re.search(r'name="seen" value="([^"]+)"', response.content.decode()).group(1)


def test_the_preview_says_what_would_be_posted_and_posts_nothing(desk, page):
    response = desk.post(page, {"file": csv(FEE, COVERED, LEFT)})
    text = text_of(response)
    assert "november.csv not posted yet rows 3 new liquidations 3 known already 0 fees not by the formula 1" in text
    assert "asset USDT fees, into the fund 245.00 surplus, into the fund 12.34 cover, out of the fund 200.00" in text
    assert (
        "cover, out of the fund 200.00 brought by the company 37.50" in text
    )  # 82.50 and 80 were there when 200 was paid
    assert 'line 3, column fee: "80" - expected 82.50 USDT by the formula' in text
    assert "The fund has less than this file's covers" in text
    assert (Liquidation.objects.count(), JournalEntry.objects.count(), ImportedFile.objects.count()) == (0, 0, 0)


def test_confirmed_it_is_posted_by_who_confirmed_it_once(desk, page):
    seen = token(desk.post(page, {"file": csv(FEE, LEFT)}))
    response = desk.post(page, {"seen": seen}, follow=True)
    assert "2 liquidations are taken in and posted." in text_of(response)
    assert response.redirect_chain[-1][0] == reverse("admin:incidents_liquidation_changelist")
    assert {entry.posted_by.username for entry in JournalEntry.objects.all()} == {"mia"}
    assert [fund.available for fund in reports.fund("USDT")] == [Decimal("177.34")]
    assert ImportedFile.objects.get().name == "november.csv"
    again = desk.post(page, {"seen": seen})
    assert "the fund or the facts changed since you looked" in text_of(again)
    assert (Liquidation.objects.count(), JournalEntry.objects.count()) == (2, 3)


def test_what_the_company_would_bring_is_confirmed_as_it_was_seen_or_not_at_all(desk, page):
    book("seed_capital", "seed", "1000 USDT")
    seen = token(desk.post(page, {"file": csv(COVERED)}))
    book("bankruptcy_cover", "spent", "900 USDT")
    response = desk.post(page, {"seen": seen})
    assert "the fund or the facts changed since you looked" in text_of(response)
    assert "cover, out of the fund 200.00 brought by the company 20.00" in text_of(response)
    assert not Liquidation.objects.exists()
    assert "1 liquidation is taken in and posted." in text_of(desk.post(page, {"seen": token(response)}, follow=True))
    assert [fund.available for fund in reports.fund("USDT")] == [0]


def test_every_error_of_a_file_is_shown_and_there_is_nothing_to_confirm(desk, page):
    response = desk.post(page, {"file": csv(FEE | {"price": "0"}, FEE | {"liquidation_id": "2", "symbol": "X"})})
    text = text_of(response)
    assert 'line 2, column price: "0" - expected more than 0' in text
    assert 'line 3, column symbol: "X" - expected a known symbol; import its instrument first' in text
    assert 'name="seen"' not in response.content.decode()


def test_a_file_of_known_liquidations_has_nothing_to_confirm(desk, page):
    desk.post(page, {"seen": token(desk.post(page, {"file": csv(FEE)}))})
    response = desk.post(page, {"file": csv(FEE)})
    assert "november.csv nothing new rows 1 new liquidations 0 known already 1" in text_of(response)
    assert 'name="seen"' not in response.content.decode()


def test_a_long_file_is_for_the_command(desk, page, monkeypatch):
    monkeypatch.setattr(liquidations, "ON_SCREEN", 2)
    text = text_of(desk.post(page, {"file": csv(FEE, COVERED, LEFT)}))
    assert "3 rows; here at most 2 are taken: use manage.py import_liquidations" in text
    text = text_of(desk.post(page, {"file": SimpleUploadedFile("big.csv", b"x" * (1 << 20 | 1))}))
    assert "More than 1 MiB: the command takes files of any size" in text


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"PK\x03\x04", b"\x1f\x8b", b"a,b\n1,2\n"])
def test_what_is_no_such_file_is_refused_in_words(desk, page, content):
    response = desk.post(page, {"file": SimpleUploadedFile("x.csv", content)})
    assert response.status_code == 200
    assert "refused" in text_of(response)
    assert 'name="seen"' not in response.content.decode()


def test_what_was_changed_on_its_way_is_not_taken(desk, page):
    seen = token(desk.post(page, {"file": csv(FEE)}))
    response = desk.post(page, {"seen": f"{seen}x"}, follow=True)
    assert "This preview is too old: choose the file once more." in text_of(response)
    assert not Liquidation.objects.exists()


@pytest.mark.parametrize("role", ["agent", "auditor"])
def test_only_managers_import(page, role):
    desk = signed_in(staff("nina", role))
    assert [desk.get(page).status_code, desk.post(page, {"file": csv(FEE)}).status_code] == [403, 403]
    assert "Import liquidations" not in text_of(desk.get(reverse("admin:incidents_liquidation_changelist")))


@pytest.mark.parametrize("name", ["import_liquidation", "post_journalentry"])
def test_one_of_the_two_permissions_does_not_do(page, name):
    person = staff("nina", "auditor")
    person.user_permissions.add(Permission.objects.get(codename=name))
    assert signed_in(person).post(page, {"file": csv(FEE)}).status_code == 403


def test_the_list_is_exported_as_it_can_be_imported_again(desk, page):
    desk.post(page, {"seen": token(desk.post(page, {"file": csv(LEFT)}))})
    response = desk.post(reverse("admin:incidents_liquidation_export"), {"format": "0", "resource": ""})
    assert response.content.decode() == (
        "liquidation_id,symbol,account,side,price,quantity,fee,surplus,bankruptcy_cover,asset,liquidated_at\r\n"
        "7003,BTCUSDT,,,16500,0.5,82.5,12.34,0,USDT,2022-11-16T14:20:00.000000Z\r\n"
    )


def test_the_list_asks_the_same_few_questions_however_many_there_are(desk, page, django_assert_max_num_queries):
    many = [FEE | {"liquidation_id": f"L{n}"} for n in range(60)]
    desk.post(page, {"seen": token(desk.post(page, {"file": csv(*many)}))})
    with django_assert_max_num_queries(14):
        assert "L59" in text_of(desk.get(reverse("admin:incidents_liquidation_changelist")))
