"""The books on screen: the tree of accounts, an account's statement, the journal, an entry. Read by Aude, the auditor."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from ledger import closing
from ledger.models import Account, JournalEntry
from ledger.reports import trial_balance
from ledger.screens.accounts import Tree
from ledger.screens.statement import LINES, Asked, statement
from tests import factories as f
from tests.claims.desk import signed_in, text_of
from tests.ledger.books import NOW, book, draft, november, post

pytestmark = pytest.mark.django_db
ACCOUNTS, JOURNAL = "/staff/ledger/account/", "/staff/ledger/journalentry/"


@pytest.fixture
def aude():
    return signed_in(f.staff("aude", "auditor"))


def account(name: str, asset: str = "USDT") -> Account:
    return Account.objects.get(name=name, asset=asset)


def page_of(row) -> str:
    return f"/staff/ledger/{row._meta.model_name}/{row.pk}/change/"


def lines(page) -> list[tuple]:
    """What a reader compares: reference, debit, credit, balance."""
    return [
        (line.reference, *(n and f"{n:f}" for n in (line.debit, line.credit)), f"{line.balance:f}")
        for line in page.lines
    ]


def close(last_day: date) -> None:
    """Mia proposes, Max closes."""
    mia, max_ = f.staff("mia", "manager"), f.staff("max", "manager")
    closing.close(
        closing.propose(last_day, by=mia, now=NOW + timedelta(days=30)).pk, by=max_, now=NOW + timedelta(days=30)
    )


# --- the tree of accounts


def test_every_branch_has_its_subtotal_in_every_asset_and_all_accounts_are_zero():
    november()
    tree = Tree.at()
    rows = {row.name: [cell.balance and f"{cell.balance:f}" for cell in row.cells] for row in tree.rows}
    assert tree.assets == ["BTC", "USDT"]
    assert rows == {
        "Assets": ["0.50000001", "1008.25"],
        "Assets:Fund": ["0.50000001", "1008.25"],
        "Assets:Fund:Cash": ["0.50000001", "1008.25"],
        "Liabilities": ["-0.50000001", "-55.50"],
        "Liabilities:Payable": ["-0.50000001", "-55.50"],
        "Liabilities:Payable:Compensation": ["-0.50000001", "-35.50"],
        "Liabilities:Payable:Goodwill": [None, "-20.00"],
        "Equity": ["-0.50000000", "-1000.00"],
        "Equity:SeedCapital": ["-0.50000000", "-1000.00"],
        "Income": ["-0.00000001", "-8.25"],
        "Income:CompanyTopup": ["-0.00000001", None],
        "Income:LiquidationFees": [None, "-8.25"],
        "Expenses": ["0.50000001", "55.50"],
        "Expenses:Compensation": ["0.50000001", "35.50"],
        "Expenses:Goodwill": [None, "20.00"],
    }
    assert [cell.balance for cell in tree.totals] == [0, 0]
    assert [(one.asset, one.available, one.committed, one.cash) for one in tree.fund] == [
        ("BTC", Decimal(0), Decimal("0.50000001"), Decimal("0.50000001")),
        ("USDT", Decimal("952.75"), Decimal("55.50"), Decimal("1008.25")),
    ]


def test_the_tree_as_of_a_day_is_the_trial_balance_of_that_day(aude):
    november()
    [usdt] = [one for one in Tree.at(date(2022, 11, 16)).fund if one.asset == "USDT"]
    assert (usdt.available, usdt.committed) == (Decimal("1016.50"), 0)
    page = text_of(aude.get(ACCOUNTS, {"as_of": "2022-11-16"}))
    assert "Balances at the end of 2022-11-16" in page
    assert "1,016.50 USDT available" in page
    assert "Nothing was posted up to this day." in text_of(aude.get(ACCOUNTS, {"as_of": "2022-10-31"}))
    assert "Enter a valid date." in text_of(aude.get(ACCOUNTS, {"as_of": "yesterday"}))


def test_the_page_of_accounts_asks_few_questions_and_each_balance_opens_its_statement(
    aude, django_assert_max_num_queries
):
    november()
    with django_assert_max_num_queries(8):
        page = aude.get(ACCOUNTS)
    assert "952.75 USDT available" in text_of(page)
    for line in trial_balance():
        assert f'href="{page_of(account(line.account, line.asset))}"' in page.content.decode()


def test_empty_books_say_what_to_do(aude):
    assert "post the seed capital with manage.py post_entry" in text_of(aude.get(ACCOUNTS))
    assert "post the seed capital with manage.py post_entry" in text_of(aude.get(JOURNAL))


# --- a statement


def test_a_statement_runs_from_the_newest_line_to_what_was_there_before(aude):
    november()
    cash = account("Assets:Fund:Cash")
    page = statement(cash, Asked())
    assert lines(page) == [
        ("liq/7001-twice/reversed", None, "8.25000000", "1008.25000000"),
        ("liq/7001-twice", "8.25000000", None, "1016.50000000"),
        ("liq/7001", "8.25000000", None, "1008.25000000"),
        ("seed-2022", "1000.00000000", None, "1000.00000000"),
    ]
    assert (page.after, page.before, page.further) == (Decimal("1008.25"), 0, None)
    shown = text_of(aude.get(page_of(cash)))
    assert "Assets:Fund:Cash USDT" in shown
    assert "balance now 1,008.25 USDT" in shown
    assert "Income:LiquidationFees 8.25 1,016.50" in shown


def test_a_stretch_of_a_statement_has_its_balances_before_and_after():
    november()
    page = statement(account("Assets:Fund:Cash"), Asked(first=date(2022, 11, 16), last=date(2022, 11, 16)))
    assert lines(page) == [
        ("liq/7001-twice", "8.25000000", None, "1016.50000000"),
        ("liq/7001", "8.25000000", None, "1008.25000000"),
    ]
    assert (page.after, page.before) == (Decimal("1016.50"), Decimal(1000))
    empty = statement(account("Assets:Fund:Cash"), Asked(first=date(2022, 11, 2), last=date(2022, 11, 15)))
    assert (empty.lines, empty.after, empty.before) == ([], 1000, 1000)


def test_a_closed_period_changes_no_balance_of_a_statement():
    november()
    cash = account("Assets:Fund:Cash")
    asked = [Asked(), Asked(last=date(2022, 11, 16)), Asked(last=date(2022, 11, 17)), Asked(last=date(2022, 11, 1))]
    before = [statement(cash, one) for one in asked]
    close(date(2022, 11, 17))
    book("seed_capital", "more", "5 USDT", day=date(2022, 12, 1))
    assert [statement(cash, one) for one in asked[1:]] == before[1:]
    assert statement(cash, Asked()).lines[1:] == before[0].lines


def test_pages_of_a_statement_meet_without_a_gap_or_a_repeat(aude):
    days = [date(2022, 11, 1) + timedelta(days=number % 3) for number in range(2 * LINES + 7)]
    post(
        [draft("liquidation_fee", f"liq/{n}", "1 USDT", "2 USDT", day=day) for n, day in enumerate(days)],
        by=None,
        now=NOW,
    )
    cash, pages, below = account("Assets:Fund:Cash"), [], None
    while not pages or below:
        pages.append(statement(cash, Asked(below=below)))
        below = pages[-1].further
    found = [line for page in pages for line in page.lines]
    assert [len(page.lines) for page in pages] == [LINES, LINES, LINES, LINES, 14]
    assert len({line.place for line in found}) == len(found) == 2 * len(days)
    assert found == sorted(found, key=lambda line: line.place, reverse=True)
    assert [page.after for page in pages[1:]] == [page.before for page in pages[:-1]]
    assert (pages[0].after, pages[-1].before) == (3 * len(days), 0)
    further = f"{page_of(cash)}?below={pages[0].further}"
    assert further.partition("?")[2] in aude.get(page_of(cash)).content.decode()
    assert pages[1].lines[0].reference in text_of(aude.get(further))


def test_one_category_or_person_has_no_running_balance(aude):
    november()
    mia = f.staff("mia", "manager")
    book("seed_capital", "more", "5 USDT", by=mia)
    cash = account("Assets:Fund:Cash")
    shown = text_of(aude.get(page_of(cash), {"category": "liquidation_fee"}))
    assert "without the others there is no running balance" in shown
    assert ("liq/7001-twice " in shown, "seed-2022" in shown) == (True, False)
    shown = text_of(aude.get(page_of(cash), {"person": mia.pk}))
    assert ("more" in shown, "seed-2022" in shown) == (True, False)


@pytest.mark.parametrize("below", ["x", "2022-13-01.1.1", "2022-11-01.1", "2022-11-01.99999999999999999999.1", "';--"])
def test_what_is_no_place_in_the_books_is_their_beginning(aude, below):
    november()
    cash = account("Assets:Fund:Cash")
    assert "balance now" in text_of(aude.get(page_of(cash), {"below": below}))


def test_a_statement_is_one_question_however_long(aude, django_assert_max_num_queries):
    november()
    page = page_of(account("Assets:Fund:Cash"))
    with django_assert_max_num_queries(9):  # session, user, permissions, account, its other assets, people, the lines
        aude.get(page)


# --- the journal


def listed(client, **filters) -> set[str]:
    page = client.get(JOURNAL, filters)
    return {entry.reference for entry in page.context_data["cl"].result_list}


def test_the_journal_is_narrowed_down_by_day_category_asset_person_and_reversal(aude):
    november()
    mia = f.staff("mia", "manager")
    book("seed_capital", "by-mia", "5 USDT", by=mia)
    twice, back = "liq/7001-twice", "liq/7001-twice/reversed"
    assert listed(aude, effective_on_from="2022-11-19", effective_on_to="2022-11-20") == {
        back, "CLM-000002/award-1/BTC", "CLM-000002/award-1/BTC/topup-BTC",
    }  # fmt: skip
    assert listed(aude, category__exact="goodwill_bonus") == {"CLM-000001/goodwill"}
    assert listed(aude, asset="BTC") == {"seed-2022", "CLM-000002/award-1/BTC", "CLM-000002/award-1/BTC/topup-BTC"}
    assert listed(aude, person=mia.pk) == {"by-mia"}
    assert "by-mia" not in listed(aude, person="0")
    assert (listed(aude, reversal="reversed"), listed(aude, reversal="reverses")) == ({twice}, {back})
    assert listed(aude, seal="none") == set(JournalEntry.objects.values_list("reference", flat=True))


def test_the_journal_is_searched_by_a_reference_and_by_how_it_begins(aude):
    november()
    assert listed(aude, q="liq/7001") == {"liq/7001", "liq/7001-twice", "liq/7001-twice/reversed"}
    assert listed(aude, q="CLM-000001/goodwill") == {"CLM-000001/goodwill"}


def test_a_page_of_the_journal_counts_nothing(aude, django_assert_max_num_queries):
    drafts = [draft("liquidation_fee", f"liq/{number}", "1 USDT") for number in range(120)]
    post(drafts, by=None, now=NOW)
    with django_assert_max_num_queries(12) as asked:
        page = aude.get(JOURNAL)
    assert not [query["sql"] for query in asked.captured_queries if "COUNT(" in query["sql"].upper()]
    assert len(page.context_data["cl"].result_list) == 50
    assert len(aude.get(JOURNAL, {"p": 3}).context_data["cl"].result_list) == 20
    assert aude.get(JOURNAL, {"p": 99999}).status_code in {200, 302}


def test_an_entry_shows_its_transfers_and_what_undid_it(aude):
    november()
    entry = JournalEntry.objects.get(reference="liq/7001-twice")
    page = aude.get(page_of(entry))
    shown = text_of(page)
    assert "Assets:Fund:Cash Income:LiquidationFees 8.25 USDT" in shown
    assert "Reversed: it counts for nothing any more. The reversal: liq/7001-twice/reversed" in shown
    assert "not sealed yet" in shown
    back = aude.get(page_of(JournalEntry.objects.get(reference="liq/7001-twice/reversed")))
    assert f'href="{page_of(entry)}"' in back.content.decode()


def test_an_entry_of_another_hand_is_never_changed_here(aude):
    november()
    entry = JournalEntry.objects.first()
    assert aude.post(page_of(entry), {"description": "x"}).status_code == 403
    assert aude.post(page_of(account("Assets:Fund:Cash")), {"name": "x"}).status_code == 403


@pytest.mark.parametrize("key", ["0", "x", "1;"])
def test_a_page_of_no_row_says_so(aude, key):
    assert [aude.get(f"{page}{key}/change/").status_code for page in (ACCOUNTS, JOURNAL)] == [404, 404]


@pytest.mark.parametrize("page", [ACCOUNTS, JOURNAL])
def test_an_agent_has_no_books(page):
    november()
    ana = signed_in(f.staff("ana", "agent"))
    assert ana.get(page).status_code == 403
    assert ana.get(page_of(JournalEntry.objects.first())).status_code == 403
    assert ana.get(page_of(Account.objects.first())).status_code == 403
