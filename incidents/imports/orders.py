"""Orders, and the customers and accounts they name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from django.db import transaction

from incidents.imports import statement
from incidents.imports.lots import settle
from incidents.imports.taking import NOTHING, UNKNOWN_SYMBOL, but, done, execute, upsert
from incidents.models import Order, Side
from jobs import bulk
from jobs.cells import Column, Reading

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
STATEMENT = "mt4-statement"
PRESETS: dict[str, dict] = {
    "": {"columns": ORDERS},
    STATEMENT: {
        "columns": statement.COLUMNS,
        "derived": but(ORDERS, statement.COLUMNS),
        "reader": statement.StatementRows,
    },
}


@transaction.atomic
def import_orders(
    path: Path,
    *,
    preset: str = "",
    timezone: str = "",
    customer: str = "",
    lots: Mapping[str, Decimal] | None = None,
    now: datetime,
    progress: bulk.Progress | None = None,
) -> dict:
    """Create or correct orders by (order_id, leg), and the customers and accounts they name. `timezone`: of bare times.

    `customer` and `lots` (base units by symbol) are for statements only, which name neither; see `lots.settle`.
    """
    batch = bulk.load(path, **PRESETS[preset], reading=Reading(timezone=timezone), progress=progress)
    bulk.lock("orders")
    if batch.present:
        if preset == STATEMENT:
            settle(batch, customer=customer, lots=lots or {})
        _check_orders(batch)
        _check_owners(batch)
    if batch.refused():
        return batch.result(**NOTHING)
    execute("""
        INSERT INTO incidents_customer (code, name, email, language)
        SELECT DISTINCT customer, '', '', '' FROM bulk_row ORDER BY customer ON CONFLICT DO NOTHING
    """)
    execute("""
        INSERT INTO incidents_account (code, customer_id)
        SELECT said.account, c.id
          FROM (SELECT account, min(customer) AS customer FROM bulk_row GROUP BY account) AS said
          JOIN incidents_customer c ON c.code = said.customer
         ORDER BY said.account
            ON CONFLICT DO NOTHING
    """)
    created, updated = upsert(
        "incidents_order",
        key=("order_id", "leg"),
        values=ORDER_VALUES,
        source="bulk_row r JOIN incidents_account a ON a.code = r.account "
        "JOIN incidents_instrument i ON i.symbol = r.symbol",
        present=batch.present,
    )
    return done("orders", path, batch, created=created, updated=updated, now=now, **_skipped(batch))


def _skipped(batch: bulk.Batch) -> dict:
    """What a statement holds besides trades."""
    return {"skipped": dict(batch.notes["skipped"])} if batch.notes.get("skipped") else {}


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
