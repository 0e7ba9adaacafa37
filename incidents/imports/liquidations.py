"""Forced liquidations: what fee each customer paid, and what the fund covered (S3-3)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from django.db import connection, transaction
from django.db.models import Max, QuerySet

from incidents.imports.taking import UNKNOWN_SYMBOL, but, execute, remember
from incidents.liquidation import fee_in_sql
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
    Column("surplus", "number", needed=False, blank=True),
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
OF_THE_BOOKS = "/(surplus|cover|topup-[A-Z0-9]+)$"  # ends of references that stand for parts of a liquidation
PRESETS: dict[str, dict] = {
    "": {"columns": LIQUIDATIONS},
    FORCE_ORDERS: {"columns": RECORDED, "derived": but(LIQUIDATIONS, RECORDED)},
}
FEE = fee_in_sql("r", "i", "a")
TRADED = """
    FROM bulk_row r JOIN incidents_instrument i ON i.symbol = r.symbol JOIN incidents_asset a ON a.code = i.settle_id
"""


@transaction.atomic
def import_liquidations(
    path: Path,
    *,
    preset: str = "",
    timezone: str = "",
    at_most: int | None = None,
    now: datetime,
    progress: bulk.Progress | None = None,
) -> tuple[dict, QuerySet[Liquidation]]:
    """Take in each liquidation once: rows, unchanged, mismatched, rejected, errors, mismatches; and the new ones.

    A recorded fee that is not the formula's counts as recorded and is listed under mismatches. Of binance-forceorders the fee
    is the formula's, by the instrument's rate, and the id is made of the row's content. The keys of the new ones ascend in the
    order in which they were liquidated. A file of more than `at_most` rows is refused (None: none is too long).
    """
    if preset == FORCE_ORDERS and not timezone:
        batch = bulk.Batch(
            ["a recording of force orders does not say what clock its times are of: state it (--timezone UTC)"]
        )
    else:
        batch = bulk.load(path, **PRESETS[preset], reading=Reading(timezone), progress=progress)
    if at_most is not None and batch.rows > at_most:
        batch = bulk.Batch(
            [f"{batch.rows:,} rows; here at most {at_most:,} are taken: use manage.py import_liquidations"]
        )
    bulk.lock("liquidations")
    if batch.present:
        batch.refuse(UNKNOWN_SYMBOL)
        if preset == FORCE_ORDERS:
            _derive(batch)
        _check(batch, recorded_fee=preset != FORCE_ORDERS)
    if batch.refused():
        return batch.result(unchanged=0, mismatched=0), Liquidation.objects.none()
    mismatched, mismatches = _mismatches()
    count, new = _add()
    result = batch.result(unchanged=batch.rows - count, mismatched=mismatched)
    remember("liquidations", path, batch, result, changed=bool(count), now=now)
    return result | {"mismatches": mismatches}, new


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
        ("surplus", "surplus < 0", "0 or more"),
        ("surplus", "surplus > 0 AND bankruptcy_cover > 0", "0: the fund covers no loss where something was left"),
        ("liquidation_id", f"liquidation_id ~ '{OF_THE_BOOKS}'", "an id that does not end like our own references"),
    )
    batch.once("liquidation_id", ["liquidation_id"], "each liquidation once in a file")
    batch.refuse(f"""
        SELECT r.line, c.name, 'at most ' || a.decimals || ' decimals, as ' || a.code || ' has' {TRADED}
         CROSS JOIN LATERAL (VALUES ('fee', r.fee), ('bankruptcy_cover', r.bankruptcy_cover), ('surplus', r.surplus))
                         AS c (name, amount)
         WHERE c.amount <> round(c.amount, a.decimals)
    """)  # noqa: S608
    same = "l.price, l.quantity, l.liquidated_at, l.bankruptcy_cover, l.surplus"
    said = "r.price, r.quantity, r.liquidated_at, coalesce(r.bankruptcy_cover, 0), coalesce(r.surplus, 0)"
    if recorded_fee:
        same, said = f"{same}, l.fee", f"{said}, r.fee"
    batch.refuse(f"""
        SELECT r.line, 'liquidation_id', 'the facts that it is in the books with: ' || i.symbol || ', price '
               || trim_scale(l.price) || ', quantity ' || trim_scale(l.quantity) || ', fee ' || trim_scale(l.fee)
               || ', surplus ' || trim_scale(l.surplus) || ', cover ' || trim_scale(l.bankruptcy_cover)
               || '; the books are corrected by a reversing entry'
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


def _add() -> tuple[int, QuerySet[Liquidation]]:
    """Insert those that are not there, as they were liquidated: how many, and which. No other import is under way (`lock`)."""
    last = Liquidation.objects.aggregate(last=Max("pk"))["last"] or 0
    count = execute("""
        INSERT INTO incidents_liquidation
               (liquidation_id, instrument_id, account, side, price, quantity, fee, bankruptcy_cover, surplus, liquidated_at)
        SELECT r.liquidation_id, i.id, coalesce(r.account, ''), coalesce(r.side, ''), r.price, r.quantity, r.fee,
               coalesce(r.bankruptcy_cover, 0), coalesce(r.surplus, 0), r.liquidated_at
          FROM bulk_row r JOIN incidents_instrument i ON i.symbol = r.symbol
         WHERE NOT EXISTS (SELECT FROM incidents_liquidation l WHERE l.liquidation_id = r.liquidation_id)
         ORDER BY r.liquidated_at, r.line
    """)
    return count, Liquidation.objects.filter(pk__gt=last)
