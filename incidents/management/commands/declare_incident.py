"""`declare_incident FILE.toml [--publish]`: an incident with its outage windows."""

from __future__ import annotations

from pathlib import Path

from django.utils import timezone

from incidents import incident_file, workflow
from jobs.console import PortalCommand, staff_named, text_of


class Command(PortalCommand):
    help = "Create or update an incident from a TOML file: a draft, until --publish."
    refusals = (workflow.Refused, incident_file.IncidentFileError)

    def arguments(self, parser):
        parser.add_argument("file", type=Path)
        parser.add_argument("--publish", action="store_true", help="show it to the public")
        parser.add_argument("--by", metavar="USER", help="the manager who declares it")

    def act(self, *, file, publish, by, **_options):
        document = incident_file.read(text_of(file))
        incident = workflow.declare(document, by=by and staff_named(by), publish=publish, now=timezone.now())
        return {"incident": incident.reference, "status": incident.status}
