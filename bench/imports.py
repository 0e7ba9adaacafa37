"""Orders and quotes from a file, beside COPY of the same rows into a table with the same indexes and constraints.

`python -m bench.imports [ORDERS]`: so many orders and three times as many quotes (1,000,000 and 3,000,000). Both sides begin
with an empty table in a fresh database, take turns, and are measured to the end of their commit; ours besides makes the
customers and accounts, finds every error there could be, and keeps the planner informed. Medians of three.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from statistics import median

import psycopg

from bench import databases
from bench.size import Size
from config import database

ROUNDS = 3
EMPTY, PEOPLED, OURS, FLOOR = "imports_empty", "imports_peopled", "imports_ours", "imports_floor"
ISO = "to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') AS {}"
ORDERS = f"""
    SELECT order_id, leg, a.code AS account, c.code AS customer, i.symbol, side, quantity, entry_price,
           {ISO.format("opened_at", "opened_at")}, exit_price, {ISO.format("closed_at", "closed_at")}, close_reason, take_profit,
           stop_loss, {ISO.format("tpsl_set_at", "tpsl_set_at")}, {ISO.format("tpsl_cancelled_at", "tpsl_cancelled_at")},
           realized_pnl, liquidation_fee, bankruptcy_cover
      FROM incidents_order o JOIN incidents_account a ON a.id = account_id JOIN incidents_customer c ON c.id = o.customer_id
      JOIN incidents_instrument i ON i.id = instrument_id ORDER BY o.id
"""  # noqa: S608 our own text
QUOTES = f"""
    SELECT {ISO.format("at", "ts")}, symbol, trim_scale(bid) AS bid, trim_scale(ask) AS ask
      FROM incidents_quote q JOIN incidents_instrument i ON i.id = instrument_id ORDER BY at, q.id
"""  # noqa: S608
INSTRUMENTS = """
    SELECT symbol, product, margin, base_id AS base, quote_id AS quote, settle_id AS settle, contract_value, liquidation_fee_rate
      FROM incidents_instrument ORDER BY id
"""
# The floor's file: the same rows, with keys where ours has names.
FLOOR_ORDERS = """order_id, leg, account_id, customer_id, instrument_id, side, quantity, entry_price, opened_at, exit_price,
    closed_at, close_reason, take_profit, stop_loss, tpsl_set_at, tpsl_cancelled_at, realized_pnl, liquidation_fee,
    bankruptcy_cover"""
FLOOR_QUOTES = "at, instrument_id, bid, ask"
FLOORS = {"orders": ("incidents_order", FLOOR_ORDERS, "id"), "quotes": ("incidents_quote", FLOOR_QUOTES, "at, id")}


def main(orders: int) -> None:
    size, folder = Size(orders), database.var_dir() / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    files = _files(size, folder)
    _databases(files)
    print(f"{'':<44}{'ours, s':>10}{'floor, s':>10}{'ratio':>8}{'peak MB':>9}")
    for kind, count in (("orders", size.orders), ("quotes", size.quotes)):
        ours, floors, peaks = [], [], []
        for _round in range(ROUNDS):
            seconds, megabytes = _ours(kind, files[kind])
            ours.append(seconds)
            peaks.append(megabytes)
            floors.append(_floor(kind, files[f"floor of {kind}"]))
        mine, floor = median(ours), median(floors)
        words = f"import of {count:,} {kind}, beside \\copy"
        print(f"{words:<44}{mine:>10.1f}{floor:>10.1f}{mine / floor:>8.2f}{max(peaks):>9.0f}", flush=True)
    with databases.as_superuser() as superuser:
        for name in (EMPTY, PEOPLED, OURS, FLOOR):
            superuser.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _files(size: Size, folder: Path) -> dict[str, Path]:
    """The files of a generated world, for us and for the floor."""
    world = databases.world(size)
    wanted = {"instruments": INSTRUMENTS, "orders": ORDERS, "quotes": QUOTES}
    wanted |= {
        f"floor of {kind}": f"SELECT {columns} FROM {table} ORDER BY {order}"  # noqa: S608 our own text
        for kind, (table, columns, order) in FLOORS.items()
    }
    wanted |= {table: f"SELECT * FROM {table} ORDER BY id" for table in ("incidents_customer", "incidents_account")}  # noqa: S608
    files = {name: folder / f"{name.replace(' ', '_')}_{size.orders}.csv" for name in wanted}
    with psycopg.connect(databases.address(world)) as connection:
        for name, query in wanted.items():
            if not files[name].exists():
                _write(connection, query, files[name])
    return files


def _write(connection: psycopg.Connection, query: str, path: Path) -> None:
    draft = path.with_suffix(".draft")
    with draft.open("wb") as file, connection.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)") as copy:
        for block in copy:
            file.write(block)
    draft.rename(path)


def _databases(files: dict[str, Path]) -> None:
    """One with nothing but instruments, and one with customers, accounts and an empty twin of each table."""
    with databases.as_superuser() as superuser:
        superuser.execute(f"DROP DATABASE IF EXISTS {EMPTY} WITH (FORCE)")
        superuser.execute(f"CREATE DATABASE {EMPTY} OWNER {database.NAME}")
    databases.run(EMPTY, "manage.py", "migrate", "--verbosity", "0")
    databases.run(EMPTY, "manage.py", "import_instruments", str(files["instruments"]))
    databases.copy_of(EMPTY, PEOPLED)
    with psycopg.connect(databases.address(PEOPLED)) as connection:
        for table in ("incidents_customer", "incidents_account"):
            _copy(connection, table, "", files[table])
        for kind, (table, _columns, _order) in FLOORS.items():
            connection.execute(f"CREATE TABLE floor_{kind} (LIKE {table} INCLUDING ALL)")
            keys = connection.execute(
                "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f' AND conrelid = %s::regclass",
                [table],
            )
            for (key,) in keys.fetchall():
                connection.execute(f"ALTER TABLE floor_{kind} ADD {key}")


def _ours(kind: str, path: Path) -> tuple[float, float]:
    """Seconds, and the most memory the process had, in MB."""
    databases.copy_of(EMPTY, OURS)
    told = json.loads(databases.run(OURS, "-m", "bench.importer", kind, str(path)))
    return told["seconds"], told["megabytes"]


def _floor(kind: str, path: Path) -> float:
    databases.copy_of(PEOPLED, FLOOR)
    with psycopg.connect(databases.address(FLOOR)) as connection:
        began = time.monotonic()
        _copy(connection, f"floor_{kind}", f"({FLOORS[kind][1]})", path)
        connection.commit()
        return time.monotonic() - began


def _copy(connection: psycopg.Connection, table: str, columns: str, path: Path) -> None:
    statement = f"COPY {table} {columns} FROM STDIN (FORMAT csv, HEADER)"
    with path.open("rb") as file, connection.cursor().copy(statement) as copy:
        while block := file.read(1 << 20):
            copy.write(block)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
