"""Seals: every entry gets into the chain, in whatever order commits come, and any later change of it is named."""

import hashlib
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Thread

import pytest
from django.db import connection, transaction

from ledger import sealing
from ledger.models import JournalEntry, Seal, Sealing
from ledger.sealing import seal
from ledger.tasks import seal as seal_task
from ledger.verification import broken_laws, problems
from tests.console import done, portal
from tests.ledger.books import NOW, book, november, undo
from tests.ledger.readers import seals_complain
from tests.together import Person, wait_until, waiting

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]
MINUTE = timedelta(minutes=1)


def execute(sql: str, *params) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        cursor.execute(sql, params or None)


def bend(table: str, sql: str, *params) -> None:
    """Somebody to whom the table belongs puts its triggers at rest and its key away, and does as they please."""
    if table == "ledger_transfer":
        execute("ALTER TABLE ledger_journalentry DROP CONSTRAINT IF EXISTS entry_has_a_first_transfer")
    execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    execute(sql, *params)
    execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def of_the_chain() -> list[str]:
    return [problem for problem in problems() if problem.startswith("seal ") or "is in no seal" in problem]


# --- what a seal is


def netstrings(*fields: object) -> bytes:
    texts = [str(field).encode() for field in fields]
    return b"".join(b"%d:%s," % (len(text), text) for text in texts)


def test_a_seal_is_the_hash_that_the_documentation_says():
    mia_asks = book("seed_capital", "seed-2022", "1000.00 USDT", "0.50000000 BTC", description="种子资金")
    undone = undo("seed-2022", "seed-2022/undone")
    made = seal(now=NOW)
    cash, seed = "Assets:Fund:Cash", "Equity:SeedCapital"
    first = netstrings(
        *(mia_asks.pk, "seed-2022", "seed_capital", "2022-11-16", "种子资金", "", "2022-11-18T09:00:00.000000Z", "", 2),
        *(1, cash, seed, "1000", "USDT"),
        *(2, cash, seed, "0.5", "BTC"),
    )
    second = netstrings(
        *(undone.pk, "seed-2022/undone", "correction", "2022-11-16", "Undoes seed-2022", "seed-2022"),
        *("2022-11-18T09:00:00.000000Z", "", 2),
        *(1, seed, cash, "1000", "USDT"),
        *(2, seed, cash, "0.5", "BTC"),
    )
    root = hashlib.sha256(hashlib.sha256(first).digest() + hashlib.sha256(second).digest()).hexdigest()
    assert (made.number, made.entry_count, made.previous, made.root) == (1, 2, "0" * 64, root)
    fields = (1, "2022-11-18T09:00:00.000000Z", 2, mia_asks.pk, undone.pk, root, "0" * 64)
    assert made.hash == hashlib.sha256(netstrings(*fields)).hexdigest()


def test_each_seal_follows_the_one_before_and_nothing_is_sealed_twice():
    november()
    first = seal(now=NOW)
    assert seal(now=NOW + MINUTE) is None
    late = book("liquidation_fee", "liq/7002", "1 USDT")
    second = seal(now=NOW + 2 * MINUTE)
    assert (second.number, second.previous, second.entry_count, second.first_entry) == (2, first.hash, 1, late.pk)
    assert Sealing.objects.count() == JournalEntry.objects.count() == 9
    assert problems() == []


def test_empty_books_have_no_seal():
    assert seal(now=NOW) is None
    assert seal(now=NOW, everything=True) is None
    assert not Seal.objects.exists()


def test_more_than_a_batch_takes_several_seals(monkeypatch):
    monkeypatch.setattr(sealing, "AT_MOST", 3)
    november()
    assert seal(now=NOW).number == 3
    assert list(Seal.objects.order_by("number").values_list("entry_count", flat=True)) == [3, 3, 2]
    assert problems() == []


def test_an_ordinary_look_goes_an_hour_back_and_the_nights_look_to_the_beginning():
    november()
    seal(now=NOW)
    early = book("liquidation_fee", "liq/early", "1 USDT").pk
    seal(now=NOW + MINUTE)
    book("liquidation_fee", "liq/2", "1 USDT")
    seal(now=NOW + timedelta(hours=2))
    bend("ledger_sealing", "DELETE FROM ledger_sealing WHERE entry_id = %s", early)  # as if it had not committed yet
    book("liquidation_fee", "liq/4", "1 USDT")
    assert seal(now=NOW + timedelta(hours=4)).entry_count == 1
    last = seal(now=NOW + timedelta(hours=5), everything=True)
    assert (last.entry_count, last.first_entry) == (1, early)


