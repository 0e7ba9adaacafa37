"""`verify_ledger`: do the books keep every law, and are they what was decided? Exit 1 if not."""

from __future__ import annotations

from claims import settlement
from claims.reports import counted, unposted_or_mismatched
from jobs.console import PortalCommand


class Command(PortalCommand):
    help = "Check every law of the books from the stored rows, and every award and bonus against its entry."

    def act(self, **_options):
        problems = [*settlement.broken_laws(), *unposted_or_mismatched()]
        return {"ok": not problems, "checked": settlement.checked() | counted(), "problems": problems}
