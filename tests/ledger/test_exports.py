"""The journal outside: for a spreadsheet, and for a program of others that adds it up again."""

import csv
import io
import json
import os
import subprocess
import sys
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal

import pytest
from beancount import loader
from beancount.core.data import Balance, Transaction
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.exports import write_beancount, write_csv
from ledger.models import JournalEntry
from ledger.posting import post
from ledger.reports import trial_balance
from tests.conftest import ROOT
from tests.ledger.books import NOW, PAIRS, book, draft, november, undo

pytestmark = pytest.mark.django_db

HEADER = "entry,posted_at,effective_on,category,reference,description,debit,credit,amount,asset,seal"


def as_csv(**days) -> list[dict[str, str]]:
    file = io.BytesIO()
    rows = write_csv(file, **days)
    found = list(csv.DictReader(io.StringIO(file.getvalue().decode())))
    assert len(found) == rows
    return found


def as_beancount(**days) -> str:
    file = io.BytesIO()
    write_beancount(file, **days)
    return file.getvalue().decode()


def checked(text: str) -> dict[tuple[str, str], Decimal]:
    """What beancount makes of the text: no complaint, and its balances by account and commodity, zeros left out."""
    entries, errors, _options = loader.load_string(text)
    assert [error.message for error in errors] == []
    balances: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for entry in entries:
        if isinstance(entry, Transaction):
            for posting in entry.postings:
                balances[posting.account, posting.units.currency] += posting.units.number
    return {key: balance for key, balance in balances.items() if balance}


def booked(as_of=None) -> dict[tuple[str, str], Decimal]:
    return {(line.account, line.asset): line.balance for line in trial_balance(as_of) if line.balance}


# --- CSV


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
    file = io.BytesIO()
    assert write_csv(file) == 0
    assert file.getvalue().decode() == HEADER + "\n"


# --- beancount


def test_beancount_adds_the_books_up_to_the_trial_balance():
    november()
    assert checked(as_beancount()) == booked()


def test_beancount_reads_every_entry_with_its_reference_category_and_what_it_reverses():
    november()
    entries, errors, _options = loader.load_string(as_beancount())
    assert errors == []
    told = {entry.meta["reference"]: entry for entry in entries if isinstance(entry, Transaction)}
    stored = {entry.reference: entry for entry in JournalEntry.objects.all()}
    assert told.keys() == stored.keys()
    for reference, entry in told.items():
        assert entry.date == stored[reference].effective_on
        assert entry.narration == stored[reference].description
        assert entry.meta["category"] == stored[reference].category
        assert entry.meta["posted_at"] == "2022-11-18T09:00:00.000000Z"
        assert entry.meta["entry"] == stored[reference].pk
    assert told["liq/7001-twice/reversed"].meta["reverses"] == "liq/7001-twice"
    assertions = [entry for entry in entries if isinstance(entry, Balance)]
    assert {entry.date for entry in assertions} == {date(2022, 11, 21)}
    assert {entry.tolerance for entry in assertions} == {Decimal(0)}


def test_amounts_are_printed_with_all_decimals_of_their_asset():
    book("seed_capital", "seed", "20 USDT", "1 BTC")
    text = as_beancount()
    assert "  Assets:Fund:Cash  20.00 USDT\n" in text
    assert "  Equity:SeedCapital  -1.00000000 BTC\n" in text
    assert "2022-11-17 balance Assets:Fund:Cash  20.00 ~ 0 USDT\n" in text


@pytest.mark.parametrize(
    "damage",
    [
        ("  Assets:Fund:Cash  8.25 USDT\n", "  Assets:Fund:Cash  8.24 USDT\n"),
        ("-0.50000001 BTC", "-0.50000002 BTC"),
        ("balance Assets:Fund:Cash  1008.25", "balance Assets:Fund:Cash  1008.26"),
        ("  Assets:Fund:Cash", "  Assets:Petty:Cash"),
    ],
    ids=["one leg off", "one satoshi off", "a closing balance off", "an account nobody opened"],
)
def test_beancount_notices_the_smallest_damage(damage):
    november()
    text = as_beancount()
    assert damage[0] in text
    _entries, errors, _options = loader.load_string(text.replace(*damage, 1))
    assert errors


def test_a_month_opens_with_what_was_there_before():
    november()
    text = as_beancount(first=date(2022, 11, 17), last=date(2022, 11, 19))
    assert checked(text) == booked(date(2022, 11, 19))
    assert '2022-11-17 * "Opening balance"' in text
    assert "seed-2022" not in text and "liq/7001-twice/reversed" not in text


