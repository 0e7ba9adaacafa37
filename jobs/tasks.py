"""What the engine room itself asks of the workers."""

from __future__ import annotations

import socket

from django.conf import settings
from django.utils import timezone

from jobs import pulse


def beat() -> None:
    """Every minute, by whichever worker is free: its cluster is alive."""
    pulse.beat(f"{settings.Q_CLUSTER['name']}@{socket.gethostname()}"[:100], now=timezone.now())
