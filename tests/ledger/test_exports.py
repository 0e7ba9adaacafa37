"""The journal as a table: for a spreadsheet, which runs nothing of it."""

import csv
import io
import json
import subprocess
import sys
from datetime import date
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import DataError, ProgrammingError, connection
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from ledger.exports import COLUMNS, write_csv
from ledger.exports.copying import copied
from ledger.models import JournalEntry, Transfer
from ledger.posting import post
from ledger.resources import JournalSheet
from ledger.sealing import seal
from tests.conftest import ROOT
from tests.ledger.books import NOW, book, draft, november, undo
from tests.ledger.readers import exported

pytestmark = pytest.mark.django_db

HEADER = "entry,posted_at,effective_on,category,reference,description,debit,credit,amount,asset,seal"


def as_csv(**days) -> list[dict[str, str]]:
    file = io.BytesIO()
    rows = write_csv(file, **days)
    found = list(csv.DictReader(io.StringIO(file.getvalue().decode())))
    assert len(found) == rows
    return found


def test_the_journal_as_csv():
    november()
    file = io.BytesIO()
    assert write_csv(file) == 9
    text = file.getvalue().decode()
    assert text.splitlines()[0] == HEADER
    seed, top_up = JournalEntry.objects.get(reference="seed-2022"), JournalEntry.objects.get(category="company_topup")
    assert text.splitlines()[1:3] == [
        f"{seed.pk},2022-11-18T09:00:00.000000Z,2022-11-01,seed_capital,seed-2022,The seed,"
        "Assets:Fund:Cash,Equity:SeedCapital,1000.00,USDT,",
        f"{seed.pk},2022-11-18T09:00:00.000000Z,2022-11-01,seed_capital,seed-2022,The seed,"
        "Assets:Fund:Cash,Equity:SeedCapital,0.50000000,BTC,",
    ]
    rows = as_csv()
    assert [row["amount"] for row in rows if row["entry"] == str(top_up.pk)] == ["0.00000001"]
    assert [int(row["entry"]) for row in rows] == sorted(int(row["entry"]) for row in rows)


def test_each_row_says_which_seal_it_is_under():
    book("seed_capital", "seed", "20 USDT")
    seal(now=NOW)
    book("liquidation_fee", "fee", "1 USDT")
    seal(now=NOW)
    book("liquidation_fee", "late", "1 USDT")
    assert [(row["reference"], row["seal"]) for row in as_csv()] == [("seed", "1"), ("fee", "2"), ("late", "")]


def test_days_cut_the_journal_by_effective_date_both_inside():
    november()
    rows = as_csv(first=date(2022, 11, 16), last=date(2022, 11, 18))
    assert {row["effective_on"] for row in rows} == {"2022-11-16", "2022-11-18"}
    assert len(rows) == 4


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_a_spreadsheet_runs_no_description(text):
    book("seed_capital", "seed", "20 USDT", description=text)
    assert [(row["description"], row["amount"]) for row in as_csv()] == [(f"'{text}", "20.00")]


def test_a_description_with_commas_quotes_and_chinese_comes_through():
    said = '补偿, "as agreed"; 100 %'
    book("seed_capital", "seed", "20 USDT", description=said)
    assert [row["description"] for row in as_csv()] == [said]


def test_an_empty_journal_is_its_header():
    assert exported(write_csv) == HEADER + "\n"


def test_a_long_journal_is_one_question():
    post([draft("liquidation_fee", f"fee-{number}", "1 USDT") for number in range(500)], by=None, now=NOW)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert len(as_csv()) == 500
    assert len(asked) <= 1


# --- the workbook


def test_a_workbook_has_the_rows_of_the_csv_with_its_numbers_as_numbers(tmp_path):
    november()
    book("liquidation_fee", "long", "1234567890123456.12345678 BTC", description="=1+1")
    seal(now=NOW)
    path = tmp_path / "journal.xlsx"
    call_command("export_ledger", format="xlsx", output=str(path))
    sheet = load_workbook(path)["Journal"]
    head, *rows = sheet.iter_rows()
    assert tuple(cell.value for cell in head) == COLUMNS
    told = [dict(zip(COLUMNS, (cell.value for cell in row), strict=True)) for row in rows]
    assert {cell.data_type for row in rows for cell in row} == {"n", "s", "d"}
    for cells, plain in zip(told, as_csv(), strict=True):
        assert {key: str(cells[key]) for key in ("entry", "reference", "description", "debit", "asset", "seal")} == {
            key: plain[key] for key in ("entry", "reference", "description", "debit", "asset", "seal")
        }
        assert cells["effective_on"].date().isoformat() == plain["effective_on"]
        assert cells["posted_at"] == plain["posted_at"]
        assert Decimal(str(cells["amount"])) == Decimal(plain["amount"])
    assert told[-1]["amount"] == "1234567890123456.12345678"  # no spreadsheet could hold it as a number
    assert told[-1]["description"] == "'=1+1"


