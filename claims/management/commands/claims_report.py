"""`claims_report incident|bonuses|exceptions [INCIDENT]`: decisions held against the books, as of any day or instant."""

from __future__ import annotations

from django.core.management.base import CommandError

from claims import papers
from jobs.paper import day, moment
from jobs.report_command import ReportCommand


class Command(ReportCommand):
    help = "An incident's compensation, the goodwill bonuses, or what an auditor looks at twice."
    reports = ("incident", "bonuses", "exceptions")

    def bounds(self, parser):
        parser.add_argument(
            "incident", nargs="?", metavar="INCIDENT", help="of the incident's report; of bonuses: or all"
        )
        parser.add_argument("--from", dest="first", type=day, metavar="D", help="of exceptions: the first day")
        parser.add_argument(
            "--as-of", type=moment, metavar="T", help="decided and posted by this instant, or this day's end"
        )

    def paper(self, *, report, incident, first, as_of, **_options):
        if (incident and report == "exceptions") or (first and report != "exceptions"):
            raise CommandError("exceptions are --from a day on; the others are of an INCIDENT", returncode=2)
        if report == "exceptions":
            return papers.exceptions(first=first, as_of=as_of)
        if report == "bonuses":
            return papers.bonuses(reference=incident, as_of=as_of)
        if not incident:
            raise CommandError("say which INCIDENT", returncode=2)
        return papers.incident(reference=incident, as_of=as_of)
