"""`make bench-books`: the books measured beside hand-written SQL and two published ledgers, on one cluster in one run.

Everybody has a database of their own and takes turns, round by round; the table has the medians. Seconds and rates are those of
this machine: look at the ratios. hordak posts in USD, because it cannot hold USDT, and django-ledger with two decimals.
"""

from __future__ import annotations

import argparse
import os
import sys

from bench.books import rounds
from bench.books.tables import Table
from config import database

PARTS = {"postings": rounds.postings, "bulk": rounds.bulk, "large": rounds.large}


def main() -> int:
    arguments = argparse.ArgumentParser(prog="bench.books", description=__doc__)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--seconds", type=float, default=10, help="of posting, for each crew of writers and round")
    arguments.add_argument("--fees", type=int, default=100_000)
    arguments.add_argument("--transfers", type=int, default=1_000_000)
    arguments.add_argument("--only", choices=PARTS)
    chosen = arguments.parse_args()
    if os.environ.get("DATABASE_URL"):
        sys.exit("bench: unset DATABASE_URL; the bench fills databases of its own")
    ours = database.ensure_started()
    try:
        rounds.empty()
        table = Table()
        sizes = rounds.Sizes(chosen.rounds, chosen.seconds, chosen.fees, chosen.transfers)
        for part in [chosen.only] if chosen.only else PARTS:
            PARTS[part](table, sizes)
    finally:
        if ours:
            database.stop()
    print("missed: " + "; ".join(table.missed) if table.missed else "everything that was wanted")
    return bool(table.missed)


if __name__ == "__main__":
    sys.exit(main())
