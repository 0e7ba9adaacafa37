"""Clerks who post in processes of their own: `python -m tests.ledger.clerks ERRAND …`, on the database of DATABASE_URL.

Each says "ready" and begins when a line comes in. What a reference stands for follows from the reference alone, so whoever
reads the books afterwards knows what each entry has to say.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import count
from pathlib import Path
from random import Random

import django

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()

from django.contrib.auth.models import User
from django.db import OperationalError, connection, transaction

from ledger import closing, journal
from ledger.journal import Draft
from ledger.posting import PostingError, post
from ledger.verification import problems
from tests.ledger.books import DAY, NOW

ROOT = Path(__file__).resolve().parent.parent.parent
KINDS = (
    *[journal.FEE_RECEIVED] * 4,
    journal.SURPLUS_RECEIVED,
    journal.COMPENSATION_APPROVED,
    journal.GOODWILL_GRANTED,
    journal.LOSS_COVERED,
)
ASSETS = ("USDT", "BTC", "KORU")  # the last one is met here for the first time
EVERYBODYS = 150  # references that any clerk may post
DEADLOCK = "deadlock detected"


def draft(reference: str) -> Draft:
    """What the reference stands for, whoever posts it."""
    chance = Random(reference)
    kind = chance.choice(KINDS)
    moves = (
        kind.move(Decimal(chance.randint(1, 100_000)) / 100, asset)
        for asset in chance.sample(ASSETS, chance.choice((1, 1, 2)))
    )
    return Draft(reference, kind.category, DAY, f"As {reference} says", tuple(moves))


def references(chance: Random, name: str) -> Iterator[str]:
    """Own ones, one after the other, and now and then one that is everybody's."""
    for number in count():
        yield f"all/{chance.randrange(EVERYBODYS)}" if chance.random() < 0.2 else f"{name}/{number}"


def say(*words: object) -> None:
    print(*words, flush=True)


def wait_for_word() -> None:
    sys.stdin.readline()


# --- how one is sent


class Clerk:
    """One process of tests/ledger/clerks.py. It is ready when this returns, and begins with `go`."""

    def __init__(self, env: dict[str, str], errand: str, *arguments: object) -> None:
        command = [sys.executable, "-m", "tests.ledger.clerks", errand, *map(str, arguments)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )

    def ready(self) -> Clerk:
        assert self.said() == "ready"
        return self

    def go(self) -> None:
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def said(self) -> str:
        """The next line; waits for it. Empty when there is none, and none will come."""
        return self.process.stdout.readline().rstrip("\n")

    def killed(self) -> None:
        """As by a power cut."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def left(self) -> int:
        """How it ended by itself."""
        return self.process.wait(timeout=120)


@contextmanager
def hiring(env: dict[str, str]) -> Iterator[Callable[..., Clerk]]:
    """`hire("same", 1, 300)`: a clerk who starts up meanwhile; wait for them with `.ready()`. Nobody stays after the block."""
    hired: list[Clerk] = []

    def hire(errand: str, *arguments: object) -> Clerk:
        hired.append(Clerk(env, errand, *arguments))
        return hired[-1]

    try:
        yield hire
    finally:
        for clerk in hired:
            clerk.process.kill()
            clerk.process.communicate()


# --- errands


class GivesUp(Exception):
    """A transaction that somebody rolls back."""


def work(name: str, diary: str, until: str) -> None:
    """Post at random until a file is there. The diary has `? reference` before, `+` once it is committed, `-` if given up."""
    chance = Random(name)
    more = references(chance, name)
    with Path(diary).open("a", buffering=1) as told:

        def tell(sign: str, batches: list[list[str]]) -> None:
            told.write("".join(f"{sign} {reference}\n" for batch in batches for reference in batch))

        while not Path(until).exists():
            batches = [
                list(dict.fromkeys(next(more) for _ in range(chance.choice((1, 1, 1, 2, 20)))))
                for _ in range(chance.choice((1, 1, 1, 3)))
            ]
            tell("?", batches)
            tell("+" if _posted(batches, gives_up=len(batches) > 1 and chance.random() < 0.4) else "-", batches)


def _posted(batches: list[list[str]], *, gives_up: bool) -> bool:
    """One batch is a commit by itself, several are one transaction. A caller who met another head on has posted nothing."""
    try:
        if len(batches) == 1:
            post(list(map(draft, batches[0])), by=None, now=NOW)
            return True
        with transaction.atomic():
            for batch in batches:
                post(list(map(draft, batch)), by=None, now=NOW)
            if gives_up:
                raise GivesUp
    except GivesUp:
        return False
    except OperationalError as error:
        if DEADLOCK not in str(error):
            raise
        return False
    return True


def same(seed: str, size: str) -> None:
    """Post the drafts that everybody posts, in an order of one's own: the ids by reference."""
    drafts = [draft(f"same/{number}") for number in range(int(size))]
    Random(seed).shuffle(drafts)
    say(json.dumps({reference: entry.pk for reference, entry in post(drafts, by=None, now=NOW).items()}))


def hesitate(reference: str) -> None:
    """Post, say so with the number of the database's process, and commit when told."""
    with transaction.atomic():
        post([draft(reference)], by=None, now=NOW)
        say("posted", connection.connection.info.backend_pid)
        wait_for_word()
    say("committed")


def close(period: str, name: str) -> None:
    try:
        closed = closing.close(int(period), by=User.objects.get(username=name), now=NOW)
        say("closed by", closed.closed_by)
    except closing.ClosingError as refusal:
        say(refusal)


def verify() -> None:
    say(json.dumps(problems()))


ERRANDS = {errand.__name__: errand for errand in (work, same, hesitate, close, verify)}


def main(errand: str, *arguments: str) -> None:
    connection.ensure_connection()
    say("ready")
    wait_for_word()
    try:
        ERRANDS[errand](*arguments)
    except PostingError as refusal:
        say("refused:", refusal)


if __name__ == "__main__":
    main(*sys.argv[1:])
