"""`ledger_report trial-balance`: to read, as CSV, as JSON; now, as of a day, as of an instant."""

import io
import json
from datetime import UTC, date, datetime

import pytest
from django.core.management import CommandError, call_command

from tests.ledger.books import book, november

pytestmark = pytest.mark.django_db


def report(*arguments: str) -> str:
    answer = io.StringIO()
    call_command("ledger_report", "trial-balance", *arguments, stdout=answer)
    return answer.getvalue()


def test_the_trial_balance_to_read():
    book("seed_capital", "seed", "1000 USDT", "1 BTC")
    book("goodwill_bonus", "bonus", "20 USDT")
    assert report() == (
        "account                       asset       debit      credit      balance\n"
        "Assets:Fund:Cash              BTC    1.00000000  0.00000000   1.00000000\n"
        "Assets:Fund:Cash              USDT      1000.00        0.00      1000.00\n"
        "Equity:SeedCapital            BTC    0.00000000  1.00000000  -1.00000000\n"
        "Equity:SeedCapital            USDT         0.00     1000.00     -1000.00\n"
        "Expenses:Goodwill             USDT        20.00        0.00        20.00\n"
        "Liabilities:Payable:Goodwill  USDT         0.00       20.00       -20.00\n"
        "                              BTC    1.00000000  1.00000000   0.00000000\n"
        "                              USDT      1020.00     1020.00         0.00\n"
    )


def test_the_trial_balance_as_csv():
    book("seed_capital", "seed", "1000 USDT")
    assert report("--format", "csv").splitlines() == [
        "account,asset,debit,credit,balance",
        "Assets:Fund:Cash,USDT,1000.00,0.00,1000.00",
        "Equity:SeedCapital,USDT,0.00,1000.00,-1000.00",
    ]


@pytest.mark.parametrize("arguments", [("--json",), ("--format", "json"), ("--json", "--format", "json")])
def test_the_trial_balance_as_json_has_its_money_as_text(arguments):
    november()
    said = json.loads(report(*arguments))
    assert said["totals"] == {"BTC": "0.00000000", "USDT": "0.00"}
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
    assert f"{cash}150.00,0.00,150.00" in report("--format", "csv", "--as-of", "2022-11-02")
    assert f"{cash}100.00,0.00,100.00" in report("--format", "csv", "--as-of", "2022-11-09T19:59:59+08:00")
    assert f"{cash}150.00,0.00,150.00" in report("--format", "csv", "--as-of", "2022-11-09T12:00:00Z")


@pytest.mark.parametrize(
    "arguments", [("--as-of", "2022-11-09T12:00:00"), ("--as-of", "soon"), ("--json", "--format", "csv")]
)
def test_a_wrong_call_is_wrong_usage(arguments):
    with pytest.raises(CommandError):
        report(*arguments)


def test_empty_books_have_an_empty_trial_balance():
    assert json.loads(report("--json")) == {"report": "trial-balance", "as_of": None, "rows": [], "totals": {}}
