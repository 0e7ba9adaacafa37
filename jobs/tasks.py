"""What the engine room itself asks of the workers."""

from __future__ import annotations

from django.utils import timezone

from jobs import pulse, queue


def beat() -> None:
    """Every minute, by whichever worker is free: who is alive."""
    pulse.survey(now=timezone.now())


def begin(**_signal: object) -> None:
    """A worker that has just started says so, and hands out what its predecessor left: nobody waits minutes for either.

    It is the only one of its cluster: what is in this cluster's hands was in those of a process that is no more.
    """
    now = timezone.now()
    pulse.beat(pulse.here(), now=now)
    queue.sweep(gone=[pulse.here()], now=now)
