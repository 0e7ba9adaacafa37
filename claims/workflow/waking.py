"""A person has work queued again that got stuck (claims/stuck.py); the sweep does the same by itself, every minute."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from claims import gate, inspecting, stuck
from claims.gate import Refused
from claims.workflow.assessing import queue_assessment
from claims.workflow.letters import queue_letters
from jobs.models import Job
from jobs.queue import PERMISSION, retry


@transaction.atomic
def queue_again(kind: str, *, by, hands: int, now: datetime) -> int:
    """Queue again what got stuck of this kind: how much it was. Refused: no permission, or nothing of it is stuck (any more)."""
    permission, wake = KINDS[kind]
    gate.may(by, permission)
    woken = wake(by, hands, now)
    if not woken:
        raise Refused("nothing of it is stuck any more: somebody else or the sweep queued it again")
    return woken


def _claims(by, hands: int, now: datetime) -> int:
    """A run over what waits, an incident at a time."""
    found = stuck.claims(now)
    count = found.count()
    for claim in found.select_related("incident").order_by("incident_id", "pk").distinct("incident_id"):
        queue_assessment(claim.incident, waiting_only=True, hands=hands, by=by, now=now)
    return count


def _letters(by, hands: int, now: datetime) -> int:
    count = stuck.letters(now).count()
    return count if count and queue_letters(now=now) else 0


def _evidence(by, hands: int, now: datetime) -> int:
    """Its job failed or was cancelled: tried again; or there never was one."""
    files = list(stuck.evidence(now))
    found = Job.objects.filter(task="claims.tasks.inspect", argument__evidence__in=[file.pk for file in files])
    jobs = {job.argument["evidence"]: job for job in found}
    for file in files:
        if job := jobs.get(file.pk):
            retry(job, by=by, now=now)
        else:
            inspecting.request_inspection(file, now=now)
    return len(files)


KINDS: dict[str, tuple[str, Callable[..., int]]] = {  # kind -> who may, and how
    "claims": ("claims.assess_claim", _claims),
    "letters": ("claims.send_letter", _letters),
    "evidence": (PERMISSION, _evidence),
}
