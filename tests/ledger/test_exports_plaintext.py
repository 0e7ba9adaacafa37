"""The journal for programs that we did not write: beancount and hledger add it up to our balances, to the last digit."""

import os
import subprocess
import sys
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from beancount import loader
from beancount.core.data import Balance, Transaction
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger import closing
from ledger.exports import write_beancount, write_hledger
from ledger.models import JournalEntry, Seal
from ledger.posting import post
from ledger.sealing import seal
from tests import factories
from tests.conftest import ROOT
from tests.ledger.books import NOW, PAIRS, book, draft, november, undo
from tests.ledger.readers import (
    beancount_complains,
    beancount_says,
    booked,
    exported,
    hledger,
    hledger_complains,
    hledger_says,
)

pytestmark = pytest.mark.django_db

both = pytest.mark.parametrize(
    ("write", "says"),
    [
        pytest.param(write_beancount, beancount_says, id="beancount"),
        pytest.param(write_hledger, hledger_says, id="hledger", marks=pytest.mark.hledger),
    ],
)


def manager(name: str) -> User:
    return User.objects.filter(username=name).first() or factories.staff(name, "manager")


def close(last_day: date) -> None:
    """Mia proposes, Max closes, a week later."""
    mia, max_ = manager("mia"), manager("max")
    now = datetime(2022, 12, 31, tzinfo=UTC)
    closing.close(closing.propose(last_day, by=mia, now=now).pk, by=max_, now=now)


@both
def test_a_program_of_others_adds_the_books_up_to_the_trial_balance(write, says):
    november()
    assert says(exported(write)) == booked()


@both
def test_two_assets_of_28_digits_come_back_to_the_last_one(write, says):
    for number in range(9):
        book("seed_capital", f"seed-{number}", "9999999999999999.12345679 BTC", "9999999999999999.99 USDT")
        book("outage_compensation", f"award-{number}", f"9999999999999998.0000000{number} BTC")
    assert says(exported(write)) == booked()
    assert booked()["Assets:Fund:Cash", "BTC"] == Decimal("89999999999999992.11111111")


@both
def test_a_month_opens_with_what_was_there_before(write, says):
    november()
    text = exported(write, first=date(2022, 11, 17), last=date(2022, 11, 19))
    assert says(text) == booked(date(2022, 11, 19))
    assert "seed-2022" not in text and "liq/7001-twice/reversed" not in text


@both
def test_a_month_after_a_closing_opens_with_the_closing(write, says):
    november()
    close(date(2022, 11, 16))
    assert says(exported(write, first=date(2022, 11, 17))) == booked()
    assert says(exported(write, first=date(2022, 11, 18), last=date(2022, 11, 18))) == booked(date(2022, 11, 18))


@both
def test_a_month_without_entries_still_says_what_is_there(write, says):
    november()
    assert says(exported(write, first=date(2022, 12, 1), last=date(2022, 12, 31))) == booked()
    assert says(exported(write, last=date(2022, 10, 31))) == {}


@both
def test_empty_books_are_a_sound_file(write, says):
    assert says(exported(write)) == {}


@both
def test_every_closed_period_states_its_balances(write, says):
    november()
    close(date(2022, 11, 16))
    close(date(2022, 11, 30))
    text = exported(write)
    assert says(text) == booked()
    stated = {  # how much cash, and that nothing was owed yet
        write_beancount: ("2022-11-17 balance Assets:Fund:Cash  1016.50 ~ 0 USDT\n",
                          "2022-11-17 balance Expenses:Compensation  0.00 ~ 0 USDT\n",
                          "2022-12-01 balance Assets:Fund:Cash  1008.25 ~ 0 USDT\n"),
        write_hledger: ("\n2022-11-16 * Balances through 2022-11-16\n",
                        "    Assets:Fund:Cash  0.00 USDT = 1016.50 USDT\n",
                        "\n2022-11-30 * Balances through 2022-11-30\n"),
    }  # fmt: skip
    for line in stated[write]:
        assert line in text


