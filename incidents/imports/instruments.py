"""Instruments, and the assets they name."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from django.db import transaction

from incidents.imports.taking import NOTHING, done, execute, upsert
from incidents.models import Instrument
from jobs import bulk
from jobs.cells import Column


def _asset(name: str) -> Column:
    expected = "an asset in capital letters and digits, such as USDT"
    return Column(name, pattern="[A-Z0-9]{1,23}", expected=expected)


INSTRUMENTS = (
    Column("symbol", longest=40),
    Column("product", needed=False, blank=True, longest=40),
    Column("margin", choices=tuple(Instrument.Margin.values)),
    _asset("base"),
    _asset("quote"),
    _asset("settle"),
    Column("contract_value", "number", needed=False, blank=True),
    Column("liquidation_fee_rate", "number", needed=False, blank=True),
)


@transaction.atomic
def import_instruments(path: Path, *, now: datetime, progress: bulk.Progress | None = None) -> dict:
    """Create or update instruments by symbol, and the assets they name (new ones are coins: 8 decimals)."""
    batch = bulk.load(path, INSTRUMENTS, progress=progress)
    bulk.lock("instruments")
    if batch.present:
        _check_instruments(batch)
    if batch.refused():
        return batch.result(**NOTHING)
    execute("""
        INSERT INTO incidents_asset (code, decimals)
        SELECT DISTINCT code, 8 FROM bulk_row, LATERAL (VALUES (base), (quote), (settle)) AS a (code) ORDER BY code
            ON CONFLICT DO NOTHING
    """)
    created, updated = upsert(
        "incidents_instrument",
        key=("symbol",),
        values={
            "symbol": ("symbol", "r.symbol"),
            "product": ("product", "coalesce(r.product, 'standard')"),
            "margin": ("margin", "r.margin"),
            "base_id": ("base", "r.base"),
            "quote_id": ("quote", "r.quote"),
            "settle_id": ("settle", "r.settle"),
            "contract_value": ("contract_value", "coalesce(r.contract_value, 1)"),
            "liquidation_fee_rate": ("liquidation_fee_rate", "coalesce(r.liquidation_fee_rate, 0)"),
        },
        source="bulk_row r",
        present=batch.present,
    )
    return done("instruments", path, batch, created=created, updated=updated, now=now)


def _check_instruments(batch: bulk.Batch) -> None:
    batch.check(
        ("settle", "margin = 'linear' AND settle <> quote", "the quote asset: a linear instrument settles in it"),
        ("settle", "margin = 'inverse' AND settle <> base", "the base asset: an inverse instrument settles in it"),
        ("contract_value", "contract_value <= 0", "more than 0"),
        (
            "contract_value",
            "margin = 'inverse' AND contract_value IS NULL",
            "what an inverse contract is worth in US dollars",
        ),
        (
            "liquidation_fee_rate",
            "liquidation_fee_rate < 0 OR liquidation_fee_rate >= 1",
            "a share from 0 to below 1, such as 0.005",
        ),
    )
    batch.once("symbol", ["symbol"], "each symbol once in a file")
