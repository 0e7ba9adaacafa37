"""Liquidations in: the facts, and in the same commit what they bring the fund and cost it (S3-3)."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from django.db import transaction
from django.db.models import F

from claims import gate, inflows
from claims.assessment import in_full
from incidents.imports.liquidations import FORCE_ORDERS, import_liquidations

PERMISSION = "ledger.post_journalentry"
PRESETS = (FORCE_ORDERS,)


@transaction.atomic
def take_in(path: Path, *, preset: str = "", timezone: str = "", by=None, now: datetime, progress=None) -> dict:
    """Take in each liquidation of the file once and post it: rows, posted, unchanged, mismatched, rejected, errors, totals.

    `totals` are the fees by asset, `cover` what the fund paid. A fee of nothing is taken in and has no entry. Refused: a person
    without the permission to post (None: the operator at the console); PostingError: what the books refuse.
    """
    if by is not None:
        gate.may(by, PERMISSION)
    found, new = import_liquidations(path, preset=preset, timezone=timezone, now=now, progress=progress)
    rows = new.annotate(asset=F("instrument__settle")).order_by("liquidated_at", "pk")
    fees, covers = inflows.post_liquidations(rows.iterator(), by=by, now=now)
    counts = {"rows": found["rows"], "posted": 0 if found["errors"] else found["rows"] - found["unchanged"]}
    return counts | found | {"totals": in_full(fees), "cover": in_full(covers)}
