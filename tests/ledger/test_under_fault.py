"""Clerks in processes of their own post at random, and one after the other is killed. What they were told is in the books."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from random import Random

import psycopg
import pytest
from django.db import connection
from django.db.models import F, Sum

from config import database
from ledger import sealing
from ledger.journal import AVAILABLE, COMPANY_TOPUP, Move
from ledger.models import Balance, JournalEntry, Sealing, Transfer
from ledger.posting import available, balance, post
from ledger.verification import problems
from tests.ledger.books import NOW, book
from tests.ledger.clerks import ROOT, draft, hiring
from tests.together import Person, wait_for_waiting, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

CLERKS, DEATHS = 8, 10


def diary(folder: Path, sign: str) -> set[str]:
    """What the clerks wrote: `?` asked for, `+` acknowledged to them, `-` rolled back."""
    lines = (line.split(" ") for file in folder.glob("*.diary") for line in file.read_text().splitlines())
    return {reference for found, reference in lines if found == sign}


def moves() -> dict[str, tuple[Move, ...]]:
    """What the books say: the moves of each entry by its reference, in the order of the entries."""
    told: dict[str, tuple[Move, ...]] = defaultdict(tuple)
    for reference, *move in Transfer.objects.order_by("entry", "line").values_list(
        "entry__reference", "debit__name", "credit__name", "amount", "asset_id"
    ):
        told[reference] += (Move(*move),)
    return told


def nobody_else_is_here() -> bool:
    """Whether the last session of a killed clerk is gone, with whatever it still carried out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend' AND state <> 'idle'"
        )
        return cursor.fetchone() == (0,)


def walk(told: dict[str, tuple[Move, ...]]) -> Iterator[tuple[str, str, Decimal]]:
    """After each entry what is available of each asset that it moves: (reference, asset, available)."""
    fund: dict[str, Decimal] = defaultdict(Decimal)
    for reference, entry in told.items():
        for move in entry:
            fund[move.asset] += move.amount * ((move.debit in AVAILABLE) - (move.credit in AVAILABLE))
        yield from ((reference, asset, fund[asset]) for asset in {move.asset for move in entry})


def kept() -> dict[tuple[str, str], Decimal]:
    """Debits less credits of each account as the database keeps them."""
    rows = Balance.objects.values_list("account__name", "account__asset").annotate(
        balance=Sum(F("debits") - F("credits"))
    )
    return {(name, asset): balance for name, asset, balance in rows}


def added_up(told: dict[str, tuple[Move, ...]]) -> dict[tuple[str, str], Decimal]:
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for move in (move for entry in told.values() for move in entry):
        sums[move.debit, move.asset] += move.amount
        sums[move.credit, move.asset] -= move.amount
    return dict(sums)


def test_clerks_are_killed_at_their_work_and_the_books_have_what_each_was_told(hire: Callable, tmp_path: Path):
    chance, stop = Random(4), tmp_path / "stop"

    def clerk(number: int):
        return hire("work", f"clerk-{number}", tmp_path / f"{number}.diary", stop)

    def wait_for_work_of(number: int) -> None:
        file = tmp_path / f"{number}.diary"
        wait_until(lambda: file.exists() and "+" in file.read_text(), f"clerk {number} posts")

    clerks = {number: clerk(number) for number in range(CLERKS)}
    for each in clerks.values():
        each.ready().go()
    for number in range(CLERKS, CLERKS + DEATHS):
        clerks[number] = clerk(number)  # comes in while the victim still works
        victim = chance.choice(sorted(set(clerks) - {number}))
        wait_for_work_of(victim)
        clerks.pop(victim).killed()
        sealing.seal(now=NOW)  # what has been committed by now; the rest is sealed later
        clerks[number].ready().go()
    for number in clerks:
        wait_for_work_of(number)
    stop.touch()
    assert [each.left() for each in clerks.values()] == [0] * CLERKS
    wait_until(nobody_else_is_here, "the last session ends")

    told = moves()
    asked, acknowledged, rolled_back = (diary(tmp_path, sign) for sign in "?+-")
    top_ups = {reference for reference in told if "/topup-" in reference}
    assert acknowledged - set(told) == set()
    assert set(told) - top_ups - asked == set()
    assert {reference for reference in rolled_back - acknowledged if not reference.startswith("all/")} & set(
        told
    ) == set()
    assert JournalEntry.objects.count() == len(told)
    assert [reference for reference in set(told) - top_ups if told[reference] != draft(reference).moves] == []
    assert {reference.rpartition("/topup-")[0] for reference in top_ups} - set(told) == set()
    assert kept() == added_up(told)
    assert [step for step in walk(told) if step[2] < 0] == []
    assert len(acknowledged) > 100 and rolled_back and top_ups  # it was a working day

    sealing.seal(now=NOW, everything=True)
    assert Sealing.objects.count() == len(told)
    assert problems() == []


