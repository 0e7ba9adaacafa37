"""`make bench`: everything measured beside its floor in one run; the table at the end is what counts.

Three worlds are generated once and kept: 1,000 orders, a tenth of ORDERS, and ORDERS (1,000,000). Each is copied before it is
measured, so every bench begins alike. The seconds are wall-clock: on a machine that does other things, look at the ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import sys

from bench import databases, imports
from bench.size import Size
from config import database

SMALL = 1_000
RATIO, GROWTH, MEGABYTES, QUERIES = 1.5, 1.15, 250, 17  # 17: with who has it open, steps, letters, people, teams


def main() -> None:
    arguments = argparse.ArgumentParser(prog="bench", description=__doc__)
    arguments.add_argument("--orders", type=int, default=1_000_000)
    arguments.add_argument("--rounds", type=int, default=1, help="the best of so many counts")
    chosen = arguments.parse_args()
    if os.environ.get("DATABASE_URL"):
        sys.exit("bench: unset DATABASE_URL; the bench fills a database of its own")
    ours = database.ensure_started()
    try:
        sizes = sorted({SMALL, max(chosen.orders // 10, SMALL), chosen.orders})
        measured = {orders: _measure(Size(orders), chosen.rounds) for orders in sizes}
        _table(measured)
        imports.main(chosen.orders)
    finally:
        if ours:
            database.stop()


def _measure(size: Size, rounds: int) -> dict:
    print(f"-- {size.orders:,} orders, {size.claims:,} claims, {size.quotes:,} quotes", file=sys.stderr, flush=True)
    name = databases.copy_of(databases.world(size), "measured")
    return {
        "sweep": json.loads(databases.run(name, "-m", "bench.sweep", str(rounds))),
        "page": json.loads(databases.run(name, "-m", "bench.page")),
    }


def _table(measured: dict[int, dict]) -> None:
    """What we took, what the floor took, their ratio and what it may be."""
    least, tenth, full = min(measured), sorted(measured)[-2 if len(measured) > 1 else -1], max(measured)
    sweep, page = measured[full]["sweep"], measured[full]["page"]
    print(f"{'':<44}{'ours':>10}{'floor':>10}{'ratio':>8}{'at most':>9}")
    for workers in ("1", "2"):
        mine, floors = (sweep["seconds"][which][workers] for which in ("ours", "floor"))
        words = f"assessment of {full:,} orders, {workers} worker{'s' * (workers == '2')}, s"
        _line(words, mine, floors, mine / floors, RATIO)
    per_order = [measured[n]["sweep"]["seconds"]["ours"]["1"] / n * 1e6 for n in (full, tenth)]
    _line(f"µs an order: {full:,}, beside {tenth:,}", *per_order, per_order[0] / per_order[1], GROWTH)
    _line("worker's memory, MB", sweep["megabytes"], None, None, MEGABYTES)
    pages = [measured[n]["page"]["milliseconds"] for n in (full, least)]
    _line(f"page of a claim, ms: {full:,} orders, beside {least:,}", *pages, pages[0] / pages[1], None)
    _line("its queries", page["queries"], None, None, QUERIES)
    for orders, found in measured.items():
        differ = found["sweep"]["differences"]
        rows = sum(len(differ[side]) for side in ("only ours", "only the floor's"))
        _line(f"verdicts of {differ['verdicts']:,} that differ", rows, None, None, 0)
        if rows:
            print(json.dumps({"orders": orders} | differ, indent=1))


def _line(words: str, ours: float, floor: float | None, ratio: float | None, limit: float | None) -> None:
    def shown(value: float | None, digits: int) -> str:
        return "" if value is None else f"{value:,.{digits}f}"

    digits = 0 if isinstance(ours, int) else 1
    print(
        f"{words:<44}{shown(ours, digits):>10}{shown(floor, 1):>10}{shown(ratio, 2):>8}{shown(limit, 2):>9}", flush=True
    )


if __name__ == "__main__":
    main()
