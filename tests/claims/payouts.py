"""A desk that owes money: claims approved, bonuses granted; and treasury, who answers in CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from decimal import Decimal
from io import StringIO
from pathlib import Path

from claims import treasury, workflow
from claims.models import Award, Bonus, PayoutBatch, PayoutLine
from claims.settlement import balances
from ledger.models import JournalEntry
from tests import factories as make
from tests.factories import NOW

AWARD, BONUS = Decimal("35.50"), Decimal(20)


class Desk:
    """Each of these customers is owed an award of 35.50 USDT and a bonus of 20 USDT."""

    def __init__(self, *codes: str, tmp_path: Path):
        self.folder, self.incident = tmp_path, make.incident()
        self.ana, self.aude = make.staff("ana", "agent"), make.staff("aude", "auditor")
        self.mia, self.max = make.staff("mia", "manager"), make.staff("max", "manager")
        make.quotes("BTCUSDT", ("14:09", "16530.00", "16530.10"), ("14:34:10", "16571.00", "16571.10"))
        self.claims = {code: make.claim(self.incident, code) for code in codes}
        for code in codes:
            make.order(f"order-{code}", code)
        workflow.assess_now(self.incident, now=NOW)
        assert workflow.approve_all(self.incident, by=self.mia, now=NOW).errors == []
        workflow.grant_bonuses(self.incident, by=self.mia, now=NOW)

    def propose(self, **more) -> PayoutBatch:
        return workflow.propose_payout(self.incident, "USDT", **({"by": self.mia, "now": NOW} | more))

    def release(self, batch: PayoutBatch, **more) -> PayoutBatch:
        words = {"typed_total": f"{batch.total.normalize():f} USDT", "by": self.max, "now": NOW}
        return workflow.release_payout(batch, **(words | more))

    def released(self, **more) -> PayoutBatch:
        return self.release(self.propose(**more))

    def file(self, rows: Iterable[dict], name: str = "confirmation.csv") -> Path:
        """Treasury's answer as a file."""
        text = StringIO()
        writer = csv.DictWriter(text, ["line", "status", "reference", "reason"])
        writer.writeheader()
        writer.writerows(rows)
        path = self.folder / name
        path.write_text(text.getvalue())
        return path

    def confirm(self, batch: PayoutBatch, *rows: dict, **more) -> dict:
        return workflow.confirm_payout(batch, self.file(rows), **({"by": self.max, "now": NOW} | more))


def paid(batch: PayoutBatch, number: int, reference: str = "") -> dict:
    return {"line": f"{batch}/{number}", "status": "paid", "reference": reference or f"TX-{number}"}


def failed(batch: PayoutBatch, number: int, reason: str = "account closed") -> dict:
    return {"line": f"{batch}/{number}", "status": "failed", "reason": reason}


def all_paid(batch: PayoutBatch) -> list[dict]:
    return [paid(batch, number) for number in range(1, batch.line_count + 1)]


def lines(batch: PayoutBatch) -> list[tuple]:
    rows = batch.lines.order_by("number")
    return list(rows.values_list("number", "claim__customer__code", "account", "amount", "status", "said"))


def payments() -> dict[str, Decimal]:
    """What the books say was paid: reference and amount."""
    entries = JournalEntry.objects.filter(reference__regex="/paid(-[0-9]+)?$").order_by("pk")
    return dict(entries.values_list("reference", "transfers__amount"))


def standing() -> dict[str, Decimal]:
    """Those payments that did not come back."""
    back = set(JournalEntry.objects.filter(reverses__isnull=False).values_list("reverses__reference", flat=True))
    return {reference: amount for reference, amount in payments().items() if reference not in back}


def owed() -> Decimal:
    """What the books say is approved and not yet paid, in USDT."""
    [(_available, committed)] = balances(["USDT"]).values()
    return committed


def unpaid() -> Decimal:
    """The same by the desk's own rows: what is granted, less what is in a paid line."""
    granted = sum((row.amount for rows in (Award, Bonus) for row in rows.objects.all()), Decimal(0))
    return granted - sum((line.amount for line in PayoutLine.objects.filter(status="paid")), Decimal(0))


def to_treasury(batch: PayoutBatch) -> list[list[str]]:
    """The file that treasury gets, as rows."""
    return list(csv.reader(b"".join(treasury.hand_out(batch, now=NOW)).decode().splitlines()))
