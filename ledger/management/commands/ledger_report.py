"""`ledger_report trial-balance`: every account's debits, credits and balance."""

from __future__ import annotations

import csv
import json
from datetime import date, datetime

from django.core.management.base import CommandError

from jobs.console import PortalCommand
from ledger.reports import Line, totals, trial_balance

COLUMNS = ("account", "asset", "debit", "credit", "balance")


def moment(text: str) -> date | datetime:
    """A day (2022-11-30: effective up to its end) or an instant with offset (2022-11-30T12:00:00Z: posted by then)."""
    if len(text) == 10:
        return date.fromisoformat(text)
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("an instant needs its offset")
    return found


class Command(PortalCommand):
    help = "Trial balance: per asset, debits and credits are equal and the balances sum to zero."

    def arguments(self, parser):
        parser.add_argument("report", choices=["trial-balance"])
        parser.add_argument("--as-of", type=moment, metavar="T", help=moment.__doc__)
        parser.add_argument("--format", choices=["csv", "json"], help="instead of a table to read")

    def act(self, *, as_of, format, json, **_options):
        if json and format == "csv":
            raise CommandError("--json and --format csv exclude each other", returncode=2)
        lines = trial_balance(as_of)
        if format == "csv":
            self.print_csv(lines)
        elif json or format == "json":
            self.print_json(lines, as_of)
        else:
            self.print_table(lines)
        return {}

    def print_csv(self, lines: list[Line]) -> None:
        writer = csv.writer(self.stdout, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(cells(line) for line in lines)

    def print_json(self, lines: list[Line], as_of: date | datetime | None) -> None:
        rows = [dict(zip(COLUMNS, cells(line), strict=True)) for line in lines]
        sums = {asset: f"{line.balance:f}" for asset, line in totals(lines).items()}
        report = {"report": "trial-balance", "as_of": as_of and as_of.isoformat(), "rows": rows, "totals": sums}
        self.stdout.write(json.dumps(report, ensure_ascii=False))

    def print_table(self, lines: list[Line]) -> None:
        rows = [COLUMNS, *(cells(line) for line in [*lines, *totals(lines).values()])]
        widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
        for row in rows:
            words = [row[0].ljust(widths[0]), row[1].ljust(widths[1])]
            numbers = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
            self.stdout.write("  ".join([*words, *numbers]))


def cells(line: Line) -> tuple[str, ...]:
    return (line.account, line.asset, f"{line.debit:f}", f"{line.credit:f}", f"{line.balance:f}")
