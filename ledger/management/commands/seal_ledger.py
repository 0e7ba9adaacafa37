"""`seal_ledger`: seal what was posted and has no seal yet, now; the workers do it every minute."""

from __future__ import annotations

from django.utils import timezone

from jobs.console import PortalCommand
from ledger import sealing


class Command(PortalCommand):
    help = "Seal every entry that has no seal yet. Run again it makes no other seal."

    def act(self, **_options):
        made = sealing.seal(now=timezone.now(), everything=True)
        if made is None:
            return {"number": None, "hash": None, "entries": 0}
        return {"number": made.number, "hash": made.hash, "entries": made.entry_count}
