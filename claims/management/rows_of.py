"""What the commands that write an incident's rows share."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from django.core.management.base import CommandError

from claims.management.named import incident_named
from jobs.console import PortalCommand, written_to


class RowsOfIncident(PortalCommand):
    """`NAME INCIDENT [--output FILE]`: what `write(incident, file)` gives, as CSV; the number of rows where it went to a file."""

    write: ClassVar[Callable]

    def arguments(self, parser):
        parser.add_argument("incident")
        parser.add_argument("--output", metavar="FILE", help="instead of standard output")

    def act(self, *, incident, output, json, **_options):
        incident = incident_named(incident)
        if json and not output:
            raise CommandError("--json needs --output FILE: without it the rows are the output", returncode=2)
        with written_to(output, self.stdout) as file:
            rows = self.write(incident, file)
        return {"rows": rows, "output": output} if output else {}
