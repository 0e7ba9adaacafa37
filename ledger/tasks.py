"""The queue's door to the books."""

from __future__ import annotations

from django.utils import timezone

from ledger import sealing


def seal() -> None:
    """Every minute: seal what was posted since."""
    sealing.seal(now=timezone.now())
