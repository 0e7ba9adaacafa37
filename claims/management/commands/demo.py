"""`demo`: the S1 case from made-up files, with staff users for every role."""

from __future__ import annotations

import tempfile
from pathlib import Path

from django.conf import settings

from claims.assessment import incidents
from claims.demo.files import OUTAGE, write
from claims.management import demo_case, sign_ins
from claims.models import Claim
from jobs.console import PortalCommand, Refusal

FIRST = {
    "ana": "Next claim: look at its screenshots, accept or reject them, and see what that does",
    "mia": "Incidents, {outage}: what is ready to be approved, one by one or all at once",
    "max": "{mine}: you entered it, so you may not decide on it; any other, you may",
    "aude": "verdicts, accounts and journal: read and export everything, change nothing",
}


class Command(PortalCommand):
    help = "Load the S1 case (made-up customers, prices through the public figures) with staff for every role; again: keeps it."

    def act(self, *, json, **_options):
        self.quiet = json
        if not sign_ins.exist() and (other := incidents().first()):
            raise Refusal(f"there is {other.reference} already: the demo goes only into a database without incidents")
        words = sign_ins.passwords(settings.VAR_DIR / "demo-sign-ins.json")
        loaded = demo_case.is_told()
        if not loaded:
            self.say("Loading the S1 case: the power outage of 16 November 2022, with made-up customers")
            self.load()
        mine = Claim.objects.filter(entered_by__username="max").order_by("pk").first()
        return {
            "loaded": not loaded,
            "incident": OUTAGE,
            "claims": Claim.objects.count(),
            "sign_ins": [
                {"user": name, "role": role, "password": words[name]} for name, role in sign_ins.ROLES.items()
            ],
            "try_first": {name: what.format(outage=OUTAGE, mine=mine) for name, what in FIRST.items()},
        }

    def load(self):
        with tempfile.TemporaryDirectory(prefix="makegood-demo-") as folder:
            demo_case.tell(write(Path(folder)), lambda line: self.say(f"  {line}"))

    def say(self, line):
        if not self.quiet:
            self.stdout.write(line)
            self.stdout.flush()

    def print(self, result, *, as_json):
        if as_json or "errors" in result:
            super().print(result, as_json=as_json)
            return
        if not result["loaded"]:
            self.say(f"The S1 case is loaded: {result['claims']} claims.")
        lines = ["", "Sign in at /staff/ as"]
        lines += [
            f"  {one['user']:<6}{one['role']:<9}{one['password'] or 'with their own password'}"
            for one in result["sign_ins"]
        ]
        lines += ["", "What to try first", *(f"  {name:<6}{what}" for name, what in result["try_first"].items())]
        self.stdout.write("\n".join(lines))
