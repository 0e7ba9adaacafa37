"""`grant_portal ROLE`: the rights of the database role that the web machines and workers connect as; after every migration."""

from __future__ import annotations

from jobs.console import PortalCommand
from ledger.granting import GrantError, grant


class Command(PortalCommand):
    help = (
        "Give a database role that owns nothing what the portal needs: of the books to read them and to post, no more."
    )
    refusals = (GrantError,)

    def arguments(self, parser):
        parser.add_argument("role", help="an existing role, by which the portal connects")

    def act(self, *, role, **_options):
        return {"role": role, **grant(role)}
