"""Facts in: instruments, orders and quotes from the exchange's own files (interfaces, Files).

A file with a bad row is refused whole; the same file twice changes nothing; two imports of one kind wait for each other.
Each verb returns what its command prints: rows, created, updated, unchanged, rejected, errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from django.db import connection, transaction

from incidents.models import ImportedFile, Instrument, Order, Side
from jobs import bulk
from jobs.cells import Column, Reading

TABLES = {
    "instruments": ("incidents_asset", "incidents_instrument"),
    "orders": ("incidents_customer", "incidents_account", "incidents_order"),
    "quotes": ("incidents_quote",),
}
NOTHING = {"created": 0, "updated": 0, "unchanged": 0}


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
ORDERS = (
    Column("order_id"),
    Column("leg", needed=False, blank=True, longest=20),
    Column("account"),
    Column("customer"),
    Column("symbol", longest=40),
    Column("side", choices=tuple(Side.values)),
    Column("quantity", "number"),
    Column("entry_price", "number"),
    Column("opened_at", "instant"),
    Column("exit_price", "number", blank=True),
    Column("closed_at", "instant", blank=True),
    Column("close_reason", blank=True, choices=tuple(Order.CloseReason.values)),
    Column("take_profit", "number", needed=False, blank=True),
    Column("stop_loss", "number", needed=False, blank=True),
    Column("tpsl_set_at", "instant", needed=False, blank=True),
    Column("tpsl_cancelled_at", "instant", needed=False, blank=True),
    Column("realized_pnl", "number", needed=False, blank=True),
    Column("liquidation_fee", "number", needed=False, blank=True),
    Column("bankruptcy_cover", "number", needed=False, blank=True),
)
QUOTES = (
    Column("ts", "instant"),
    Column("symbol", longest=40),
    Column("bid", "number"),
    Column("ask", "number"),
)
UNKNOWN_SYMBOL = """
    SELECT line, 'symbol', 'a known symbol; import its instrument first' FROM bulk_row
     WHERE NOT EXISTS (SELECT FROM incidents_instrument i WHERE i.symbol = bulk_row.symbol)
