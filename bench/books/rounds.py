"""Who takes turns at what: each function measures one thing, library by library, round by round, and prints its lines."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from bench import databases
from bench.books import facts, places
from bench.books.tables import Table

EMPTY, LARGE = "books_empty", "books_{}"
RAW = ("ledger_journalentry", "ledger_transfer", "incidents_liquidation")
TAKERS = 10  # each tenth posting takes from the fund
WRITERS = (1, 8)


@dataclass(frozen=True)
class Sizes:
    rounds: int
    seconds: float
    fees: int
    transfers: int


Turn = Callable[[], dict[str, Any]]


def turns(rounds: int, who: dict[str, Turn]) -> dict[str, dict[str, float]]:
    """The medians of what each told: whoever was first in one round is last in the next, so that a busy minute hits all alike."""
    told: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for nth in range(rounds):
        for name in list(who)[:: -1 if nth % 2 else 1]:
            for what, figure in who[name]().items():
                told[name][what].append(figure)
            print(f"  {name}: {dict(told[name])}", file=sys.stderr, flush=True)
    return {name: {what: median(figures) for what, figures in found.items()} for name, found in told.items()}


def empty() -> None:
    """Books with nothing but their accounts, of ours and of each rival."""
    places.made(EMPTY, lambda name: places.ours(name, "make"), anew=True)
    for which in places.RIVALS:
        places.made(f"empty_{which}", lambda name, which=which: places.rival(which, name, "make"))


def postings(table: Table, sizes: Sizes) -> None:
    """Single postings of one fee, each committed, with one writer and with eight on one fund; then with slow commits."""
    for name in ("posting_ours", "posting_takers", "posting_floor", "posting_one_row"):
        databases.copy_of(EMPTY, name)
    for which in places.RIVALS:
        databases.copy_of(f"empty_{which}", f"posting_{which}")
    places.floor("posting_floor", "lay", "parts")
    places.floor("posting_one_row", "lay", "one_row")
    for writers in WRITERS:
        found = turns(sizes.rounds, _posting(writers, sizes))
        _postings(table, f"postings/s, {writers} writer{'s' * (writers > 1)}", found)
    with places.slow_commits(*(f"posting_{name}" for name in (*_posting(1, sizes), "one_row"))):
        one_row = {"one_row": lambda: places.floor("posting_one_row", "post", 8, sizes.seconds)}
        found = turns(sizes.rounds, _posting(8, sizes) | one_row)
    _postings(table, "postings/s, 8 writers, commits 2 ms slower", found, slow=True)


def _posting(writers: int, sizes: Sizes) -> dict[str, Turn]:
    task = ("post", writers, sizes.seconds)
    return {
        "ours": lambda: places.ours("posting_ours", *task),
        "takers": lambda: places.ours("posting_takers", *task, TAKERS),
        "floor": lambda: places.floor("posting_floor", *task),
        **{which: lambda which=which: places.rival(which, f"posting_{which}", *task) for which in places.RIVALS},
    }


def _postings(table: Table, words: str, found: dict[str, dict[str, float]], *, slow: bool = False) -> None:
    rate = {who: told["per_second"] for who, told in found.items()}
    beside = {"floor": rate["floor"], "hordak": rate["hordak"], "django_ledger": rate["django_ledger"]}
    ratio = rate["ours"] / rate["hordak"]
    table.line(f"{words}; ratio: x hordak", rate["ours"], **beside, ratio=ratio, at_least=None if slow else 2)
    table.line("  1 in 10 takes from the fund", rate["takers"], ratio=rate["takers"] / rate["hordak"])
    if slow:
        one = rate["one_row"]
        table.line(
            "  floor: one balance row; ratio: x that", rate["ours"], floor=one, ratio=rate["ours"] / one, at_least=4
        )
    late = {who: told["p99"] for who, told in found.items()}
    table.line(
        "  99 of 100 within, ms",
        late["ours"],
        floor=late["floor"],
        hordak=late["hordak"],
        django_ledger=late["django_ledger"],
    )


def bulk(table: Table, sizes: Sizes) -> None:
    """A file of fees, and the same file again, beside COPY of the very rows that it makes."""
    path = facts.fees(sizes.fees, places.folder() / f"liquidations_{sizes.fees}.csv")
    found = turns(sizes.rounds, {
        "ours": lambda: places.ours(databases.copy_of(EMPTY, "bulk_ours"), "take_in", path),
        "floor": lambda: {"seconds": _raw_copy()},
        **{which: lambda which=which: _rival_bulk(which, path) for which in places.RIVALS},
    })  # fmt: skip
    mine, floor = found["ours"]["seconds"], found["floor"]["seconds"]
    scaled = {which: found[which]["seconds"] * sizes.fees / found[which]["rows"] for which in places.RIVALS}
    table.line(
        f"{sizes.fees:,} fees from a file, s; floor: raw COPY",
        mine,
        floor=floor,
        **scaled,
        ratio=mine / floor,
        at_most=1.5,
    )
    again = found["ours"]["again"]
    table.line("  the same file again, beside the first time", again, floor=mine, ratio=again / mine, at_most=0.5)
    table.line("  the same file again, beside raw COPY", again, floor=floor, ratio=again / floor)
    table.line("  peak memory, MB", found["ours"]["megabytes"])
    print(f"  django-ledger: {found['django_ledger']['rows']:,.0f} of them one by one, scaled", flush=True)


def _rival_bulk(which: str, path: Path) -> dict[str, Any]:
    return places.rival(which, databases.copy_of(f"empty_{which}", f"bulk_{which}"), "take_in", path)


def _raw_copy() -> float:
    """COPY of the rows that our import made, into the same tables with their keys, checks, indexes and triggers."""
    files = {table: places.folder() / f"{table}.copy" for table in RAW}
    databases.copy_of(EMPTY, "bulk_floor")
    with (
        psycopg.connect(databases.address("bulk_floor")) as floor,
        psycopg.connect(databases.address("bulk_ours")) as ours,
    ):
        for table, path in files.items():
            _write_new_rows(ours, floor, table, path)
        floor.commit()
        began = time.perf_counter()
        for table, path in files.items():
            with path.open("rb") as file, floor.cursor().copy(f"COPY {table} FROM STDIN") as rows:
                while block := file.read(1 << 20):
                    rows.write(block)
        floor.commit()
        return time.perf_counter() - began


def _write_new_rows(ours: psycopg.Connection, floor: psycopg.Connection, table: str, path: Path) -> None:
    """The rows that ours has and the floor has not yet."""
    last = floor.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0]  # noqa: S608 our own names
    new = f"COPY (SELECT * FROM {table} WHERE id > {last}) TO STDOUT"  # noqa: S608
    with path.open("wb") as file, ours.cursor().copy(new) as rows:
        for block in rows:
            file.write(block)


def large(table: Table, sizes: Sizes) -> None:
    """Verification, export and balance of large books."""
    name = places.made(LARGE.format(sizes.transfers), lambda draft: places.ours(draft, "fill", sizes.transfers))
    databases.run(name, "manage.py", "migrate", "--verbosity", "0")
    books = databases.copy_of(name, "large_ours")
    for which in places.RIVALS:
        filled = f"{which}_{sizes.transfers}"
        places.made(filled, lambda draft, which=which: places.rival(which, draft, "fill", sizes.transfers))
    _verification(table, books, sizes)
    _exports(table, books, sizes)
    places.ours(books, "post", 8, 1)  # so that there are parts of balances to add up
    _balances(table, books, sizes)


def _balances(table: Table, books: str, sizes: Sizes) -> None:
    found = turns(sizes.rounds, {
        "ours": lambda: places.ours(books, "balance"),
        "floor": lambda: places.floor(books, "balance"),
        **{which: lambda which=which: _rival_balance(which, sizes) for which in places.RIVALS},
    })  # fmt: skip
    rivals = {which: found[which]["milliseconds"] for which in places.RIVALS}
    words = f"balance after {sizes.transfers:,} transfers, ms: the fund's cash"
    table.line(words, found["ours"]["balance"], floor=found["floor"]["balance"], **rivals, at_most=1)
    table.line("  what is available", found["ours"]["available"], at_most=1)


def _rival_balance(which: str, sizes: Sizes) -> dict[str, Any]:
    told = places.rival(which, f"{which}_{sizes.transfers}", "balance")
    return {"milliseconds": told["milliseconds"]}


def _exports(table: Table, books: str, sizes: Sizes) -> None:
    query = places.ours(books, "query")["query"]
    path = places.folder() / "export.csv"
    found = turns(sizes.rounds, {
        "ours": lambda: places.ours(books, "export", path),
        "floor": lambda: {"seconds": _psql_copy(books, query, path)},
        **{
            which: lambda which=which: places.rival(which, f"{which}_{sizes.transfers}", "export", path)
            for which in places.RIVALS
        },
    })  # fmt: skip
    path.unlink()
    mine, floor = found["ours"]["seconds"], found["floor"]["seconds"]
    rivals = {which: found[which]["seconds"] for which in places.RIVALS}
    words = f"{sizes.transfers:,} transfers to CSV, s; floor: \\copy"
    table.line(words, mine, floor=floor, **rivals, ratio=mine / floor, at_most=1.3)
    table.line("  peak memory, MB", found["ours"]["megabytes"])
    table.line("  of it before the export began", found["ours"]["before"])


def _psql_copy(books: str, query: str, path: Path) -> float:
    command = ["psql", "--no-psqlrc", "--quiet", databases.address(books), "--output", str(path)]
    began = time.perf_counter()
    subprocess.run([*command, "--command", f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)"], check=True)
    return time.perf_counter() - began


def _verification(table: Table, books: str, sizes: Sizes) -> None:
    told: list[Any] = []

    def verified() -> dict[str, Any]:
        told.append(places.ours(books, "verify"))
        return {"seconds": told[-1]["seconds"], "megabytes": told[-1]["megabytes"]}

    found = turns(sizes.rounds, {"ours": verified})["ours"]
    table.line(f"verify_ledger over {sizes.transfers:,} transfers, s", found["seconds"], at_most=30)
    table.line("  peak memory, MB", found["megabytes"])
    table.line("  problems", len(told[-1]["told"]["problems"]), at_most=0)
    print(f"  it said: {told[-1]['told']}", flush=True)