def test_one_look_for_unsealed_entries_takes_few_queries(django_assert_num_queries):
    november()
    with django_assert_num_queries(7):  # a savepoint and its release, the lock, from where on, which, the seal, its row
        seal(now=NOW)


def test_the_command_says_the_seal_and_the_minutely_task_finds_nothing_left():
    november()
    said = done("seal_ledger")
    made = Seal.objects.get()
    assert said == {"number": 1, "hash": made.hash, "entries": 8}
    assert done("seal_ledger") == {"number": None, "hash": None, "entries": 0}
    seal_task()
    assert Seal.objects.count() == 1


# --- what changed after it was sealed


@pytest.fixture
def three_seals():
    """Seed capital and two fees under seal 1, a fee under seal 2, and another under seal 3."""
    book("seed_capital", "seed", "1000 USDT")
    for number in (1, 2):
        book("liquidation_fee", f"liq/700{number}", "1 USDT")
    seal(now=NOW)
    for number in (2, 3):
        book("liquidation_fee", f"liq/800{number}", "1 USDT")
        seal(now=NOW + number * MINUTE)
    assert problems() == []
    return list(Seal.objects.order_by("number"))


def test_a_word_changed_in_a_description_is_named_with_its_seal(three_seals):
    bend("ledger_journalentry", "UPDATE ledger_journalentry SET description = 'Agreed' WHERE reference = 'liq/7001'")
    first = three_seals[0]
    span = f"(entries {first.first_entry} to {first.last_entry})"
    assert problems() == [
        f"seal 1: the first broken link of the chain: the content of its 3 entries {span} is not what was sealed"
    ]


@pytest.mark.parametrize(
    "change",
    [
        "category = 'fee_refund'",
        "effective_on = '2022-11-17'",
        "posted_at = posted_at + interval '1 microsecond'",
        "reference = 'liq/8002x'",
        "transfer_count = 2",
    ],
)
def test_any_changed_field_of_an_entry_breaks_its_seal(three_seals, change):
    bend("ledger_journalentry", f"UPDATE ledger_journalentry SET {change} WHERE reference = 'liq/8002'")  # noqa: S608
    [told] = of_the_chain()
    assert told.startswith("seal 2: the first broken link of the chain: the content of its 1 entries")


@pytest.mark.parametrize("change", ["amount = amount + 0.01", "debit_id = credit_id, credit_id = debit_id", "line = 2"])
def test_any_changed_field_of_a_transfer_breaks_its_seal(three_seals, change):
    chosen = "entry_id = (SELECT id FROM ledger_journalentry WHERE reference = 'liq/8003')"
    bend("ledger_transfer", f"UPDATE ledger_transfer SET {change} WHERE {chosen}")  # noqa: S608
    [told] = of_the_chain()
    assert told.startswith("seal 3: the first broken link of the chain: the content of its 1 entries")


def test_an_entry_that_is_gone_is_named(three_seals):
    gone = JournalEntry.objects.get(reference="liq/8002").pk
    execute("ALTER TABLE ledger_sealing DROP CONSTRAINT " + key_of("ledger_sealing", "entry_id"))
    execute("ALTER TABLE ledger_transfer DROP CONSTRAINT " + key_of("ledger_transfer", "entry_id"))
    bend("ledger_transfer", "DELETE FROM ledger_transfer WHERE entry_id = %s", gone)
    bend("ledger_journalentry", "DELETE FROM ledger_journalentry WHERE id = %s", gone)
    assert of_the_chain() == [
        f"seal 2: the first broken link of the chain: sealed 1 entries (entries {gone} to {gone}),"
        f" of which 0 are in the books; gone: {gone}"
    ]