"""


# --- instruments


@transaction.atomic
def import_instruments(path: Path, *, now: datetime, progress: bulk.Progress | None = None) -> dict:
    """Create or update instruments by symbol, and the assets they name (new ones are coins: 8 decimals)."""
    batch = bulk.load(path, INSTRUMENTS, progress=progress)
    bulk.lock("instruments")
    if batch.present:
        _check_instruments(batch)
    if batch.refused():
        return batch.result(**NOTHING)
    _execute("""
        INSERT INTO incidents_asset (code, decimals)
        SELECT DISTINCT code, 8 FROM bulk_row, LATERAL (VALUES (base), (quote), (settle)) AS a (code) ORDER BY code
            ON CONFLICT DO NOTHING
    """)
    created, updated = _upsert(
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
    return _done("instruments", path, batch, created=created, updated=updated, now=now)


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


# --- orders


@transaction.atomic
def import_orders(path: Path, *, timezone: str = "", now: datetime, progress: bulk.Progress | None = None) -> dict:
    """Create or correct orders by (order_id, leg), and the customers and accounts they name. `timezone`: of bare times."""
    batch = bulk.load(path, ORDERS, reading=Reading(timezone=timezone), progress=progress)
    bulk.lock("orders")
    if batch.present:
        _check_orders(batch)
        _check_owners(batch)
    if batch.refused():
        return batch.result(**NOTHING)
    _execute("""
        INSERT INTO incidents_customer (code, name, email, language)
        SELECT DISTINCT customer, '', '', '' FROM bulk_row ORDER BY customer ON CONFLICT DO NOTHING
    """)
    _execute("""
        INSERT INTO incidents_account (code, customer_id)
        SELECT DISTINCT account, c.id FROM bulk_row r JOIN incidents_customer c ON c.code = r.customer ORDER BY account
            ON CONFLICT DO NOTHING
    """)
    created, updated = _upsert(
        "incidents_order",
        key=("order_id", "leg"),
        values=ORDER_VALUES,
        source="bulk_row r JOIN incidents_account a ON a.code = r.account "
        "JOIN incidents_instrument i ON i.symbol = r.symbol",
        present=batch.present,
    )
    return _done("orders", path, batch, created=created, updated=updated, now=now)


ORDER_VALUES = {  # column of the table: (column of the file, its value); a take-profit or stop-loss of 0 is none
    "order_id": ("order_id", "r.order_id"),
    "leg": ("leg", "coalesce(r.leg, '1')"),
    "customer_id": ("customer", "a.customer_id"),
    "account_id": ("account", "a.id"),
    "instrument_id": ("symbol", "i.id"),
    "side": ("side", "r.side"),
    "quantity": ("quantity", "r.quantity"),
    "entry_price": ("entry_price", "r.entry_price"),
    "opened_at": ("opened_at", "r.opened_at"),
    "exit_price": ("exit_price", "r.exit_price"),
    "closed_at": ("closed_at", "r.closed_at"),
    "close_reason": ("close_reason", "coalesce(r.close_reason, '')"),
    "take_profit": ("take_profit", "nullif(r.take_profit, 0)"),
    "stop_loss": ("stop_loss", "nullif(r.stop_loss, 0)"),
    "tpsl_set_at": ("tpsl_set_at", "r.tpsl_set_at"),
    "tpsl_cancelled_at": ("tpsl_cancelled_at", "r.tpsl_cancelled_at"),
    "realized_pnl": ("realized_pnl", "r.realized_pnl"),
    "liquidation_fee": ("liquidation_fee", "coalesce(r.liquidation_fee, 0)"),
    "bankruptcy_cover": ("bankruptcy_cover", "coalesce(r.bankruptcy_cover, 0)"),
}


def _check_orders(batch: bulk.Batch) -> None:
    """What no single cell can tell; the table's own constraints say the same."""
    closed, opened = "closed_at IS NOT NULL", "closed_at IS NULL"
    reasons = ", ".join(Order.CloseReason.values)
    batch.check(
        ("quantity", "quantity <= 0", "more than 0"),
        ("entry_price", "entry_price <= 0", "more than 0"),
        ("exit_price", f"{closed} AND exit_price IS NULL", "the exit price of a closed order"),
        ("exit_price", f"{closed} AND exit_price <= 0", "more than 0"),
        ("exit_price", f"{opened} AND exit_price IS NOT NULL", "no exit price while closed_at is empty: an open order"),
        ("close_reason", f"{closed} AND close_reason IS NULL", f"why it was closed, one of: {reasons}"),
        ("close_reason", f"{opened} AND close_reason IS NOT NULL", "no reason while closed_at is empty: an open order"),
        ("closed_at", "closed_at < opened_at", "not before opened_at"),
        ("take_profit", "take_profit < 0", "a positive price; empty or 0 for none"),
        ("stop_loss", "stop_loss < 0", "a positive price; empty or 0 for none"),
        ("liquidation_fee", "liquidation_fee < 0", "0 or more"),
        ("bankruptcy_cover", "bankruptcy_cover < 0", "0 or more"),
    )
    batch.once("order_id", ["order_id", "coalesce(leg, '1')"], "each order and leg once in a file")
    batch.refuse(UNKNOWN_SYMBOL)


def _check_owners(batch: bulk.Batch) -> None:
    """An account has one customer, and an order stays with its own: in the file and with what is there already."""
    batch.refuse("""
        SELECT r.line, 'account', 'one customer for an account; line ' || first.line || ' gives it to ' || first.customer
          FROM (SELECT DISTINCT ON (account) account, customer, line FROM bulk_row
                 WHERE account IN (SELECT account FROM bulk_row GROUP BY account HAVING min(customer) <> max(customer))
                 ORDER BY account, line) AS first
          JOIN bulk_row r USING (account)
         WHERE r.customer <> first.customer
    """)
    batch.refuse("""
        SELECT r.line, 'account', 'an account of ' || r.customer || '; this one belongs to ' || c.code
          FROM bulk_row r JOIN incidents_account a ON a.code = r.account JOIN incidents_customer c ON c.id = a.customer_id
         WHERE c.code <> r.customer
    """)
    batch.refuse("""
        SELECT r.line, 'customer', 'the customer whom this order and leg belong to: ' || c.code
          FROM bulk_row r JOIN incidents_order o ON o.order_id = r.order_id AND o.leg = coalesce(r.leg, '1')
          JOIN incidents_customer c ON c.id = o.customer_id
         WHERE c.code <> r.customer
    """)


