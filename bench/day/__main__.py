"""`make bench-day`: the day on a database of its own; what came of it as a table, exit 1 if anything was lost or done twice."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from bench import databases
from bench.day.workers import surroundings
from config import database


def main() -> None:
    arguments = argparse.ArgumentParser(prog="bench.day", description=__doc__)
    arguments.add_argument("--contacts", type=int, default=5_000)
    arguments.add_argument("--uploads", type=int, default=800)
    arguments.add_argument(
        "--kill-every", type=float, default=7.0, help="seconds between two deaths of the same worker"
    )
    arguments.add_argument("--images", type=Path, action="append", default=[], help="folders of more files to upload")
    chosen = arguments.parse_args()
    if os.environ.get("DATABASE_URL"):
        sys.exit("bench.day: unset DATABASE_URL; the day fills a database of its own")
    ours = database.ensure_started()
    try:
        databases.copy_of(_empty(), "day")
        with tempfile.TemporaryDirectory(prefix="day-") as folder:
            os.environ |= surroundings(Path(folder))
            print_table(json.loads(databases.run("day", "-m", "bench.day.run", *_passed_on(chosen, folder))))
    finally:
        if ours:
            database.stop()


def _empty() -> str:
    """A migrated database without a row of ours, made once and brought up to date."""
    if not databases.exists("day_empty"):
        databases.create("day_empty")
    databases.run("day_empty", "manage.py", "migrate", "--verbosity", "0")
    return "day_empty"


def _passed_on(chosen: argparse.Namespace, folder: str) -> list[str]:
    numbers = ("--contacts", chosen.contacts), ("--uploads", chosen.uploads), ("--kill-every", chosen.kill_every)
    images = [("--images", path.resolve()) for path in chosen.images]
    return [folder, *(str(word) for pair in (*numbers, *images) for word in pair)]


def print_table(told: dict) -> None:
    """Figures, then whatever is wrong; ends with 1 if something is."""
    for name, value in told["figures"].items():
        print(f"{name:<48}{value:>14,.1f}" if isinstance(value, float) else f"{name:<48}{value:>14,}")
    for line in told["listed"]:
        print(f"  to be looked at: {line}")
    for fault in told["faults"]:
        print(f"WRONG: {fault}")
    print(f"{'faults':<48}{len(told['faults']):>14,}")
    sys.exit(1 if told["faults"] else 0)


if __name__ == "__main__":
    main()
