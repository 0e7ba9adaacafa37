"""`export_verdicts INCIDENT`: the verdicts in force, one row per claim and order."""

from __future__ import annotations

from django.core.management.base import CommandError

from claims.exports import write_verdicts
from claims.management.named import incident_named
from jobs.console import PortalCommand, written_to


class Command(PortalCommand):
    help = "The verdicts in force as CSV, one row per claim and order."

    def arguments(self, parser):
        parser.add_argument("incident")
        parser.add_argument("--output", metavar="FILE", help="instead of standard output")

    def act(self, *, incident, output, json, **_options):
        incident = incident_named(incident)
        if json and not output:
            raise CommandError("--json needs --output FILE: without it the rows are the output", returncode=2)
        with written_to(output, self.stdout) as file:
            rows = write_verdicts(incident, file)
        return {"rows": rows, "output": output} if output else {}
