"""Verify the books: every law of theirs, and that they are what was decided. Each run is kept, whoever asked for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from time import monotonic

from claims import gate, reports, settlement
from claims.settlement import Progress, Verification
from jobs.models import Job
from jobs.queue import AT_MOST, enqueue

PERMISSION = "ledger.add_verification"
VERIFY_AT_MOST = timedelta(minutes=14)  # one piece of work, one view of the books: some 20,000,000 transfers


def verify(*, by, now: datetime, kept: Sequence[str] = (), progress: Progress | None = None) -> Verification:
    """Verify everything, now and here; the run with its problems, kept. `by` is who asked, None the house itself.

    `kept`: seals as `number:hash` that somebody wrote down earlier; they must still be links of the chain. Raises Refused
    without the permission. What is posted meanwhile is not looked at: all questions see the books of one moment.
    """
    if by is not None:
        gate.may(by, PERMISSION)
    began = monotonic()
    with settlement.one_moment() as moment:
        findings = settlement.broken_laws(moment, kept=kept, also=reports.unposted_or_mismatched, progress=progress)
        checked = settlement.checked() | reports.counted()
        seal = settlement.last_seal()
    ended_at = now + timedelta(seconds=monotonic() - began)
    return settlement.keep_verification(findings, checked, seal=seal, by=by, started_at=now, finished_at=ended_at)


def request(*, by, now: datetime) -> Job:
    """Ask for a verification that a worker carries out; the one that is asked for already, if it has not ended."""
    if by is not None:
        gate.may(by, PERMISSION)
    for waiting in Job.objects.unfinished().filter(task="claims.tasks.verify"):
        return waiting
    argument = {"by": by and by.pk, AT_MOST: int(VERIFY_AT_MOST.total_seconds())}
    return enqueue(
        key=f"verify-{now:%Y%m%dT%H%M%S.%f}", task="claims.tasks.verify", argument=argument, total=1, now=now
    )


def latest_job() -> Job | None:
    """The work that was asked for last, whether it waits, runs or has ended; None if nobody ever asked."""
    return Job.objects.filter(task="claims.tasks.verify").order_by("-created_at", "-pk").first()


def seal_and_request(*, now: datetime) -> Job:
    """Seal whatever has no seal yet, however late it committed, and then ask for a verification."""
    settlement.seal_everything(now=now)
    return request(by=None, now=now)
