"""`load_policy INCIDENT FILE_OR_PRESET [--publish]`: a new policy version from TOML."""

from __future__ import annotations

from pathlib import Path

from django.db import transaction
from django.utils import timezone

from claims import workflow
from claims.gate import Refused
from claims.management.named import incident_named
from claims.terms import PRESETS, TermsError
from jobs.console import PortalCommand, Refusal, staff_named, text_of


class Command(PortalCommand):
    help = f"Load a policy from a TOML file or a preset ({', '.join(PRESETS)}); the same terms again change nothing."
    refusals = (Refused, TermsError)

    def arguments(self, parser):
        parser.add_argument("incident")
        parser.add_argument("policy", metavar="FILE_OR_PRESET")
        parser.add_argument("--publish", action="store_true", help="freeze it and put it in force")
        parser.add_argument("--reason", default="", metavar="TEXT", help="why there is a new version")
        parser.add_argument("--by", metavar="USER", help="the manager who loads it")

    def act(self, *, incident, policy, publish, reason, by, **_options):
        incident, by, now = incident_named(incident), by and staff_named(by), timezone.now()
        with transaction.atomic():  # who may not publish leaves no draft behind
            why = reason or f"loaded from {Path(policy).name}"
            version = workflow.draft_policy(incident, toml_of(policy), by=by, reason=why, now=now)
            if publish:
                version = workflow.publish_policy(version, by=by, now=now)
        return {"incident": incident.reference, "version": version.version, "status": version.status}


def toml_of(policy: str) -> str:
    if policy not in PRESETS and not Path(policy).exists():
        raise Refusal(f"there is no file and no preset {policy!r}; presets: {', '.join(PRESETS)}")
    return text_of(PRESETS.get(policy, policy))
