"""Liquidations in: the facts, and in the same commit what they bring the fund and cost it (S3-3)."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from django.db import transaction
from django.db.models import F

from claims import gate, inflows
from claims.assessment import in_full
from incidents.imports.liquidations import FORCE_ORDERS, import_liquidations

PERMISSIONS = ("ledger.post_journalentry", "incidents.import_liquidation")
PRESETS = (FORCE_ORDERS,)
ON_SCREEN = 5_000  # rows of a file that a page takes, within a second or two
FIGURES = ("posted", "totals", "surplus", "cover", "topup")  # of a result: what a person agrees to


@transaction.atomic
def take_in(
    path: Path,
    *,
    preset: str = "",
    timezone: str = "",
    at_most: int | None = None,
    by=None,
    now: datetime,
    progress=None,
) -> dict:
    """Take in each liquidation of the file once and post it: rows, posted, unchanged, mismatched, rejected, errors, totals.

    `totals` are the fees by asset, `surplus` what was left, `cover` what the fund paid and `topup` what the company brought for
    that. A fee of nothing is taken in and has no entry. Refused: a person without the permissions (None: the operator at the
    console); PostingError: what the books refuse.
    """
    for permission in PERMISSIONS if by is not None else ():
        gate.may(by, permission)
    found, new = import_liquidations(
        path, preset=preset, timezone=timezone, at_most=at_most, now=now, progress=progress
    )
    inflow = inflows.post_liquidations(new.annotate(asset=F("instrument__settle")), by=by, now=now)
    counts = {"rows": found["rows"], "posted": 0 if found["errors"] else found["rows"] - found["unchanged"]}
    sums = {"totals": inflow.fees, "surplus": inflow.surplus, "cover": inflow.covers, "topup": inflow.topups}
    return counts | found | {name: in_full(amounts) for name, amounts in sums.items()}


def take_in_as_seen(path: Path, seen: dict | None, *, by, now: datetime) -> tuple[dict, bool]:
    """The same for a person at a page: done only if it comes to the figures that they saw, and whether it was.

    None: they have seen none yet. Then, as whenever the fund or the facts changed meanwhile, it says what would be done.
    """
    with transaction.atomic():
        found = take_in(path, at_most=ON_SCREEN, by=by, now=now)
        done = not found["errors"] and seen == figures(found)
        transaction.set_rollback(not done)
    return found, done


def figures(found: dict) -> dict:
    return {name: found[name] for name in FIGURES}
