"""The reports on screen: who sees them, what is asked for, page by page, and the very same taken away."""

import io
import json
from datetime import date, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from openpyxl import load_workbook

from jobs import report_pages
from ledger import journal
from ledger.models import JournalEntry
from tests.claims.desk import signed_in
from tests.factories import staff
from tests.ledger.quarter import booked, quarter

pytestmark = pytest.mark.django_db
CASH = {"account": "Assets:Fund:Cash", "asset": "USDT"}


def address(name: str) -> str:
    return reverse("admin:jobs_report", args=[name])


@pytest.fixture
def aude():
    return signed_in(staff("aude", "auditor"))


def body(response) -> str:
    return b"".join(response.streaming_content).decode()


def page(client, name: str, **asked: str) -> str:
    response = client.get(address(name), asked)
    assert response.status_code == 200
    return response.content.decode()


def test_auditors_and_managers_find_every_report(aude):
    names = ["trial-balance", "statement", "fund", "incident", "bonuses", "exceptions"]
    for client in (aude, signed_in(staff("mia", "manager"))):
        html = client.get(reverse("admin:jobs_reports")).content.decode()
        assert all(f'href="{address(name)}"' in html for name in names)
        assert set(names) <= set(report_pages.KINDS)


def test_agents_see_no_reports():
    ana = signed_in(staff("ana", "agent"))
    assert ana.get(reverse("admin:jobs_reports")).status_code == 403
    for name in report_pages.KINDS:
        assert ana.get(address(name)).status_code == 403
        assert ana.get(address(name), {"format": "csv"}).status_code == 403


def test_a_stranger_is_asked_to_sign_in(client):
    assert client.get(address("fund")).status_code == 302


def test_a_report_that_there_is_not(aude):
    assert aude.get(address("balance-sheet")).status_code == 404
    assert aude.get(address("fund"), {"format": "pdf"}).status_code == 404
    assert aude.get(address("fund"), {"format": "csv", "table": "nothing"}).status_code == 404


@pytest.mark.parametrize("name", ["trial-balance", "statement", "fund", "incident", "bonuses", "exceptions"])
def test_every_report_of_empty_books_says_so(aude, name):
    assert "mg-empty" in page(aude, name) or "mg-hint" in page(aude, name) or "mg-overdue" in page(aude, name)


def test_the_trial_balance_leads_to_the_statement_of_an_account_and_the_statement_to_the_entry(aude):
    quarter()
    html = page(aude, "trial-balance", as_of="2022-11-30")
    assert "account=Assets%3AFund%3ACash&amp;asset=USDT&amp;last=2022-11-30" in html
    assert '<data class="mg-num" value="954.60">' not in html  # that is available; cash is what the account has
    assert '<data class="mg-num" value="955.85">955.85</data>' in html
    entry = journal_entry("LIQ-7001")
    html = page(aude, "statement", **CASH, last="2022-11-30")
    assert f'href="{reverse("admin:ledger_journalentry_change", args=[entry])}"' in html
    assert "opening balance" in html
    assert "liquidation fee" in html


def journal_entry(reference: str) -> int:
    return JournalEntry.objects.get(reference=reference).pk


def test_what_is_wrong_is_said_at_the_form(aude):
    assert "2022-11-02 is after 2022-11-01" in page(aude, "fund", first="2022-11-02", last="2022-11-01")
    assert "Write a day, 2022-11-30, or an instant" in page(aude, "fund", as_of="soon")
    assert "Select a valid choice" in page(aude, "statement", account="Assets:Petty")


def test_what_is_shown_is_what_is_taken_away(aude):
    quarter()
    response = aude.get(address("statement"), {**CASH, "first": "2022-11-01", "format": "csv"})
    assert response.headers["Content-Disposition"] == 'attachment; filename="statement.csv"'
    rows = body(response).splitlines()
    assert (len(rows), rows[1], rows[-1]) == (
        9, "opening,,,,,,,,,1016.50,USDT", "closing,,,,,,,503.10,65.00,1454.60,USDT",
    )  # fmt: skip
    told = json.loads(body(aude.get(address("fund"), {"format": "json"})))
    assert told["rows"][-1] == {
        "asset": "USDT", "balance": "available", "category": "closing", "in": None, "out": None, "amount": "1454.60",
    }  # fmt: skip
    book = load_workbook(io.BytesIO(b"".join(aude.get(address("trial-balance"), {"format": "xlsx"}).streaming_content)))
    assert [row for row in book["totals"].values if row[0] == "USDT"] == [("USDT", 1641.35, 1641.35, 0)]


def test_one_table_of_a_report_alone(aude):
    quarter()
    response = aude.get(address("fund"), {"format": "csv", "table": "topups"})
    assert response.headers["Content-Disposition"] == 'attachment; filename="fund-topups.csv"'
    assert body(response).splitlines()[1] == "BTC,1,0.04880000,0.00000000,-0.04880000"


def test_who_may_look_may_not_always_take_away(aude):
    user = staff("hand", "auditor")
    user.groups.clear()
    user.user_permissions.add(*permissions("view_journalentry"))
    client = signed_in(user)
    assert "format=" not in page(client, "trial-balance")
    assert client.get(address("trial-balance"), {"format": "csv"}).status_code == 403


def permissions(codename: str):
    return Permission.objects.filter(content_type__app_label="ledger", codename=codename)


def test_a_long_statement_is_shown_page_by_page(aude):
    booked(journal.SEED_PAID_IN, "seed", date(2022, 10, 1), "1000 USDT")
    for n in range(60):
        booked(journal.FEE_RECEIVED, f"LIQ-{n}", date(2022, 10, 2) + timedelta(days=n), "0.01 USDT")
    html = page(aude, "statement", **CASH)
    assert "1 to 50 of 63" in html
    assert "page_rows=2" in html
    html = page(aude, "statement", **CASH, page_rows="2")
    assert "51 to 63 of 63" in html
    assert '<data class="mg-num" value="1000.60">1,000.60</data>' in html


def test_a_workbook_of_too_many_rows_is_left_to_the_command(aude, monkeypatch):
    quarter()
    monkeypatch.setattr(report_pages, "LARGEST_WORKBOOK", 5)
    response = aude.get(address("statement"), {**CASH, "format": "xlsx"}, follow=True)
    assert response.redirect_chain == [(f"{address('statement')}?account=Assets%3AFund%3ACash&asset=USDT", 302)]
    assert "More than 50,000 rows" in response.content.decode()


def test_text_on_the_page_is_only_text(aude):
    booked(journal.SEED_PAID_IN, "seed", date(2022, 10, 1), "1000 USDT", says="<script>alert(1)</script>")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page(aude, "statement", **CASH)


def test_negative_amounts_keep_their_machine_value(aude):
    booked(journal.SEED_PAID_IN, "seed", date(2022, 10, 1), "1000 USDT")
    assert '<data class="mg-num" value="-1000.00">−1,000.00</data>' in page(aude, "trial-balance")


def test_query_counts(aude, django_assert_num_queries):
    quarter()
    page(aude, "trial-balance")
    with django_assert_num_queries(6):  # session, person, permissions; balances and decimals
        page(aude, "trial-balance")
