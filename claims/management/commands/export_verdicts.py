"""`export_verdicts INCIDENT`: the verdicts in force, one row per claim and order."""

from __future__ import annotations

import sys

from claims.exports import write_verdicts
from claims.management.named import incident_named
from jobs.console import PortalCommand


class Command(PortalCommand):
    help = "The verdicts in force as CSV, one row per claim and order."

    def arguments(self, parser):
        parser.add_argument("incident")
        parser.add_argument("--output", metavar="FILE", help="instead of standard output")

    def act(self, *, incident, output, **_options):
        incident = incident_named(incident)
        if output:
            with open(output, "wb") as file:
                return {"rows": write_verdicts(incident, file), "output": output}
        sys.stdout.flush()
        write_verdicts(incident, sys.stdout.buffer)
        return {}
