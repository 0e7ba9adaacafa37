"""`make bench-queue`: the queue's lanes, the search and a claim's page, at a thousand claims and at CLAIMS (1,000,000).

Both worlds are generated once and kept, and copied before they are measured. What counts is the ratio: a million may take
twice the time of a thousand at most, with the same number of queries.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time

from bench import databases
from config import database

SMALL, RATIO = 1_000, 2.0


def main() -> None:
    arguments = argparse.ArgumentParser(prog="bench.queues", description=__doc__)
    arguments.add_argument("--claims", type=int, default=1_000_000)
    chosen = arguments.parse_args()
    if os.environ.get("DATABASE_URL"):
        sys.exit("bench: unset DATABASE_URL; the bench fills a database of its own")
    ours = database.ensure_started()
    try:
        small, large = (_measured(claims) for claims in (SMALL, chosen.claims))
    finally:
        if ours:
            database.stop()
    _table(small, large, chosen.claims)


def _measured(claims: int) -> dict:
    return json.loads(databases.run(databases.copy_of(_world(claims), "measured"), "-m", "bench.queues.pages"))


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


def _table(small: dict, large: dict, claims: int) -> None:
    print(f"{'milliseconds':<40}{SMALL:>10,}{claims:>12,}{'ratio':>8}{'at most':>9}{'queries':>9}")
    for person, asked in large.items():
        for what, here in asked.items():
            there = small[person][what]
            ratio = here["milliseconds"] / there["milliseconds"]
            queries = " / ".join(dict.fromkeys(str(each["queries"]) for each in (there, here)))
            print(
                f"{person + ': ' + what:<40}{there['milliseconds']:>10.1f}{here['milliseconds']:>12.1f}"
                f"{ratio:>8.2f}{RATIO:>9.1f}{queries:>9}"
            )


if __name__ == "__main__":
    main()
