"""Seven ways to bend the books, done to every export and to the database itself: who notices is what is documented."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from django.db import connection

from ledger import closing, verification
from ledger.exports import write_beancount, write_hledger, write_jsonl
from ledger.models import JournalEntry, Seal
from ledger.sealing import seal
from tests import factories
from tests.conftest import ROOT
from tests.ledger.books import NOW, book, november
from tests.ledger.readers import beancount_complains, exported, hledger_complains, seals_complain

pytestmark = pytest.mark.django_db

LATER = datetime(2022, 11, 25, 9, 0, tzinfo=UTC)
THE_ENTRY = re.compile(
    r'"liq/7001"|\(liq/7001\)'
)  # the fee of liquidation 7001, 8.25 USDT on 16 November, as each file names it
Chunk = str  # what a file says of one entry


@pytest.fixture
def books():
    """November: sealed, closed through the 17th, and a fee after that, under the second seal."""
    november()
    seal(now=NOW)
    mia, max_ = factories.staff("mia", "manager"), factories.staff("max", "manager")
    period = closing.propose(date(2022, 11, 17), by=mia, now=LATER)
    closing.close(period.pk, by=max_, now=LATER)
    book("liquidation_fee", "liq/7002", "1.75 USDT", day=date(2022, 11, 21), now=LATER)
    seal(now=LATER)


def swapped(chunk: Chunk) -> Chunk:
    cash, fees = "Assets:Fund:Cash", "Income:LiquidationFees"
    return chunk.replace(cash, "?").replace(fees, cash).replace("?", fees)


def sealed_anew(chunk: Chunk) -> Chunk:
    return re.sub(r'(seal"?: ?)1\b', r"\g<1>2", chunk)


IN_A_FILE: dict[str, Callable[[Chunk], list[Chunk]]] = {
    "a digit of one leg": lambda chunk: [chunk.replace("8.25", "8.26", 1)],
    "a digit of the amount": lambda chunk: [chunk.replace("8.25", "8.26")],
    "an entry missing": lambda chunk: [],
    "an entry doubled": lambda chunk: [chunk, chunk],
    "accounts swapped": lambda chunk: [swapped(chunk)],
    "a date moved to another period": lambda chunk: [chunk.replace("2022-11-16", "2022-11-18")],
    "a date moved within its period": lambda chunk: [chunk.replace("2022-11-16", "2022-11-15")],
    "an entry moved to another seal": lambda chunk: [sealed_anew(chunk)],
    "the currency changed": lambda chunk: [chunk.replace("USDT", "BTC")],
}
FEE = "(SELECT id FROM ledger_journalentry WHERE reference = 'liq/7001')"
IN_THE_DATABASE = {
    "a digit of the amount": ["UPDATE ledger_transfer SET amount = 8.26 WHERE entry_id = :fee"],
    "an entry missing": [
        "DELETE FROM ledger_sealing WHERE entry_id = :fee",
        "DELETE FROM ledger_transfer WHERE entry_id = :fee",
        "DELETE FROM ledger_journalentry WHERE reference = 'liq/7001'",
    ],
    "an entry doubled": [
        """INSERT INTO ledger_journalentry (reference, category, effective_on, description, transfer_count, posted_at)
            SELECT 'liq/7001-again', category, effective_on, description, transfer_count, posted_at
              FROM ledger_journalentry WHERE reference = 'liq/7001'""",
        """INSERT INTO ledger_transfer (entry_id, line, debit_id, credit_id, amount, asset_id)
            SELECT (SELECT max(id) FROM ledger_journalentry), line, debit_id, credit_id, amount, asset_id
              FROM ledger_transfer WHERE entry_id = :fee""",
    ],
    "accounts swapped": ["UPDATE ledger_transfer SET debit_id = credit_id, credit_id = debit_id WHERE entry_id = :fee"],
    "a date moved to another period": [
        "UPDATE ledger_journalentry SET effective_on = '2022-11-18' WHERE reference = 'liq/7001'"
    ],
    "a date moved within its period": [
        "UPDATE ledger_journalentry SET effective_on = '2022-11-15' WHERE reference = 'liq/7001'"
    ],
    "an entry moved to another seal": ["UPDATE ledger_sealing SET seal_id = 2 WHERE entry_id = :fee"],
    "the currency changed": [
        "INSERT INTO ledger_account (name, asset_id) VALUES ('Income:LiquidationFees', 'BTC')",
        """UPDATE ledger_transfer SET asset_id = 'BTC',
                   debit_id = (SELECT id FROM ledger_account WHERE name = 'Assets:Fund:Cash' AND asset_id = 'BTC'),
                   credit_id = (SELECT id FROM ledger_account WHERE name = 'Income:LiquidationFees' AND asset_id = 'BTC')
             WHERE entry_id = :fee""",
    ],
}
TABLES = ("account", "journalentry", "transfer", "seal", "sealing", "balance", "closingbalance")


def owner(*statements: str) -> None:
    """Somebody to whom the tables belong: puts their triggers at rest, does as they please, and leaves no trace of that."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in TABLES:
            cursor.execute(f"ALTER TABLE ledger_{table} DISABLE TRIGGER USER")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        for statement in statements:
            cursor.execute(statement.replace(":fee", FEE))
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in TABLES:
            cursor.execute(f"ALTER TABLE ledger_{table} ENABLE TRIGGER USER")


def damaged(text: str, damage: Callable[[Chunk], list[Chunk]], *, between: str) -> str:
    """The file with that done to what it says of the one entry."""
    chunks = text.split(between)
    [place] = [number for number, chunk in enumerate(chunks) if THE_ENTRY.search(chunk)]
    return between.join([*chunks[:place], *damage(chunks[place]), *chunks[place + 1 :]])


