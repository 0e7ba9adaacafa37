"""`ledger_report`: to read, as CSV, XLSX and JSON; now, as of a day, as of an instant, from a day to a day."""

import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from openpyxl import load_workbook

from tests.ledger.books import book, november
from tests.ledger.quarter import quarter

pytestmark = pytest.mark.django_db


def report(*arguments: str) -> str:
    answer = io.StringIO()
    call_command("ledger_report", *arguments, stdout=answer, stderr=io.StringIO())
    return answer.getvalue()


def trial_balance(*arguments: str) -> str:
    return report("trial-balance", *arguments)


def test_the_trial_balance_to_read():
    book("seed_capital", "seed", "1000 USDT", "1 BTC")
    book("goodwill_bonus", "bonus", "20 USDT")
    assert trial_balance() == (
        "account                       asset       debit      credit      balance\n"
        "Assets:Fund:Cash              BTC    1.00000000  0.00000000   1.00000000\n"
        "Assets:Fund:Cash              USDT      1000.00        0.00      1000.00\n"
        "Equity:SeedCapital            BTC    0.00000000  1.00000000  -1.00000000\n"
        "Equity:SeedCapital            USDT         0.00     1000.00     -1000.00\n"
        "Expenses:Goodwill             USDT        20.00        0.00        20.00\n"
        "Liabilities:Payable:Goodwill  USDT         0.00       20.00       -20.00\n"
        "\n"
        "totals\n"
        "asset       debit      credit     balance\n"
        "BTC    1.00000000  1.00000000  0.00000000\n"
        "USDT      1020.00     1020.00        0.00\n"
    )


def test_the_trial_balance_as_csv_and_its_totals():
    book("seed_capital", "seed", "1000 USDT")
    assert trial_balance("--format", "csv").splitlines() == [
        "account,asset,debit,credit,balance",
        "Assets:Fund:Cash,USDT,1000.00,0.00,1000.00",
        "Equity:SeedCapital,USDT,0.00,1000.00,-1000.00",
    ]
    assert trial_balance("--format", "csv", "--table", "totals").splitlines() == [
        "asset,debit,credit,balance",
        "USDT,1000.00,1000.00,0.00",
    ]


@pytest.mark.parametrize("arguments", [("--json",), ("--format", "json"), ("--json", "--format", "json")])
def test_the_trial_balance_as_json_has_its_money_as_text(arguments):
    november()
    [line] = trial_balance(*arguments).splitlines()
    said = json.loads(line)
    assert said["totals"] == [
        {"asset": "BTC", "debit": "1.00000002", "credit": "1.00000002", "balance": "0.00000000"},
        {"asset": "USDT", "debit": "1080.25", "credit": "1080.25", "balance": "0.00"},
    ]
    assert said["rows"][1] == {
        "account": "Assets:Fund:Cash",
        "asset": "USDT",
        "debit": "1016.50",
        "credit": "8.25",
        "balance": "1008.25",
    }


def test_as_of_a_day_and_as_of_an_instant():
    book("seed_capital", "seed", "100 USDT", day=date(2022, 11, 1), now=datetime(2022, 11, 5, 12, tzinfo=UTC))
    book("seed_capital", "late", "50 USDT", day=date(2022, 11, 2), now=datetime(2022, 11, 9, 12, tzinfo=UTC))
    cash = "Assets:Fund:Cash,USDT,"
    assert f"{cash}150.00,0.00,150.00" in trial_balance("--format", "csv", "--as-of", "2022-11-02")
    assert f"{cash}100.00,0.00,100.00" in trial_balance("--format", "csv", "--as-of", "2022-11-09T19:59:59+08:00")
    assert f"{cash}150.00,0.00,150.00" in trial_balance("--format", "csv", "--as-of", "2022-11-09T12:00:00Z")


def test_a_statement_as_csv():
    quarter()
    cash = ("--account", "Assets:Fund:Cash", "--asset", "BTC", "--from", "2022-11-01", "--to", "2022-11-30")
    rows = report("statement", *cash, "--format", "csv").splitlines()
    assert rows[0] == ("category,effective_on,posted_at,entry,reference,description,account,debit,credit,balance,asset")
    assert rows[1] == "opening,,,,,,,,,0.40120000,BTC"
    assert [row.split(",")[4] for row in rows[2:4]] == [
        "CLM-000001/award-1/BTC/topup-BTC",
        "CLM-000001/award-1/BTC/paid",
    ]
    assert rows[4] == "closing,,,,,,,0.04880000,0.45000000,0.00000000,BTC"


def test_the_fund_as_a_workbook(tmp_path):
    quarter()
    asked = ("fund", "--from", "2022-10-01", "--to", "2022-12-31", "--in", "USDT", "--format", "xlsx")
    file = tmp_path / "fund.xlsx"
    assert json.loads(report(*asked[:-2], "--json", "--output", str(tmp_path / "fund.json")))["report"] == "fund"
    assert report(*asked, "--output", str(file)) == f"report: fund\noutput: {file}\n"
    sheets = load_workbook(file)
    assert sheets.sheetnames == ["rows", "topups", "worth", "total"]
    head, *rows = sheets["rows"].values
    assert head == ("asset", "balance", "category", "in", "out", "amount")
    assert rows[-1] == ("USDT", "available", "closing", None, None, 1454.6)
    told = json.loads((tmp_path / "fund.json").read_text())
    as_numbers = [[Decimal(str(cell)) if isinstance(cell, int | float) else cell for cell in row] for row in rows]
    as_text = [[row[key] for key in head] for row in told["rows"]]
    assert as_numbers == [[*row[:3], *(None if cell is None else Decimal(cell) for cell in row[3:])] for row in as_text]


def test_text_in_a_report_never_runs_in_a_spreadsheet():
    book("seed_capital", "seed", "1 USDT", description="=HYPERLINK(0)")
    assert ",'=HYPERLINK(0)," in report("statement", "--account", "Assets:Fund:Cash", "--format", "csv")
    said = json.loads(report("statement", "--account", "Assets:Fund:Cash", "--json"))
    assert said["rows"][1]["description"] == "=HYPERLINK(0)"


@pytest.mark.parametrize(
    "arguments",
    [
        ("trial-balance", "--as-of", "2022-11-09T12:00:00"),
        ("trial-balance", "--as-of", "soon"),
        ("trial-balance", "--json", "--format", "csv"),
        ("trial-balance", "--from", "2022-11-01"),
        ("fund", "--account", "Assets:Fund:Cash"),
        ("statement",),
        ("balance-sheet",),
    ],
)
def test_a_wrong_call_is_wrong_usage(arguments):
    with pytest.raises(CommandError):
        report(*arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ("statement", "--account", "Assets:Petty"),
        ("statement", "--account", "Assets:Fund:Cash", "--as-of", "2022-11-01", "--to", "2022-11-01"),
        ("fund", "--in", "DOGE"),
        ("fund", "--format", "csv", "--table", "nothing"),
    ],
)
def test_what_cannot_be_told_is_refused_with_exit_1(arguments):
    with pytest.raises(SystemExit, match="1"):
        report(*arguments)


def test_empty_books_have_an_empty_trial_balance():
    assert json.loads(trial_balance("--json")) == {"report": "trial-balance", "as_of": None, "rows": [], "totals": []}