# --- quotes


@transaction.atomic
def import_quotes(
    path: Path,
    *,
    timezone: str = "",
    time_unit: str = "",
    symbol: str = "",
    now: datetime,
    progress: bulk.Progress | None = None,
) -> dict:
    """Add the quotes that are not there yet; crossed, zero and negative ones are kept (they never price anything).

    `symbol` is that of rows that name none. Also returned: crossed (rows of the file), first and last instant.
    """
    columns = tuple(
        Column("symbol", needed=False, blank=True, longest=40) if symbol and column.name == "symbol" else column
        for column in QUOTES
    )
    batch = bulk.load(path, columns, reading=Reading(timezone, time_unit), progress=progress)
    bulk.lock("quotes")
    if batch.present:
        if symbol:
            _execute("UPDATE bulk_row SET symbol = %s WHERE symbol IS NULL", [symbol])
        batch.refuse(UNKNOWN_SYMBOL)
    if batch.refused():
        return batch.result(**NOTHING, crossed=0, first=None, last=None)
    created = _execute("""
        INSERT INTO incidents_quote (instrument_id, at, bid, ask)
        SELECT i.id, r.ts, r.bid, r.ask FROM bulk_row r JOIN incidents_instrument i ON i.symbol = r.symbol
         ORDER BY r.line
            ON CONFLICT DO NOTHING
    """)  # in the file's order: of two quotes of one instant the later one is in force
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FILTER (WHERE bid > ask), min(ts), max(ts) FROM bulk_row")
        crossed, first, last = cursor.fetchone()
    seen = {"crossed": crossed, "first": first and first.isoformat(), "last": last and last.isoformat()}
    return _done("quotes", path, batch, created=created, updated=0, now=now, **seen)


# --- what they share


def _upsert(
    table: str, *, key: tuple[str, ...], values: Mapping[str, tuple[str, str]], source: str, present: set[str]
) -> tuple[int, int]:
    """Insert the new rows and correct those that differ: (created, updated). Columns that the file lacks stay as they are."""
    corrected = [name for name, (column, _value) in values.items() if column in present and name not in key]
    then = ", ".join(f"{name} = excluded.{name}" for name in corrected)
    now, new = (", ".join(f"{side}.{name}" for name in corrected) for side in ("t", "excluded"))
    with connection.cursor() as cursor:
        cursor.execute(f"""
            WITH done AS (
                INSERT INTO {table} AS t ({", ".join(values)})
                SELECT {", ".join(value for _column, value in values.values())} FROM {source}
                    ON CONFLICT ({", ".join(key)}) DO UPDATE SET {then} WHERE ({now}) IS DISTINCT FROM ({new})
                RETURNING t.xmax = 0 AS created  -- PostgreSQL's sign of a row that was not there before
            )
            SELECT count(*) FILTER (WHERE created), count(*) FILTER (WHERE NOT created) FROM done
        """)  # noqa: S608 our own text
        return cursor.fetchone()


def _done(
    kind: str, path: Path, batch: bulk.Batch, *, created: int, updated: int, now: datetime, **more: object
) -> dict:
    """Remember the file, unless it brought nothing that was not known from it, and sum up."""
    result = batch.result(created=created, updated=updated, unchanged=batch.rows - created - updated, **more)
    remember(kind, path, batch, result, changed=bool(created or updated), now=now)
    if created or updated:
        bulk.analyze(*TABLES[kind])
    return result


def remember(kind: str, path: Path, batch: bulk.Batch, result: dict, *, changed: bool, now: datetime) -> None:
    """Keep an accepted file's name and SHA-256 with what became of it; the same file that changed nothing is not kept again."""
    if changed or not ImportedFile.objects.filter(kind=kind, sha256=batch.sha256).exists():
        summary = {key: value for key, value in result.items() if key not in ("rejected", "errors")}
        ImportedFile.objects.create(
            kind=kind, name=path.name[-255:], sha256=batch.sha256, summary=summary, imported_at=now
        )


def _execute(sql: str, params=()) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.rowcount