def documented() -> dict[str, dict[str, bool]]:
    """The table of docs/independent-check.md: by damage, which program refuses it."""
    lines = (ROOT / "docs" / "independent-check.md").read_text().splitlines()
    head, _rule, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line[:1] == "|"]
    told = {"refuses": True, "accepts": False}
    return {
        damage: {who: told[cell] for who, cell in zip(head[1:], cells, strict=True) if cell != "–"}
        for damage, *cells in rows
    }


def refusals(tmp_path, *, lines: str, beancount: str, hledger: str) -> dict[str, bool]:
    journal = tmp_path / "journal.jsonl"
    journal.write_text(lines)
    return {
        "check_seals.py": bool(seals_complain(journal)),
        "bean-check": bool(beancount_complains(beancount)),
        "hledger": bool(hledger_complains(hledger)),
    }


@pytest.mark.hledger
def test_a_clean_export_is_accepted_by_everybody(books, tmp_path):
    files = {"lines": exported(write_jsonl), "beancount": exported(write_beancount), "hledger": exported(write_hledger)}
    assert refusals(tmp_path, **files) == {"check_seals.py": False, "bean-check": False, "hledger": False}
    assert verification.problems() == []


@pytest.mark.hledger
@pytest.mark.parametrize("name", IN_A_FILE)
def test_a_tampered_export_is_refused_by_whom_the_documentation_names(books, tmp_path, name):
    damage = IN_A_FILE[name]
    found = refusals(
        tmp_path,
        lines=damaged(exported(write_jsonl), damage, between="\n"),
        beancount=damaged(exported(write_beancount), damage, between="\n\n"),
        hledger=damaged(exported(write_hledger), damage, between="\n\n"),
    )
    assert any(found.values())
    said = documented()[name]
    assert {who: found[who] for who in found if who in said} == {who: said[who] for who in said if who in found}


@pytest.mark.parametrize("name", IN_THE_DATABASE)
def test_tampered_books_are_named_by_verify_ledger(books, name):
    owner("SELECT 1")
    assert verification.problems() == []
    owner(*IN_THE_DATABASE[name])
    assert documented()[name]["verify_ledger"] is bool(verification.problems()) is True


def test_the_documentation_speaks_of_these_damages():
    assert list(documented()) == list(IN_A_FILE)
    assert {name for name, said in documented().items() if "verify_ledger" in said} == set(IN_THE_DATABASE)


@pytest.mark.hledger
def test_whoever_corrects_every_balance_as_well_is_betrayed_by_the_seal(books, tmp_path):
    """All sums agree then, in the database and outside; only the chain does not."""
    owner(
        "UPDATE ledger_transfer SET amount = 8.26 WHERE entry_id = :fee",
        *(
            statement.replace("side", side)
            for side in ("debit", "credit")
            for statement in (
                "UPDATE ledger_balance SET sides = sides + 0.01"
                " WHERE part = 0 AND account_id = (SELECT side_id FROM ledger_transfer WHERE entry_id = :fee)",
                "UPDATE ledger_closingbalance SET sides = sides + 0.01"
                " WHERE account_id = (SELECT side_id FROM ledger_transfer WHERE entry_id = :fee)",
            )
        ),
    )
    files = {"lines": exported(write_jsonl), "beancount": exported(write_beancount), "hledger": exported(write_hledger)}
    assert refusals(tmp_path, **files) == {"check_seals.py": True, "bean-check": False, "hledger": False}
    [problem] = verification.problems()
    assert problem.startswith("seal 1: the first broken link of the chain")


def test_whoever_makes_every_seal_anew_is_betrayed_by_the_seal_that_the_auditor_kept(books, tmp_path):
    journal = tmp_path / "journal.jsonl"
    journal.write_text(exported(write_jsonl))
    kept = str(Seal.objects.get(number=1))
    assert seals_complain(journal, kept) == ""
    owner(
        "DELETE FROM ledger_sealing",
        "DELETE FROM ledger_seal",
        "UPDATE ledger_transfer SET amount = 8.26 WHERE entry_id = :fee",
    )
    seal(now=LATER)
    journal.write_text(exported(write_jsonl))
    assert seals_complain(journal) == ""
    assert seals_complain(journal, kept) == f"refused: the seal that you kept is not in the journal: {kept}\n"


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda lines: lines[:-1], "refused: seal 2: entries are under it, and it is not in the journal\n"),
        (lambda lines: [lines[1], lines[0], *lines[2:]], "comes after entry"),
        (lambda lines: [*lines[:-1], lines[-1].replace("T09:00", "T10:00")], "refused: seal 2: its hash is "),
        (lambda lines: [*lines[:-2], lines[-1]], "refused: seal 1: its seal is 2, the journal makes it 1\n"),
        (lambda lines: ["{}", *lines], "this is no journal"),
        (lambda lines: ["entry,reference", *lines], "this is no journal"),
    ],
    ids=["a seal cut off", "out of order", "a seal's time", "a seal missing", "an empty object", "a CSV"],
)
def test_a_journal_that_is_none_is_refused(books, tmp_path, damage, said):
    journal = tmp_path / "journal.jsonl"
    journal.write_text("\n".join(damage(exported(write_jsonl).splitlines())))
    assert said in seals_complain(journal)


def test_a_late_entry_is_not_sealed_yet_and_that_is_no_fault(books, tmp_path, capfd):
    book("liquidation_fee", "late", "1 USDT", day=date(2022, 11, 22), now=LATER)
    journal = tmp_path / "journal.jsonl"
    journal.write_text(exported(write_jsonl))
    assert seals_complain(journal) == ""
    assert JournalEntry.objects.filter(sealing=None).count() == 1