@both
def test_the_file_says_through_which_seal_it_is_sealed(write, says):
    book("seed_capital", "seed", "20 USDT")
    assert "; not sealed yet\n" in exported(write)
    seal(now=NOW)
    book("liquidation_fee", "late", "1 USDT")
    text = exported(write)
    assert (
        f"; sealed through entry {JournalEntry.objects.get(reference='seed').pk} by seal 1:{Seal.objects.get().hash}\n"
        in text
    )
    assert says(text) == booked()
    assert text.count("seal: 1" if write is write_beancount else "; seal:1") == 1


@both
def test_books_that_were_changed_behind_our_back_do_not_add_up_outside_either(write, says):
    november()
    close(date(2022, 11, 16))
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; ALTER TABLE ledger_transfer DISABLE TRIGGER USER")
        cursor.execute("UPDATE ledger_transfer SET amount = 8.24 WHERE amount = 8.25")
    complains = beancount_complains if write is write_beancount else hledger_complains
    assert complains(exported(write))


@both
def test_a_long_journal_is_a_handful_of_questions(write, says):
    post([draft("liquidation_fee", f"fee-{number}", "1 USDT") for number in range(500)], by=None, now=NOW)
    with CaptureQueriesContext(connection) as asked:
        text = exported(write)
    assert len(asked) <= 6
    assert says(text) == booked()


@both
def test_words_that_could_break_the_file_do_not(write, says):
    said = '= (x) [2020-01-01] "; option "title" "x" \\ \\n | * ! # ^link a:b, date:2022-01-01'
    book("seed_capital", "seed#1:a/b", "20 USDT", description=said)
    book("seed_capital", "seed#2", "20 USDT", description="种子；= 5 USDT @ 3 BTC")
    text = exported(write)
    assert says(text) == booked()
    if write is write_beancount:
        entries, _errors, _options = loader.load_string(text)
        assert [entry.narration for entry in entries if isinstance(entry, Transaction)][0] == said
    else:
        assert hledger(text, "print", "code:seed#1:a/b").stdout.splitlines()[0] == (
            f"2022-11-16 * (seed#1:a/b) {said.replace(';', ',')}"
        )


# --- beancount


def test_beancount_reads_every_entry_with_its_reference_category_and_what_it_reverses():
    november()
    entries, errors, _options = loader.load_string(exported(write_beancount))
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


def test_beancount_gets_all_decimals_of_an_asset():
    book("seed_capital", "seed", "20 USDT", "1 BTC")
    text = exported(write_beancount)
    assert "  Assets:Fund:Cash  20.00 USDT\n" in text
    assert "  Equity:SeedCapital  -1.00000000 BTC\n" in text
    assert "2022-11-17 balance Assets:Fund:Cash  20.00 ~ 0 USDT\n" in text


def test_names_that_beancount_would_not_read_get_an_x():
    codes = ["1INCH", "X1INCH", "1000PEPE", "T", "XT", "TRUE", "XTRUE", "NULL", "XRP", "A" * 23, "X" + "1" * 22]
    for number, code in enumerate(codes):
        book("seed_capital", f"seed-{number}", f"{number + 1}.00000001 {code}")
    balances = beancount_says(exported(write_beancount))
    cash = {asset: balance for (account, asset), balance in balances.items() if account == "Assets:Fund:Cash"}
    assert cash == {
        ("XRP" if code == "XRP" else code if code == "A" * 23 else f"X{code}"): Decimal(f"{number + 1}.00000001")
        for number, code in enumerate(codes)
    }


# --- hledger


@pytest.mark.hledger
def test_hledger_has_every_name_as_it_is():
    for number, code in enumerate(["1INCH", "1000PEPE", "T", "TRUE", "A" * 23, "1" * 23, "E5"]):
        book("seed_capital", f"seed-{number}", f"{number + 1}.00000001 {code}")
    assert hledger_says(exported(write_hledger)) == booked()


