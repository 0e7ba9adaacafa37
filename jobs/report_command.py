"""What every command that prints a report promises: tables to read, or CSV, XLSX and JSON; a file appears whole or not at all."""

from __future__ import annotations

from abc import abstractmethod

from django.core.management.base import CommandError

from jobs.console import PortalCommand, Refusal, written_to
from jobs.paper import Asked, Paper
from jobs.report_files import FORMATS, write


class ReportCommand(PortalCommand):
    """`NAME REPORT …`: subclasses define `bounds(parser)`, what may be asked, and `paper(**options)`, which answers it."""

    reports: tuple[str, ...] = ()

    def arguments(self, parser):
        parser.add_argument("report", choices=self.reports)
        self.bounds(parser)
        parser.add_argument("--format", choices=FORMATS, help="instead of tables to read; a CSV holds one table")
        parser.add_argument("--table", default="", metavar="NAME", help="of a CSV, instead of the report's main table")
        parser.add_argument("--output", metavar="FILE", help="instead of standard output")

    @abstractmethod
    def bounds(self, parser) -> None:
        """The arguments that say what the report is about."""

    @abstractmethod
    def paper(self, **options) -> Paper:
        """The one call."""

    def act(self, *, format, table, output, json, **options):
        if json and format not in (None, "json"):
            raise CommandError(f"--json and --format {format} exclude each other", returncode=2)
        if format == "xlsx" and not output and self.stdout.isatty():
            raise CommandError("a workbook is nothing to read: --output FILE, or send it on", returncode=2)
        form = "json" if json else format or "text"
        try:
            paper = self.paper(**options)
            with written_to(output, self.stdout) as file:
                write(paper, form, file, table=table)
        except Asked as wrong:
            raise Refusal(str(wrong)) from wrong
        return {"report": paper.name, "output": output} if output else {}
