"""`make bench-queue`: the queue's lanes, the search and a claim's page, at a thousand claims and at CLAIMS (1,000,000).

Both worlds are generated once and kept, and copied before they are measured: each page in turns, now in the one, now in the
other, so that a neighbour on the machine disturbs both. What counts is the ratio of the medians: a million may take twice the
time of a thousand at most, with the same number of queries.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from statistics import median

from bench import databases
from config import database

SMALL, RATIO, TURNS = 1_000, 2.0, 9


def main() -> None:
    arguments = argparse.ArgumentParser(prog="bench.queues", description=__doc__)
    arguments.add_argument("--claims", type=int, default=1_000_000)
    chosen = arguments.parse_args()
    if os.environ.get("DATABASE_URL"):
        sys.exit("bench: unset DATABASE_URL; the bench fills a database of its own")
    ours = database.ensure_started()
    try:
        with _pages(SMALL) as small, _pages(chosen.claims) as large:
            _table(chosen.claims, small, large)
    finally:
        if ours:
            database.stop()


def _pages(claims: int) -> AbstractContextManager[Callable]:
    return databases.asked(databases.copy_of(_world(claims), f"measured_{claims}"), "-m", "bench.queues.pages")


def _table(claims: int, small: Callable, large: Callable) -> None:
    print(f"{'milliseconds':<40}{SMALL:>10,}{claims:>12,}{'ratio':>8}{'at most':>9}{'queries':>9}")
    for person, page in large(None):
        turns = [(small([person, page]), large([person, page])) for _turn in range(TURNS + 1)][1:]  # one to warm up
        here, there = (median(answer[0] for answer in answers) for answers in zip(*turns, strict=True))
        queries = " / ".join(dict.fromkeys(str(answer[1]) for answer in turns[-1]))
        print(
            f"{person + ': ' + page:<40}{here:>10.1f}{there:>12.1f}{there / here:>8.2f}{RATIO:>9.1f}{queries:>9}",
            flush=True,
        )


def _world(claims: int) -> str:
    name = f"queue_{claims}"
    if not databases.exists(name):
        began, draft = time.monotonic(), f"{name}_draft"
        databases.create(draft)
        databases.run(draft, "manage.py", "migrate", "--verbosity", "0")
        databases.run(draft, "-m", "bench.queues.world", str(claims))
        databases.rename(draft, name)
        databases.say(f"generated a desk of {claims:,} claims", began)
    databases.run(name, "manage.py", "migrate", "--verbosity", "0")
    return name


if __name__ == "__main__":
    main()
