"""What keeps the books honest, on screen: the runs of the verification, the latest seal, and what waits for the next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.utils.translation import gettext_lazy as _

from ledger.models import Verification
from ledger.sealing import HORIZON

UNSEALED = f"""
    SELECT count(*), min(posted_at) FROM ledger_journalentry entry
     WHERE id >= ({HORIZON}) AND NOT EXISTS (SELECT FROM ledger_sealing WHERE entry_id = entry.id)
"""  # noqa: S608 our own text
KINDS = {
    "entries": _("entries"),
    "transfers": _("transfers"),
    "seals": _("seals"),
    "unsealed": _("not sealed yet"),
    "awards": _("awards"),
    "bonuses": _("bonuses"),
    "liquidations": _("liquidations"),
}


@dataclass(frozen=True)
class Run:
    """A verification as its page tells it."""

    kept: Verification

    @property
    def took(self) -> timedelta:
        """To the millisecond."""
        took = self.kept.finished_at - self.kept.started_at
        return took - timedelta(microseconds=took.microseconds % 1000)

    @property
    def checked(self) -> list[tuple[object, int]]:
        """How much was looked at: (what, how many)."""
        kinds = {kind: place for place, kind in enumerate(KINDS)}
        counted = sorted(self.kept.checked.items(), key=lambda one: kinds.get(one[0], len(kinds)))
        return [(KINDS.get(kind, kind), number) for kind, number in counted]


@dataclass(frozen=True)
class Unsealed:
    """Entries that have no seal yet, as an ordinary sealing looks for them, and when the oldest was posted."""

    count: int
    since: datetime | None


def unsealed() -> Unsealed:
    with connection.cursor() as cursor:
        cursor.execute(UNSEALED)
        return Unsealed(*cursor.fetchone())