def test_a_clerk_who_dies_before_the_commit_has_posted_nothing_and_whoever_waited_for_the_twin_posts_it(hire: Callable):
    dying = hire("hesitate", "all/1").ready()
    dying.go()
    assert dying.said().startswith("posted")
    assert not JournalEntry.objects.exists()
    twin = Person(lambda: post([draft("all/1")], by=None, now=NOW)["all/1"])
    wait_for_waiting(1)
    dying.killed()
    assert twin.finished() == JournalEntry.objects.exclude(category="company_topup").get()
    assert problems() == []


def test_a_clerk_who_dies_with_the_funds_lock_in_hand_gives_it_back(hire: Callable):
    book("seed_capital", "seed", "100 USDT")
    taking = next(f"take/{n}" for n in range(99) if _takes(f"take/{n}", "USDT"))
    dying = hire("hesitate", taking).ready()
    dying.go()
    assert dying.said().startswith("posted")
    taker = Person(lambda: book("outage_compensation", "award", "130 USDT"))
    wait_for_waiting(1)
    dying.killed()
    assert taker.finished().reference == "award"
    assert list(JournalEntry.objects.values_list("reference", flat=True)) == ["seed", "award/topup-USDT", "award"]
    assert (available("USDT"), balance(COMPANY_TOPUP, "USDT")) == (0, -30)
    assert problems() == []


def _takes(reference: str, asset: str) -> bool:
    return [(move.asset, move.credit in AVAILABLE) for move in draft(reference).moves] == [(asset, True)]


# --- the database itself


@pytest.fixture
def own_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """A PostgreSQL of this test alone, with empty books: the environment of whoever works with it."""
    folder = tmp_path / "var"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("VAR_DIR", str(folder))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    env = dict(os.environ)
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity=0"], cwd=ROOT, env=env, check=True)
    yield env
    home = (folder / "postgres").resolve()
    database.stop()
    shutil.rmtree(home, ignore_errors=True)


def test_what_was_acknowledged_survives_a_killed_session_of_the_database(own_cluster: dict[str, str], tmp_path: Path):
    with hiring(own_cluster) as hire:
        clerks = [
            hire("work", f"clerk-{number}", tmp_path / f"{number}.diary", tmp_path / "stop") for number in range(2)
        ]
        hesitating = hire("hesitate", "never/committed")
        for clerk in clerks:
            clerk.ready().go()
        wait_until(lambda: len(diary(tmp_path, "+")) > 50, "the clerks post")
        hesitating.ready().go()
        [said, session] = hesitating.said().split()
        assert said == "posted"
        os.kill(int(session), signal.SIGKILL)  # the server ends every session, and recovers from what it has written
        hesitating.go()  # to the commit
        assert [clerk.left() for clerk in (*clerks, hesitating)] == [1, 1, 1]
    wait_until(database.is_running, "the database is back")

    with psycopg.connect(database.url()) as server:
        booked = {reference for (reference,) in server.execute("SELECT reference FROM ledger_journalentry")}
    assert diary(tmp_path, "+") - booked == set()
    assert "never/committed" not in booked
    assert booked - {reference for reference in booked if "/topup-" in reference} - diary(tmp_path, "?") == set()
    with hiring(own_cluster) as hire:
        auditor = hire("verify").ready()
        auditor.go()
        assert json.loads(auditor.said()) == []
