"""What the engine room itself asks of the workers."""

from __future__ import annotations

from django.utils import timezone

from jobs import pulse


def beat() -> None:
    """Every minute, by whichever worker is free: who is alive."""
    pulse.survey(now=timezone.now())


def begin(**_signal: object) -> None:
    """A worker that has just started says so: nobody waits a minute to be seen."""
    pulse.beat(pulse.here(), now=timezone.now())
