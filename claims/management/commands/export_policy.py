"""`export_policy INCIDENT`: a policy version as its TOML file, to the byte as it was loaded."""

from __future__ import annotations

from django.core.management.base import CommandError

from claims.management.named import incident_named
from jobs.console import PortalCommand, Refusal, written_to


class Command(PortalCommand):
    help = "A policy as its TOML file, to the byte as it was loaded; the version in force unless another is named."

    def arguments(self, parser):
        parser.add_argument("incident")
        parser.add_argument("--policy-version", type=int, metavar="N", help="instead of the one in force")
        parser.add_argument("--output", metavar="FILE", help="instead of standard output")

    def act(self, *, incident, policy_version, output, json, **_options):
        incident = incident_named(incident)
        if json and not output:
            raise CommandError("--json needs --output FILE: without it the file is the output", returncode=2)
        policy = (
            incident.policies.filter(version=policy_version).first() if policy_version else incident.policies.in_force()
        )
        if policy is None:
            wanted = f"version {policy_version}" if policy_version else "published policy"
            raise Refusal(f"{incident.reference} has no {wanted}")
        with written_to(output, self.stdout) as file:
            file.write(policy.file.encode())
        return {"incident": incident.reference, "version": policy.version, "output": output} if output else {}