def test_a_month_without_entries_still_says_what_is_there():
    november()
    assert checked(as_beancount(first=date(2022, 12, 1), last=date(2022, 12, 31))) == booked()
    assert checked(as_beancount(last=date(2022, 10, 31))) == {}


def test_names_that_beancount_would_not_read_get_an_x():
    codes = ["1INCH", "X1INCH", "1000PEPE", "T", "XT", "TRUE", "XTRUE", "NULL", "XRP", "A" * 23, "X" + "1" * 22]
    for number, code in enumerate(codes):
        book("seed_capital", f"seed-{number}", f"{number + 1}.00000001 {code}")
    balances = checked(as_beancount())
    cash = {asset: balance for (account, asset), balance in balances.items() if account == "Assets:Fund:Cash"}
    assert cash == {
        ("XRP" if code == "XRP" else code if code == "A" * 23 else f"X{code}"): Decimal(f"{number + 1}.00000001")
        for number, code in enumerate(codes)
    }


def test_words_that_could_break_the_file_do_not():
    said = '"; option "title" "x" \\ \\n ; * ! # ^link'
    book("seed_capital", "seed#1:a/b", "20 USDT", description=said)
    entries, errors, _options = loader.load_string(as_beancount())
    assert errors == []
    assert [entry.narration for entry in entries if isinstance(entry, Transaction)] == [said]


def test_empty_books_are_a_sound_file():
    assert checked(as_beancount()) == {}


amounts = st.decimals("0.01", "9999999999999999", places=2).map(lambda amount: f"{amount} USDT") | st.decimals(
    "0.00000001", "9999999999999999", places=8
).map(lambda amount: f"{amount:f} BTC")
words = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x4FFF, exclude_categories=["C", "Z"]), min_size=1, max_size=30
)
facts = st.tuples(st.sampled_from(sorted(PAIRS)), st.lists(amounts, min_size=1, max_size=3), words, st.integers(0, 40))


@given(st.lists(facts, max_size=8), st.integers(0, 40), st.data())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_booked_comes_back(facts, cut, data):
    from django.db import transaction

    with transaction.atomic():
        _round_trip(facts, date(2022, 11, 1) + timedelta(cut), data)
        transaction.set_rollback(True)


def _round_trip(facts, cut: date, data) -> None:
    drafts = [
        draft(category, f"fact-{number}", *moved, day=date(2022, 11, 1) + timedelta(day), description=said)
        for number, (category, moved, said, day) in enumerate(facts)
    ]
    post(drafts, by=None, now=NOW)
    for fact in data.draw(st.sets(st.sampled_from(drafts)) if drafts else st.just(set())):
        undo(fact.reference, f"{fact.reference}/reversed", day=date(2022, 12, 20))
    assert checked(as_beancount()) == booked()
    assert checked(as_beancount(first=cut)) == booked()
    assert checked(as_beancount(last=cut)) == booked(cut)
    told: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in as_csv():
        told[row["debit"], row["asset"]] += Decimal(row["amount"])
        told[row["credit"], row["asset"]] -= Decimal(row["amount"])
    assert {key: balance for key, balance in told.items() if balance} == booked()


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
    [("--json",), ("--from", "2022-11-02", "--to", "2022-11-01"), ("--from", "yesterday"), ("--format", "xlsx")],
)
def test_a_wrong_call_is_wrong_usage(arguments):
    with pytest.raises(CommandError):
        call_command("export_ledger", *arguments)


@pytest.mark.django_db(transaction=True)
def test_bean_check_accepts_the_file_and_a_reader_may_stop_early(command_env, tmp_path):
    november()
    path = tmp_path / "books.beancount"
    run = {"cwd": ROOT, "env": command_env, "capture_output": True, "text": True}
    export = [sys.executable, "manage.py", "export_ledger", "--format", "beancount"]
    subprocess.run([*export, "--output", str(path)], check=True, **run)
    bean_check = os.path.join(os.path.dirname(sys.executable), "bean-check")
    assert subprocess.run([bean_check, str(path)], **run).returncode == 0
    for number in range(40):
        post([draft("liquidation_fee", f"liq/{number}/{line}", "1 USDT") for line in range(50)], by=None, now=NOW)
    early = subprocess.run(["bash", "-c", f"{sys.executable} manage.py export_ledger | head -1"], **run)
    assert (early.stdout, "Traceback" in early.stderr, "Exception" in early.stderr) == (HEADER + "\n", False, False)
    wrong = subprocess.run([*export[:3], "--json"], **run)
    assert (wrong.returncode, wrong.stdout) == (2, "")
