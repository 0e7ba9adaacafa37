"""The facts that everybody posts."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

DAY = date(2022, 12, 20)
SYMBOL, RATE = "BTCUSDT", Decimal("0.005")
BEGIN = datetime(2022, 12, 20, tzinfo=UTC)
COLUMNS = (
    "liquidation_id",
    "symbol",
    "side",
    "price",
    "quantity",
    "fee",
    "liquidated_at",
    "account",
    "bankruptcy_cover",
)
CENT = Decimal("0.01")


def fees(count: int, path: Path) -> Path:
    """A file of so many forced liquidations, each with its fee by the formula: the same numbers give the same file."""
    if not path.exists():
        draft = path.with_suffix(".draft")
        with draft.open("w", newline="") as file:
            lines = csv.writer(file)
            lines.writerow(COLUMNS)
            lines.writerows(map(_liquidation, range(1, count + 1)))
        draft.rename(path)
    return path


def _liquidation(nth: int) -> tuple:
    price = Decimal(16_000 + nth * 7919 % 1000)
    quantity = Decimal(1 + nth * 104_729 % 9000) / 1000
    fee = (price * quantity * RATE).quantize(CENT, ROUND_HALF_UP)
    at = BEGIN + timedelta(milliseconds=700 * nth % 86_400_000)
    return f"{nth}", SYMBOL, ("long", "short")[nth % 2], price, quantity, fee, at.isoformat(), f"A-{nth % 5000}", ""
