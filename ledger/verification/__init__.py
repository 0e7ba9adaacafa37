"""Do the books still keep every law? From the stored rows and the database's own catalogue alone, trusting no code of ours.

Each check is a query for what breaks one law; nothing found is the good answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection, transaction

from ledger.models import JournalEntry, Seal, Sealing, Transfer, Verification
from ledger.verification.chain import CHAIN, kept_seals
from ledger.verification.guards import guards
from ledger.verification.rows import LAWS

IN_WORDS = 1000  # problems that are told one by one; beyond, they are counted
MEMORY = (
    "64MB"  # of one sort or hash, until the transaction ends: a million transfers are compared without going to disk
)
Progress = Callable[[int, int], None]  # checks done, checks in all


@dataclass
class Findings:
    """What is wrong, as 'reference: what is wrong': the first thousand in words, and how many in all."""

    words: list[str] = field(default_factory=list)
    count: int = 0

    def add(self, problems: Iterable[str]) -> None:
        for problem in problems:
            self.count += 1
            if len(self.words) < IN_WORDS:
                self.words.append(problem)

    def more(self, count: int) -> None:
        """So many that nobody put into words."""
        self.count += count


@contextmanager
def one_moment() -> Iterator[None]:
    """All questions see the books of one moment, whatever is posted meanwhile; inside a caller's transaction, the caller's."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SELECT set_config('work_mem', %s, true), set_config('jit', 'off', true)", [MEMORY])
        yield


def broken_laws(*, kept: Sequence[str] = (), progress: Progress | None = None) -> Findings:
    """Every broken law; nothing in sound books. `kept`: seals as `number:hash` that must still be links of the chain."""
    findings = Findings()
    laws = (*LAWS, *CHAIN)
    for done, law in enumerate(laws):
        if progress:
            progress(done, len(laws) + 1)
        _ask(law, findings)
    findings.add(kept_seals(kept))
    findings.add(guards())
    if progress:
        progress(len(laws) + 1, len(laws) + 1)
    return findings


def problems() -> list[str]:
    """Every broken law in words; none in sound books."""
    return broken_laws().words


def _ask(law: str, findings: Findings) -> None:
    with connection.cursor() as cursor:
        asked = f"SELECT *, count(*) OVER () FROM ({law}) AS found (reference, wrong) LIMIT {IN_WORDS}"  # noqa: S608
        cursor.execute(asked.replace("%", "%%"), [])  # pghistory may add parameters of its own
        rows = cursor.fetchall()
    findings.add(f"{reference}: {wrong}" for reference, wrong, _count in rows)
    if rows:
        findings.more(rows[0][-1] - len(rows))


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
