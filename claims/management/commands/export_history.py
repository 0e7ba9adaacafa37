"""`export_history`: every change with who, when, from where, old and new."""

from __future__ import annotations

from django.core.management.base import CommandError

from claims import history
from claims.models import Claim
from jobs.console import PortalCommand, Refusal, written_to
from jobs.paper import day


class Command(PortalCommand):
    help = "Every change as CSV, oldest first: who, when, from where, old and new (--from and --to: days in UTC, both inside)."

    def arguments(self, parser):
        parser.add_argument("--from", dest="first", type=day, metavar="DAY", help="such as 2022-11-01")
        parser.add_argument("--to", dest="last", type=day, metavar="DAY", help="such as 2022-11-30")
        parser.add_argument("--claim", metavar="REFERENCE", help="only this claim and what hangs on it")
        parser.add_argument("--output", metavar="FILE", help="instead of standard output")

    def act(self, *, first, last, claim, output, json, **_options):
        if json and not output:
            raise CommandError("--json needs --output FILE: without it the history is the output", returncode=2)
        if first and last and first > last:
            raise CommandError(f"--from {first} is after --to {last}", returncode=2)
        changes = history.between(first, last, history.of_claim(claim_named(claim)) if claim else None)
        with written_to(output, self.stdout) as file:
            rows = history.write(changes, file)
        return {"rows": rows, "output": output} if output else {}


def claim_named(reference: str) -> Claim:
    """The claim of this reference, or a Refusal that says so."""
    found = Claim.objects.filter(reference=reference).first()
    if found is None:
        raise Refusal(f"there is no claim {reference}")
    return found
