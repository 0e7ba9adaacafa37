"""Do the books still keep every law? From the stored rows and the database's own catalogue alone, trusting no code of ours.

Each check is a query for what breaks one law; nothing found is the good answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from itertools import islice

from django.db import connection
from django.db.backends.utils import CursorWrapper

from ledger.models import JournalEntry, Seal, Sealing, Transfer, Verification
from ledger.moment import snapshot
from ledger.verification.chain import CHAIN, kept_seals
from ledger.verification.guards import guards
from ledger.verification.rows import LAWS

IN_WORDS = 1000  # problems that are told one by one; beyond, they are counted
MEMORY = "64MB"  # of one sort or hash: a million transfers are compared without going to disk
NOBODY_ELSE = ""  # a moment that only its own connection sees
Progress = Callable[[int, int], None]  # checks done, checks in all


@dataclass
class Findings:
    """What is wrong, as 'reference: what is wrong': the first thousand in words, and how many in all."""

    words: list[str] = field(default_factory=list)
    count: int = 0

    @classmethod
    def of(cls, problems: Iterable[str]) -> Findings:
        """The problems counted, the first thousand of them kept."""
        problems = iter(problems)
        words = list(islice(problems, IN_WORDS))
        return cls(words, len(words) + sum(1 for _more in problems))

    def take(self, others: Findings) -> None:
        self.words += others.words[: IN_WORDS - len(self.words)]
        self.count += others.count


@contextmanager
def one_moment() -> Iterator[str]:
    """All questions see the books of one moment, whatever is posted meanwhile: its name, for who looks on at it from elsewhere.

    Inside a caller's transaction it is the caller's moment, which nobody else can see: no name.
    """
    with _looking() as cursor:
        if cursor is None:
            yield NOBODY_ELSE
            return
        cursor.execute("SELECT pg_export_snapshot()")
        yield cursor.fetchone()[0]


@contextmanager
def _looking(moment: str = NOBODY_ELSE) -> Iterator[CursorWrapper | None]:
    """`snapshot`, with the memory that it takes to compare whole books."""
    with snapshot(moment) as cursor:
        if cursor is not None:
            cursor.execute("SELECT set_config('work_mem', %s, true)", [MEMORY])
        yield cursor


@contextmanager
def _beside(moment: str, question: Callable[[], Findings]) -> Iterator[Callable[[], Findings]]:
    """What the question finds at that moment, worked out meanwhile on a connection of its own."""

    def asked() -> Findings:
        try:
            with _looking(moment):
                return question()
        finally:
            connection.close()

    if moment == NOBODY_ELSE:
        yield question
        return
    with ThreadPoolExecutor(max_workers=1) as pool:
        yield pool.submit(asked).result


def broken_laws(
    moment: str = NOBODY_ELSE,
    *,
    kept: Sequence[str] = (),
    also: Callable[[], Iterable[str]] = tuple,
    progress: Progress | None = None,
) -> Findings:
    """Every broken law of the books at a moment; nothing in sound books. The chain of seals is recomputed beside the rest.

    `kept`: seals as `number:hash` that must still be links of the chain; `also`: what else whoever asks holds against the books.
    """
    findings = Findings()
    questions: list[Callable[[], Findings]] = [
        *(partial(_broken, law) for law in LAWS),
        lambda: Findings.of(guards()),
        lambda: Findings.of(also()),
    ]
    with _beside(moment, partial(_chain, kept)) as chain:
        for done, question in enumerate([*questions, chain]):
            if progress:
                progress(done, len(questions) + 1)
            findings.take(question())
    if progress:
        progress(len(questions) + 1, len(questions) + 1)
    return findings


def _chain(kept: Sequence[str]) -> Findings:
    """What is wrong with the chain of seals, and with those that somebody kept."""
    findings = Findings()
    for law in CHAIN:
        findings.take(_broken(law))
    findings.take(Findings.of(kept_seals(kept)))
    return findings


def problems() -> list[str]:
    """Every broken law in words; none in sound books."""
    return broken_laws().words


def _broken(law: str) -> Findings:
    with connection.cursor() as cursor:
        asked = f"SELECT *, count(*) OVER () FROM ({law}) AS found (reference, wrong) LIMIT {IN_WORDS}"  # noqa: S608
        cursor.execute(asked.replace("%", "%%"), [])  # pghistory may add parameters of its own
        rows = cursor.fetchall()
    return Findings([f"{reference}: {wrong}" for reference, wrong, _count in rows], rows[0][-1] if rows else 0)


def checked() -> dict[str, int]:
    """How much there is to hold against the laws."""
    entries, sealed = JournalEntry.objects.count(), Sealing.objects.count()
    return {
        "entries": entries,
        "transfers": Transfer.objects.count(),
        "seals": Seal.objects.count(),
        "unsealed": entries - sealed,
    }


def last_seal() -> Seal | None:
    return Seal.objects.first()


def keep(
    findings: Findings, checked: dict[str, int], *, seal: Seal | None, by, started_at: datetime, finished_at: datetime
) -> Verification:
    """Keep a run of these questions: who asked, how much was looked at and what was found."""
    return Verification.objects.create(
        started_at=started_at,
        finished_at=finished_at,
        asked_by=by,
        checked=checked,
        problems=findings.words,
        problem_count=findings.count,
        last_seal=seal,
    )