@pytest.mark.hledger
def test_hledger_reads_every_entry_with_its_reference_category_and_what_it_reverses():
    november()
    text = exported(write_hledger)
    stored = JournalEntry.objects.get(reference="liq/7001-twice/reversed")
    assert hledger(text, "print", "code:reversed").stdout == (
        "2022-11-20 * (liq/7001-twice/reversed) Undoes liq/7001-twice\n"
        f"    ; entry:{stored.pk}\n"
        "    ; category:correction\n"
        "    ; posted_at:2022-11-18T09:00:00.000000Z\n"
        "    ; reverses:liq/7001-twice\n"
        "    Income:LiquidationFees       8.25 USDT\n"
        "    Assets:Fund:Cash            -8.25 USDT\n\n"
    )
    assert hledger(text, "balance", "tag:category=goodwill_bonus", "--no-total", "Expenses").stdout == (
        "          20.00 USDT  Expenses:Goodwill\n"
    )


# --- whatever is booked


amounts = st.decimals("0.01", "9999999999999999", places=2).map(lambda amount: f"{amount} USDT") | st.decimals(
    "0.00000001", "9999999999999999", places=8
).map(lambda amount: f"{amount:f} BTC")
words = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x4FFF, exclude_categories=["C", "Z"]), min_size=1, max_size=30
)
facts = st.tuples(st.sampled_from(sorted(PAIRS)), st.lists(amounts, min_size=1, max_size=3), words, st.integers(0, 40))
days = st.integers(0, 40).map(lambda days: date(2022, 11, 1) + timedelta(days))


@pytest.mark.hledger
@given(st.lists(facts, min_size=1, max_size=8), days, st.lists(days, max_size=2, unique=True), st.data())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_booked_comes_back_from_both(facts, cut, closed, data):
    with transaction.atomic():
        _round_trip(facts, cut, sorted(closed), data)
        transaction.set_rollback(True)


def _round_trip(facts, cut: date, closed: list[date], data) -> None:
    drafts = [
        draft(category, f"fact-{number}", *moved, day=date(2022, 11, 1) + timedelta(day), description=said)
        for number, (category, moved, said, day) in enumerate(facts)
    ]
    post(drafts, by=None, now=NOW)
    for day in closed:
        close(day)
    for fact in data.draw(st.sets(st.sampled_from(drafts))):
        undo(fact.reference, f"{fact.reference}/reversed", day=date(2022, 12, 20))
    for write, says in ((write_beancount, beancount_says), (write_hledger, hledger_says)):
        assert says(exported(write)) == booked()
        assert says(exported(write, first=cut)) == booked()
        assert says(exported(write, last=cut)) == booked(cut)


# --- the programs themselves


@pytest.mark.hledger
@pytest.mark.django_db(transaction=True)
def test_bean_check_and_hledger_accept_the_files_that_the_command_writes(command_env, tmp_path):
    november()
    run = {"cwd": ROOT, "env": command_env, "capture_output": True, "text": True}
    programs = {
        "beancount": [os.path.join(os.path.dirname(sys.executable), "bean-check")],
        "hledger": ["hledger", "check", "--strict", "-f"],
    }
    for format, program in programs.items():
        path = tmp_path / f"books.{format}"
        export = [sys.executable, "manage.py", "export_ledger", "--format", format, "--output", str(path)]
        subprocess.run(export, check=True, **run)
        assert subprocess.run([*program, str(path)], **run).returncode == 0
        path.write_text(path.read_text().replace("8.25", "8.24", 1))
        assert subprocess.run([*program, str(path)], **run).returncode == 1


@pytest.mark.hledger
def test_nothing_is_left_out(tmp_path):
    """Every transfer of the books is in both files, however it is dated."""
    november()
    for write in (write_beancount, write_hledger):
        text = exported(write)
        assert hledger_complains(text) == "" or write is write_beancount
        legs: dict[str, int] = defaultdict(int)
        for line in text.splitlines():
            if line.startswith("  ") and line.lstrip()[:1].isupper() and "=" not in line:
                legs[line.split()[0]] += 1
        assert sum(legs.values()) == 2 * 9