def key_of(table: str, column: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT conname FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]
                WHERE conrelid = %s::regclass AND contype = 'f' AND attname = %s""",
            [table, column],
        )
        return cursor.fetchone()[0]


def test_an_entry_taken_from_under_its_seal_is_named_twice(three_seals):
    bend("ledger_sealing", "DELETE FROM ledger_sealing WHERE seal_id = 2")
    bend(
        "ledger_journalentry",
        "UPDATE ledger_journalentry SET posted_at = '2022-11-18 08:00Z' WHERE reference = 'liq/8002'",
    )
    told = of_the_chain()
    assert told[0].startswith("seal 2: the first broken link of the chain: sealed 1 entries")
    assert told[1] == "liq/8002: is in no seal, though seal 3 was made long after it was posted"


def test_an_entry_moved_under_another_seal_breaks_both(three_seals):
    bend("ledger_sealing", "UPDATE ledger_sealing SET seal_id = 1 WHERE seal_id = 3")
    assert [told.partition(": ")[0] for told in of_the_chain()] == ["seal 1", "seal 3"]


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ("sealed_at = sealed_at + interval '1 second'", "its hash is not that of its own fields"),
        ("entry_count = 2", "its hash is not that of its own fields; sealed 2 entries"),
        ("previous = repeat('ab', 32)", "does not name the hash of the seal before it; its hash is not that"),
        ("root = repeat('ab', 32)", "its hash is not that of its own fields; the content of its 1 entries"),
    ],
)
def test_a_seal_that_was_altered_is_named(three_seals, change, wrong):
    bend("ledger_seal", f"UPDATE ledger_seal SET {change} WHERE number = 2")  # noqa: S608
    assert of_the_chain()[0].startswith(f"seal 2: the first broken link of the chain: {wrong}")


def test_a_seal_whose_hash_was_altered_breaks_the_next_one_too(three_seals):
    bend("ledger_seal", "UPDATE ledger_seal SET hash = repeat('ab', 32) WHERE number = 2")
    assert of_the_chain() == [
        "seal 2: the first broken link of the chain: its hash is not that of its own fields",
        "seal 3: does not name the hash of the seal before it",
    ]


def test_a_seal_that_is_gone_is_named(three_seals):
    execute("ALTER TABLE ledger_sealing DROP CONSTRAINT " + key_of("ledger_sealing", "seal_id"))
    bend("ledger_seal", "DELETE FROM ledger_seal WHERE number = 2")
    assert of_the_chain() == [
        "seal 2: the first broken link of the chain: is not in the books, but 1 entries are under it",
        "seal 3: does not name the hash of the seal before it",
    ]


def rewrite_history() -> None:
    """Somebody who may do anything: forges an entry, takes the whole chain away and seals anew, every hash in order."""
    bend("ledger_journalentry", "UPDATE ledger_journalentry SET description = 'Agreed' WHERE reference = 'liq/7001'")
    bend("ledger_sealing", "DELETE FROM ledger_sealing")
    bend("ledger_seal", "DELETE FROM ledger_seal")
    seal(now=NOW)


def test_only_a_seal_kept_outside_shows_that_the_whole_chain_was_made_anew(three_seals):
    kept = [str(made) for made in three_seals]
    assert broken_laws(kept=kept).words == []
    rewrite_history()
    assert problems() == []
    now_first = str(Seal.objects.get(number=1))
    assert broken_laws(kept=kept).words == [
        f"seal 1: {kept[0]} was kept, and now it is {now_first}: history was rewritten",
        f"seal 2: {kept[1]} was kept, and there is no such seal now: history was cut off or rewritten",
        f"seal 3: {kept[2]} was kept, and there is no such seal now: history was cut off or rewritten",
    ]


def test_the_auditor_gives_the_command_the_seals_that_she_kept(three_seals):
    kept = [str(made) for made in three_seals]
    code, said = portal("verify_ledger", "--seal", kept[0], "--seal", kept[2])
    assert (code, said["seal"], said["problems"]) == (0, kept[2], [])
    forged = "2:" + "ab" * 32
    code, said = portal("verify_ledger", "--seal", forged)
    assert (code, said["problems"]) == (
        1, [f"seal 2: {forged} was kept, and now it is {kept[1]}: history was rewritten"],
    )  # fmt: skip
    assert portal("verify_ledger", "--seal", "2:abc")[1] == {}  # wrong usage


# --- by a program of somebody else's


@pytest.fixture
def complaint(tmp_path):
    """What docs/check_seals.py, which knows nothing of us, says against an export that was changed."""
    journal = tmp_path / "journal.jsonl"

    def found(change: Callable[[str], str] = str) -> str:
        done("export_ledger", "--format", "jsonl", "--output", journal)
        journal.write_text(change(journal.read_text()))
        return seals_complain(journal)

    return found


def test_the_auditors_program_recomputes_what_the_database_hashed(three_seals, complaint):
    book("liquidation_fee", "liq/no-seal-yet", "1 USDT", description="强平手续费 “八千零四”")
    assert complaint() == ""
    seal(now=NOW + 4 * MINUTE)
    assert complaint() == ""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"1000"', '"1001"'),
        ("As agreed", "As agreed?"),
        ("2022-11-16", "2022-11-17"),
        ("Equity:SeedCapital", "Income:CompanyTopup"),
    ],
)
def test_the_auditors_program_names_the_seal_of_a_changed_export(three_seals, complaint, before, after):
    assert complaint(lambda text: text.replace(before, after)).startswith("refused: seal 1: its root is ")


def test_the_auditors_program_misses_an_entry_and_a_seal(three_seals, complaint):
    def without(number: int) -> Callable[[str], str]:
        return lambda text: "".join(line for at, line in enumerate(text.splitlines(keepends=True)) if at != number)

    assert complaint(without(3)) == "refused: seal 2: its entries is 1, the journal makes it 0\n"
    assert complaint(without(6)) == "refused: seal 2: its seal is 3, the journal makes it 2\n"


def test_the_example_of_the_documentation_is_right():
    text = (ROOT / "docs" / "seals.md").read_text()
    lines = [line.strip() for line in text.splitlines() if line.startswith("    1:1,")]
    entry_form, seal_form = (line.encode() for line in lines)
    entry_hash = hashlib.sha256(entry_form)
    assert entry_hash.hexdigest() in text
    assert hashlib.sha256(entry_hash.digest()).hexdigest().encode() in seal_form
    assert f"`1:{hashlib.sha256(seal_form).hexdigest()}`" in text


# --- at the same moment


@pytest.mark.django_db(transaction=True)
def test_what_commits_late_is_sealed_later_and_nobody_waited():
    book("seed_capital", "seed", "1 USDT")  # opens the accounts
    book("liquidation_fee", "liq/first", "1 USDT")
    seal(now=NOW)
    slow = connection.copy()
    slow.set_autocommit(False)
    try:
        with slow.cursor() as cursor:
            cursor.execute(
                "SELECT id FROM ledger_post(ARRAY[%s]::ledger_draft[], NULL, %s)",
                [late_draft(), NOW],
            )
            [late] = cursor.fetchone()
        others = [book("liquidation_fee", f"liq/{number}", "1 USDT").pk for number in range(3)]
        assert late < min(others)
        assert seal(now=NOW).entry_count == 3
        slow.commit()
    finally:
        slow.close()
    third = seal(now=NOW + MINUTE)
    assert (third.number, third.entry_count, third.first_entry, third.last_entry) == (3, 1, late, late)
    assert problems() == []


def late_draft() -> tuple:
    cash, seed = "Assets:Fund:Cash", "Equity:SeedCapital"
    return (1, "slow", "seed_capital", NOW.date(), "Slow to commit", "", 1, 1, cash, seed, 5, "USDT")


@pytest.mark.django_db(transaction=True)
def test_two_sealers_at_once_make_one_seal():
    november()
    start, made = Barrier(6), []

    def run():
        start.wait()
        made.append(seal(now=NOW, everything=True))
        connection.close()

    threads = [Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made, key=bool)[:5] == [None] * 5
    assert Seal.objects.get().entry_count == 8
    assert problems() == []


@pytest.mark.django_db(transaction=True)
def test_who_posts_never_waits_for_who_seals():
    november()
    with transaction.atomic():
        seal(now=NOW)  # and does not commit yet
        other = Person(lambda: book("liquidation_fee", "liq/meanwhile", "1 USDT"))
        assert other.finished().pk
        second = Person(lambda: seal(now=NOW + MINUTE))
        wait_until(lambda: Person(lambda: waiting("pg_advisory_xact_lock")).finished() == 1, "the second sealer waits")
    assert second.finished().entry_count == 1
    assert problems() == []


SEALER = """
import django, os, signal; django.setup()
from django.db import connection, transaction
from django.utils import timezone
from ledger.sealing import seal
with transaction.atomic():
    seal(now=timezone.now())
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.django_db(transaction=True)
def test_a_sealer_killed_before_its_commit_leaves_nothing(command_env):
    november()
    killed = subprocess.run(
        [sys.executable, "-c", SEALER],
        cwd=ROOT,
        env=command_env | {"DJANGO_SETTINGS_MODULE": "config.settings"},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert (Seal.objects.count(), Sealing.objects.count()) == (0, 0)
    assert seal(now=NOW).entry_count == 8
    assert problems() == []
