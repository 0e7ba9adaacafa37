"""Forced liquidations: what fee each customer paid, and what the fund covered (S3-3)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from django.db import connection, transaction
from django.db.models import QuerySet

from incidents.imports.taking import UNKNOWN_SYMBOL, but, execute, remember
from incidents.models import Liquidation, Side
from jobs import bulk
from jobs.cells import Column, Reading
from jobs.csv_file import LIMIT, told

LIQUIDATIONS = (
    # It becomes part of a reference in the books.
    Column("liquidation_id", pattern="[A-Za-z0-9._:/#-]+", expected="an id of letters, digits and . _ : / # -"),
    Column("symbol", longest=40),
    Column("side", needed=False, blank=True, choices=tuple(Side.values)),
    Column("price", "number"),
    Column("quantity", "number"),
    Column("fee", "number"),
    Column("liquidated_at", "instant"),
    Column("account", needed=False, blank=True),
    Column("bankruptcy_cover", "number", needed=False, blank=True),
)
FORCE_ORDERS = "binance-forceorders"
# Side is that of the closing order. A recording of the stream has no ids, no fees and no offsets; usd_value is a binary
# float, good for a check and never for money.
RECORDED = (
    Column("liquidated_at", "instant", called="timestamp"),
    Column("symbol", longest=40),
    Column("closing_side", choices=("SELL", "BUY"), called="side"),
    Column("price", "number", called="avg_price"),
    Column("quantity", "number", called="filled_qty"),
    Column("usd_value", "real", needed=False, blank=True),
)
PRESETS: dict[str, dict] = {
    "": {"columns": LIQUIDATIONS},
    FORCE_ORDERS: {"columns": RECORDED, "derived": but(LIQUIDATIONS, RECORDED)},
}
# rules §5: linear = price × quantity × rate in the settlement asset, inverse = quantity × rate in the coin.
FEE = "round(CASE i.margin WHEN 'linear' THEN r.price ELSE 1 END * r.quantity * i.liquidation_fee_rate, a.decimals)"
TRADED = """
    FROM bulk_row r JOIN incidents_instrument i ON i.symbol = r.symbol JOIN incidents_asset a ON a.code = i.settle_id
