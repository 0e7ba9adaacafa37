"""Every change of a claim leaves what it became, when, by whom and in which work; however many change at once."""

import pghistory
import pytest
from django.db import connection
from django.db.models import F

from claims import workflow
from claims.models import Change, Claim, ContactFile, Offer, OfferLine, Verdict
from incidents.models import Customer, Order
from tests import factories as make
from tests.factories import NOW

pytestmark = pytest.mark.django_db
MANY = 4_000


@pytest.fixture
def claims():
    incident = make.incident()
    people = Customer.objects.bulk_create(Customer(code=f"customer-{number}") for number in range(MANY))
    return Claim.objects.bulk_create(Claim(incident=incident, customer=who, submitted_at=NOW) for who in people)


def changes(**fields):
    return Change.objects.filter(kind="claims_claim", operation="update", **fields)


def test_a_statement_over_thousands_leaves_a_line_for_each_in_one_action(claims):
    with pghistory.context(job="assess-1"):
        Claim.objects.update(status="assessed", revision=F("revision") + 1)
    told = changes(source={"job": "assess-1"}, old={"status": "submitted", "revision": 0})
    assert told.filter(new={"status": "assessed", "revision": 1}).count() == changes().count() == MANY
    assert set(changes().values_list("object_id", flat=True)) == {claim.pk for claim in claims}
    assert changes().values("action").distinct().count() == 1


def test_only_what_changed_leaves_a_line(claims):
    Claim.objects.filter(pk__lte=claims[9].pk).update(status="on_hold")
    Claim.objects.update(status="on_hold")
    assert changes().count() == MANY
    Claim.objects.update(status="on_hold")
    assert changes().count() == MANY


def test_thousands_that_came_or_went_at_once_leave_a_line_each(claims):
    Claim.objects.all().delete()
    told = Change.objects.filter(kind="claims_claim")
    assert (told.filter(operation="insert").count(), told.filter(operation="delete").count()) == (MANY, MANY)


def test_no_row_pays_for_another(claims):
    """History is written once for a statement, not once for a row: a writer that a row calls paid for all rows before it."""
    with connection.cursor() as cursor:
        cursor.execute("""
            SELECT tgname::text FROM pg_trigger
             WHERE tgrelid = 'claims_claim'::regclass AND NOT tgisinternal AND tgtype & 1 = 1
        """)  # fmt: skip
        assert cursor.fetchall() == []


def test_whose_claim_a_line_is_about_is_looked_up_by_key_even_in_a_small_table():
    """A session keeps its first plan: one that read the whole table for each row would do so when there are thousands."""
    incident, mia = make.incident(), make.staff("mia", "manager")
    make.quotes("BTCUSDT", ("14:20", "16571", "16571.1"))
    for number in range(30):
        make.order(f"O-{number}")
    claim = make.claim(incident)
    workflow.assess_now(incident, now=NOW)
    claim.refresh_from_db()
    offer = Offer.objects.create(claim=claim, assessment=claim.assessment, made_by=mia, made_at=NOW)
    lines = [
        OfferLine(offer=offer, verdict=verdict, remedy="best_price", amount=1, asset="USDT")
        for verdict in Verdict.objects.all()
    ]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE claims_offer")
        read = "SELECT seq_tup_read, idx_scan FROM pg_stat_xact_user_tables WHERE relname = 'claims_offer'"
        cursor.execute(read)
        whole, by_key = cursor.fetchone()
        OfferLine.objects.bulk_create(lines)
        cursor.execute(read)
        assert cursor.fetchone() == (whole, by_key + 30)
    assert claim.changes.filter(kind="claims_offerline").count() == 30


def told(kind: str) -> list[tuple]:
    return list(Change.objects.filter(kind=kind).order_by("id").values_list("operation", "old", "new"))


def test_how_far_a_worker_has_come_with_a_file_is_no_line_and_the_letters_in_it_are_not_kept_for_good():
    incident, ana = make.incident(), make.staff("ana", "agent")
    ContactFile.objects.create(
        incident=incident, name="export.csv", found={"first": ["Dear"]}, added_by=ana, added_at=NOW
    )
    ContactFile.objects.update(claims_created=7, contacts_added=9, found={"first": ["Dear desk"]})
    ContactFile.objects.update(confirmed_at=NOW)
    ContactFile.objects.all().delete()
    (*_added, row), (*_updated, old, new), (*_removed, gone, _none) = told("claims_contactfile")
    assert (old, new) == ({"confirmed_at": None}, {"confirmed_at": "2022-11-18T09:00:00+00:00"})
    assert "found" not in row.keys() | gone.keys()


def test_an_imported_order_has_no_line_until_it_is_corrected_or_taken_away():
    make.order("O-1")
    assert told("incidents_order") == []
    Order.objects.update(exit_price="16400")
    Order.objects.all().delete()
    (updated, old, new), (removed, gone, _none) = told("incidents_order")
    assert (updated, str(old["exit_price"]), str(new["exit_price"])) == (
        "update",
        "16500.000000000000",
        "16400.000000000000",
    )
    assert (removed, gone["order_id"]) == ("delete", "O-1")
