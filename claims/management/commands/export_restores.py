"""`export_restores INCIDENT`: the restore instructions for the trading desk, one row per approved order."""

from __future__ import annotations

from django.core.management.base import CommandError

from claims.exports import write_restores
from claims.management.named import incident_named
from jobs.console import PortalCommand, written_to


class Command(PortalCommand):
    help = "The approved orders that the trading desk restores, as CSV: account, symbol, side, quantity, entry price."

    def arguments(self, parser):
        parser.add_argument("incident")
        parser.add_argument("--output", metavar="FILE", help="instead of standard output")

    def act(self, *, incident, output, json, **_options):
        incident = incident_named(incident)
        if json and not output:
            raise CommandError("--json needs --output FILE: without it the rows are the output", returncode=2)
        with written_to(output, self.stdout) as file:
            rows = write_restores(incident, file)
        return {"rows": rows, "output": output} if output else {}