"""


@transaction.atomic
def import_liquidations(
    path: Path, *, preset: str = "", timezone: str = "", now: datetime, progress: bulk.Progress | None = None
) -> tuple[dict, QuerySet[Liquidation]]:
    """Take in each liquidation once: rows, unchanged, mismatched, rejected, errors, mismatches; and the new ones.

    A recorded fee that is not the formula's counts as recorded and is listed under mismatches. Of binance-forceorders the fee
    is the formula's, by the instrument's rate, and the id is made of the row's content.
    """
    if preset == FORCE_ORDERS and not timezone:
        batch = bulk.Batch(
            ["a recording of force orders does not say what clock its times are of: state it (--timezone UTC)"]
        )
    else:
        batch = bulk.load(path, **PRESETS[preset], reading=Reading(timezone), progress=progress)
    bulk.lock("liquidations")
    if batch.present:
        batch.refuse(UNKNOWN_SYMBOL)
        if preset == FORCE_ORDERS:
            _derive(batch)
        _check(batch, recorded_fee=preset != FORCE_ORDERS)
    if batch.refused():
        return batch.result(unchanged=0, mismatched=0), Liquidation.objects.none()
    count, mismatches = _mismatches()
    new = _add()
    result = batch.result(unchanged=batch.rows - len(new), mismatched=count, mismatches=mismatches)
    remember(
        "liquidations", path, batch, {k: v for k, v in result.items() if k != "mismatches"}, changed=bool(new), now=now
    )
    return result, Liquidation.objects.filter(pk__in=new)


def _derive(batch: bulk.Batch) -> None:
    """What a recording leaves out: the position's side, an id that the same row always gets, and the fee.

    Rows that are alike in everything are told apart by their number among each other.
    """
    batch.check(
        (
            "usd_value",
            "abs(price * quantity - usd_value::numeric) > 0.000001 * price * quantity",
            "avg_price × filled_qty",
        )
    )
    batch.refuse("""
        SELECT line, 'symbol', 'an instrument with a liquidation_fee_rate: this file records no fees'
          FROM bulk_row JOIN incidents_instrument USING (symbol) WHERE liquidation_fee_rate = 0
    """)
    execute("""
        UPDATE bulk_row r SET side = CASE closing_side WHEN 'SELL' THEN 'long' ELSE 'short' END, liquidation_id = (
            SELECT 'bfo-' || left(encode(sha256(convert_to(alike.text, 'UTF8')), 'hex'), 24) || '-' || alike.number
        ) FROM (
            SELECT line, text, row_number() OVER (PARTITION BY text ORDER BY line) AS number
              FROM (SELECT line, concat_ws('|', to_char(liquidated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), symbol,
                           closing_side, trim_scale(price), trim_scale(quantity)) AS text FROM bulk_row) AS said
        ) AS alike
         WHERE alike.line = r.line
    """)
    execute(f"""
        UPDATE bulk_row SET quantity = coin.quantity, fee = coin.fee FROM (
            SELECT r.line, r.quantity, {FEE} AS fee {TRADED} WHERE r.price > 0 AND r.quantity > 0
        ) AS coin WHERE coin.line = bulk_row.line
    """)  # noqa: S608 our own text


def _check(batch: bulk.Batch, *, recorded_fee: bool) -> None:
    batch.check(
        ("price", "price <= 0", "more than 0"),
        ("quantity", "quantity <= 0", "more than 0"),
        ("fee", "fee < 0", "0 or more"),
        ("bankruptcy_cover", "bankruptcy_cover < 0", "0 or more"),
    )
    batch.once("liquidation_id", ["liquidation_id"], "each liquidation once in a file")
    for name in ("fee", "bankruptcy_cover"):
        batch.refuse(f"""
            SELECT r.line, '{name}', 'at most ' || a.decimals || ' decimals, as ' || a.code || ' has' {TRADED}
             WHERE r.{name} <> round(r.{name}, a.decimals)
        """)  # noqa: S608
    same = "l.price, l.quantity, l.liquidated_at, l.bankruptcy_cover" + (", l.fee" if recorded_fee else "")
    said = "r.price, r.quantity, r.liquidated_at, coalesce(r.bankruptcy_cover, 0)" + (", r.fee" if recorded_fee else "")
    batch.refuse(f"""
        SELECT r.line, 'liquidation_id', 'the facts that it is in the books with: ' || i.symbol || ', price '
               || trim_scale(l.price) || ', quantity ' || trim_scale(l.quantity) || ', fee ' || trim_scale(l.fee) || ', cover '
               || trim_scale(l.bankruptcy_cover) || '; the books are corrected by a reversing entry'
          FROM bulk_row r JOIN incidents_liquidation l USING (liquidation_id)
          JOIN incidents_instrument i ON i.id = l.instrument_id
         WHERE (i.symbol, {same}) IS DISTINCT FROM (r.symbol, {said})
    """)  # noqa: S608


def _mismatches() -> tuple[int, list[str]]:
    """How many recorded fees are not the formula's, and the first thousand of them in words."""
    with connection.cursor() as cursor:
        cursor.execute(f"""
            SELECT line, fee, formula, asset, count(*) OVER () FROM (
                SELECT r.line, r.fee, {FEE} AS formula, a.code AS asset {TRADED}
            ) AS checked WHERE fee <> formula ORDER BY line LIMIT {LIMIT}
        """)  # noqa: S608
        rows: Sequence[tuple] = cursor.fetchall()
    texts = [
        told(line, "fee", f"{fee:f}", f"{formula:f} {asset} by the formula") for line, fee, formula, asset, _n in rows
    ]
    return (rows[0][-1] if rows else 0), texts


def _add() -> list[int]:
    """Insert those that are not there; their keys."""
    with connection.cursor() as cursor:
        cursor.execute("""
            INSERT INTO incidents_liquidation
                   (liquidation_id, instrument_id, account, side, price, quantity, fee, bankruptcy_cover, liquidated_at)
            SELECT r.liquidation_id, i.id, coalesce(r.account, ''), coalesce(r.side, ''), r.price, r.quantity, r.fee,
                   coalesce(r.bankruptcy_cover, 0), r.liquidated_at
              FROM bulk_row r JOIN incidents_instrument i ON i.symbol = r.symbol
             ORDER BY r.line
                ON CONFLICT (liquidation_id) DO NOTHING RETURNING id
        """)
        return [key for (key,) in cursor.fetchall()]
