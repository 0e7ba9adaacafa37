"""What auditors take away: exact numbers, and text that no spreadsheet runs."""

import csv
import io

import openpyxl
import pytest

from claims import workflow
from claims.models import Award
from incidents.models import Customer
from jobs.sheets import harmless
from tests import factories as f
from tests.claims.desk import outage, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def aude():
    return signed_in(f.staff("aude", "auditor"))


@pytest.fixture
def paid():
    """Carla's claim, approved, with her bonus; her code would be a formula."""
    incident, mia = outage(), f.staff("mia", "manager")
    f.order("=1+1", "@carla", leg="-1")
    claim = f.claim(incident, "@carla")
    workflow.assess_now(incident, now=f.NOW)
    claim.refresh_from_db()
    workflow.approve(claim, by=mia, now=f.NOW)
    workflow.grant_bonuses(incident, by=mia, now=f.NOW)
    return claim


def as_csv(client, page: str, **filters) -> list[dict]:
    answer = client.post(f"/staff/{page}/export/", {"format": "0", "resource": ""}, query_params=filters)
    assert answer["Content-Type"] == "text/csv"
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "==1"])
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(text):
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("text", ["CLM-000001", "1-1", "a=b", "", "无"])
def test_other_text_stays_as_it_is(text):
    assert harmless(text) == text


def test_verdicts_are_exported_as_the_file_format_says(aude, paid):
    [row] = as_csv(aude, "claims/verdict")
    assert row == {
        "claim": paid.reference, "customer": "'@carla", "order_id": "'=1+1", "leg": "'-1", "symbol": "BTCUSDT", "side": "long",
        "outcome": "pay", "clause": "C1", "reasons": "", "reference_price": "16571", "reference_bid": "16571",
        "reference_ask": "16571.1", "reference_at": "2022-11-16T14:34:20.000000Z", "amount": "35.5", "asset": "USDT",
        "policy_version": "1", "assessed_at": "2022-11-18T09:00:00.000000Z",
    }  # fmt: skip


def test_a_negative_balance_stays_a_number(aude, paid):
    balances = {row["account"]: row["balance"] for row in as_csv(aude, "ledger/account")}
    assert balances == {
        "Assets:Fund:Cash": "55.5",
        "Income:CompanyTopup": "-55.5",
        "Expenses:Compensation": "35.5",
        "Expenses:Goodwill": "20",
        "Liabilities:Payable:Compensation": "-35.5",
        "Liabilities:Payable:Goodwill": "-20",
    }


def test_the_journal_is_exported_transfer_by_transfer(aude, paid):
    rows = as_csv(aude, "ledger/journalentry")
    assert {(row["debit"], row["credit"], row["amount"]) for row in rows} == {
        ("Assets:Fund:Cash", "Income:CompanyTopup", "35.5"),
        ("Expenses:Compensation", "Liabilities:Payable:Compensation", "35.5"),
        ("Assets:Fund:Cash", "Income:CompanyTopup", "20"),
        ("Expenses:Goodwill", "Liabilities:Payable:Goodwill", "20"),
    }
    assert rows[0]["effective_on"] == "2022-11-18"


def test_claims_and_bonuses_are_exported_with_what_the_list_was_filtered_by(aude, paid):
    other = f.claim(paid.incident, "chen")
    assert [row["claim"] for row in as_csv(aude, "claims/claim")] == [other.reference]
    assert {row["claim"] for row in as_csv(aude, "claims/claim", show="all")} == {paid.reference, other.reference}
    [bonus] = as_csv(aude, "claims/bonus")
    assert (bonus["customer"], bonus["amount"], bonus["granted_by"]) == ("'@carla", "20", "mia")


def test_a_workbook_holds_numbers_as_numbers_and_no_formula(aude, paid):
    answer = aude.post("/staff/claims/verdict/export/", {"format": "1", "resource": ""})
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    head, row = ([cell for cell in line] for line in sheet.iter_rows())
    cells = {name.value: cell for name, cell in zip(head, row, strict=True)}
    assert (cells["amount"].data_type, cells["amount"].value) == ("n", 35.5)
    assert (cells["order_id"].data_type, cells["order_id"].value) == ("s", "'=1+1")


def test_an_export_asks_few_questions_whatever_its_length(aude, paid, django_assert_max_num_queries):
    for number in range(20):
        f.order(f"O-{number}", f"C{number}")
        f.claim(paid.incident, f"C{number}")
    workflow.assess_now(paid.incident, now=f.NOW)
    with django_assert_max_num_queries(20):
        assert len(as_csv(aude, "claims/verdict")) == 21
    assert Award.objects.count() == 1
    assert Customer.objects.count() == 21
