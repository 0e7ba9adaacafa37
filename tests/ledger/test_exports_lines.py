"""The journal as JSON, one object a line: for a program that takes over every fact, or recomputes the seals."""

import json
import subprocess
import sys
from datetime import date

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger.exports import write_jsonl
from ledger.models import JournalEntry, Seal
from ledger.posting import post
from ledger.sealing import seal
from tests import factories
from tests.conftest import ROOT
from tests.ledger.books import NOW, book, draft, november, undo
from tests.ledger.readers import exported, seals_complain
from tests.ledger.test_exports_plaintext import facts

pytestmark = pytest.mark.django_db


def as_lines(**days) -> list[dict]:
    return [json.loads(line) for line in exported(write_jsonl, **days).splitlines()]


def test_every_entry_is_a_line_and_then_come_the_seals():
    mia = factories.staff("mia", "manager")
    first = book("seed_capital", "seed", "1000.10 USDT", "0.50000000 BTC", by=mia, description='The "seed", 种子')
    sealed = seal(now=NOW)
    second = undo("seed", "seed/reversed")
    assert exported(write_jsonl).splitlines() == [
        f'{{"entry":{first.pk},"reference":"seed","category":"seed_capital","effective_on":"2022-11-16",'
        '"description":"The \\"seed\\", 种子","reverses":"","posted_at":"2022-11-18T09:00:00.000000Z",'
        f'"posted_by":"{mia.pk}","transfers":['
        '{"line":1,"debit":"Assets:Fund:Cash","credit":"Equity:SeedCapital","amount":"1000.1","asset":"USDT"},'
        '{"line":2,"debit":"Assets:Fund:Cash","credit":"Equity:SeedCapital","amount":"0.5","asset":"BTC"}],"seal":1}',
        f'{{"entry":{second.pk},"reference":"seed/reversed","category":"correction","effective_on":"2022-11-16",'
        '"description":"Undoes seed","reverses":"seed","posted_at":"2022-11-18T09:00:00.000000Z","posted_by":"",'
        '"transfers":['
        '{"line":1,"debit":"Equity:SeedCapital","credit":"Assets:Fund:Cash","amount":"1000.1","asset":"USDT"},'
        '{"line":2,"debit":"Equity:SeedCapital","credit":"Assets:Fund:Cash","amount":"0.5","asset":"BTC"}],"seal":null}',
        f'{{"seal":1,"sealed_at":"2022-11-18T09:00:00.000000Z","entries":1,"first_entry":{first.pk},'
        f'"last_entry":{first.pk},"root":"{sealed.root}","previous":"{"0" * 64}","hash":"{sealed.hash}"}}',
    ]


def test_days_cut_the_journal_and_leave_the_seals_that_its_entries_are_under():
    november()
    seal(now=NOW)
    book("liquidation_fee", "liq/7002", "1 USDT", day=date(2022, 12, 1))
    seal(now=NOW)
    cut = as_lines(first=date(2022, 11, 16), last=date(2022, 11, 18))
    assert [row["reference"] for row in cut if "entry" in row] == [
        "liq/7001", "liq/7001-twice", "CLM-000001/award-1/USDT", "CLM-000001/goodwill",
    ]  # fmt: skip
    assert [row["seal"] for row in cut if "entry" not in row] == [1]
    assert [row["seal"] for row in as_lines(first=date(2022, 12, 1)) if "entry" not in row] == [2]


def test_empty_books_have_no_lines():
    assert exported(write_jsonl) == ""


@given(st.lists(facts, min_size=1, max_size=8), st.integers(0, 8))
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_booked_and_sealed_is_what_the_auditor_s_program_computes(tmp_path, facts, cut):
    drafts = [
        draft(category, f"fact-{number}", *moved, description=said)
        for number, (category, moved, said, _day) in enumerate(facts)
    ]
    with transaction.atomic():
        for part in (drafts[:cut], drafts[cut:]):
            if part:
                post(part, by=None, now=NOW)
                seal(now=NOW)
        told = as_lines()
        journal = tmp_path / "journal.jsonl"
        journal.write_text(exported(write_jsonl))
        assert seals_complain(journal, *map(str, Seal.objects.all())) == ""
        assert [row["description"] for row in told if "entry" in row] == list(
            JournalEntry.objects.values_list("description", flat=True)
        )
        transaction.set_rollback(True)


def test_the_auditor_s_program_says_what_it_has_seen(tmp_path):
    november()
    last = seal(now=NOW)
    book("liquidation_fee", "late", "1 USDT")
    journal = tmp_path / "journal.jsonl"
    journal.write_text(exported(write_jsonl))
    run = [sys.executable, "-I", ROOT / "docs" / "check_seals.py"]
    told = subprocess.run([*run, journal], capture_output=True, text=True, check=True).stdout
    assert told == f"8 entries under 1 seals, 1 not sealed yet; the latest is {last}\n"
    assert subprocess.run(run, capture_output=True, text=True).returncode == 1
