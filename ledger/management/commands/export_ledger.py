"""`export_ledger`: the journal, for a spreadsheet, for a program, or for a program of others that adds it up again."""

from __future__ import annotations

from datetime import date
from typing import BinaryIO

from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from jobs import workbook
from jobs.console import PortalCommand, written_to
from ledger.exports import COLUMNS, table, write_beancount, write_csv, write_hledger, write_jsonl


def write_xlsx(file: BinaryIO, *, first: date | None = None, last: date | None = None) -> int:
    """The rows of the CSV as a workbook, on as many sheets as they need."""
    with table(first=first, last=last) as rows:
        return workbook.write(file, [(_("Journal"), COLUMNS, rows)])


FORMATS = {
    "csv": write_csv,
    "xlsx": write_xlsx,
    "jsonl": write_jsonl,
    "beancount": write_beancount,
    "hledger": write_hledger,
}


class Command(PortalCommand):
    help = "The journal, entry by entry (--from and --to: effective dates, both inside)."

    def arguments(self, parser):
        parser.add_argument("--from", dest="first", type=date.fromisoformat, metavar="DAY", help="such as 2022-11-01")
        parser.add_argument("--to", dest="last", type=date.fromisoformat, metavar="DAY", help="such as 2022-11-30")
        parser.add_argument("--format", choices=FORMATS, default="csv")
        parser.add_argument("--output", metavar="FILE", help="instead of standard output")

    def act(self, *, first, last, format, output, json, **_options):
        if json and not output:
            raise CommandError("--json needs --output FILE: without it the journal is the output", returncode=2)
        if first and last and first > last:
            raise CommandError(f"--from {first} is after --to {last}", returncode=2)
        with written_to(output, self.stdout) as file:
            rows = FORMATS[format](file, first=first, last=last)
        return {"rows": rows, "output": output} if output else {}