# --- the command


def test_the_command_prints_csv_or_writes_a_file(tmp_path, capsysbinary):
    november()
    call_command("export_ledger")
    printed = capsysbinary.readouterr().out
    assert printed.decode().splitlines()[0] == HEADER
    path = tmp_path / "journal.csv"
    call_command("export_ledger", output=str(path), json=True)
    assert path.read_bytes() == printed
    assert json.loads(capsysbinary.readouterr().out) == {"rows": 9, "output": str(path)}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("format", "rows"), [("csv", 9), ("xlsx", 9), ("jsonl", 8), ("beancount", 9), ("hledger", 9)])
def test_the_command_knows_five_formats(tmp_path, capsys, format, rows):
    november()
    path = tmp_path / "journal"
    call_command("export_ledger", "--format", format, "--output", str(path), "--json")
    assert json.loads(capsys.readouterr().out) == {"rows": rows, "output": str(path)}


def test_the_command_answers_a_program_that_calls_it():
    book("seed_capital", "seed", "20 USDT", description="种子")
    answer = io.StringIO()
    call_command("export_ledger", "--from", "2022-11-16", "--to", "2022-11-16", stdout=answer)
    assert "种子" in answer.getvalue()


def test_a_file_that_cannot_be_written_is_refused_whole(tmp_path, capsys):
    with pytest.raises(SystemExit):
        call_command("export_ledger", output=str(tmp_path / "no folder" / "x.csv"), json=True)
    assert "No such file or directory" in json.loads(capsys.readouterr().out)["errors"][0]


@pytest.mark.parametrize(
    "arguments",
    [("--json",), ("--from", "2022-11-02", "--to", "2022-11-01"), ("--from", "yesterday"), ("--format", "pdf")],
)
def test_a_wrong_call_is_wrong_usage(arguments):
    with pytest.raises(CommandError):
        call_command("export_ledger", *arguments)


@pytest.mark.django_db(transaction=True)
def test_a_reader_may_stop_early(command_env):
    for number in range(40):
        post([draft("liquidation_fee", f"liq/{number}/{line}", "1 USDT") for line in range(50)], by=None, now=NOW)
    undo("liq/0/0", "liq/0/0/reversed")
    run = {"cwd": ROOT, "env": command_env, "capture_output": True, "text": True}
    early = subprocess.run(["bash", "-c", f"{sys.executable} manage.py export_ledger | head -1"], **run)
    assert (early.stdout, "Traceback" in early.stderr, "Exception" in early.stderr) == (HEADER + "\n", False, False)
    wrong = subprocess.run([sys.executable, "manage.py", "export_ledger", "--json"], **run)
    assert (wrong.returncode, wrong.stdout) == (2, "")


# --- COPY by hand


@pytest.mark.django_db(transaction=True)
def test_a_question_that_fails_half_way_raises_and_leaves_the_connection_in_order():
    file = io.BytesIO()
    halfway = "COPY (SELECT 1 / (5 - number) FROM generate_series(1, 10) AS number) TO STDOUT"
    for sql, error in ((halfway, DataError), ("COPY nothing TO STDOUT", ProgrammingError)):
        with pytest.raises(error):
            copied(file, sql, {})
    assert file.getvalue() == b"0\n0\n0\n1\n"
    assert copied(file, "COPY (VALUES (%(one)s), (2)) TO STDOUT", {"one": 1}) == 2


@pytest.mark.django_db(transaction=True)
def test_a_disk_that_is_full_leaves_the_connection_in_order():
    class Full(io.BytesIO):
        def write(self, row):
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        copied(Full(), "COPY (SELECT * FROM generate_series(1, 1000000)) TO STDOUT", {})
    assert exported(write_csv) == HEADER + "\n"


# --- the same rows from the screen


def test_the_sheet_of_the_screen_has_the_rows_of_the_file_in_one_question():
    november()
    seal(now=NOW)
    book("liquidation_fee", "late", "1 USDT")
    with CaptureQueriesContext(connection) as asked:
        sheet = JournalSheet().export(Transfer.objects.order_by("entry", "line"))
    assert len(asked) == 1
    plain = [row | {"amount": f"{Decimal(row['amount']).normalize():f}"} for row in as_csv()]
    assert [dict(zip(sheet.headers, row, strict=True)) for row in sheet] == plain
