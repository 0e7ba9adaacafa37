"""`import_contacts INCIDENT FILE`: the helpdesk's contacts become claims."""

from __future__ import annotations

from pathlib import Path

from django.utils.timezone import now

from claims import intake
from claims.gate import Refused
from claims.management.named import incident_named
from jobs import progress
from jobs.console import PortalCommand, staff_named


class Command(PortalCommand):
    help = "Add support contacts from a CSV file; creates or extends claims."
    refusals = (Refused,)

    def arguments(self, parser):
        parser.add_argument("incident")
        parser.add_argument("file", type=Path)
        parser.add_argument("--timezone", default="", metavar="ZONE", help="of times without an offset: Asia/Shanghai")
        parser.add_argument("--by", metavar="USER", help="who enters them")

    def act(self, *, incident, file, timezone, by, json, **_options):
        return intake.import_contacts(
            incident_named(incident),
            file,
            timezone=timezone,
            by=by and staff_named(by),
            now=now(),
            progress=progress.line(quiet=json),
        )
