"""`verify_ledger`: do the books keep every law, and are they what was decided? Exit 1 if not."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError

from django.utils.timezone import now

from claims.gate import Refused
from claims.verifying import verify
from jobs import progress
from jobs.console import PortalCommand, staff_named

SEAL = re.compile(r"[1-9][0-9]{0,8}:[0-9a-f]{64}")


def seal(text: str) -> str:
    if not SEAL.fullmatch(text):
        raise ArgumentTypeError(f"{text!r} is no seal: its number, a colon and its 64 hexadecimal digits")
    return text


class Command(PortalCommand):
    help = "Verify every law of the books from the stored rows, the chain of seals, and every award and bonus."
    refusals = (Refused,)
    nothing = {"ok": False, "checked": {}, "problems": [], "seal": None}

    def arguments(self, parser):
        parser.add_argument(
            "--seal",
            action="append",
            default=[],
            type=seal,
            metavar="NUMBER:HASH",
            help="a seal that was kept outside: it must still be in the chain (any number of them)",
        )
        parser.add_argument("--by", metavar="USER", help="who asks for the verification")

    def act(self, *, seal, by, json, **_options):
        run = verify(by=by and staff_named(by), now=now(), kept=seal, progress=progress.line(quiet=json))
        more = run.problem_count - len(run.problems)
        return {
            "ok": run.ok,
            "checked": run.checked,
            "problems": run.problems + ([f"… and {more:,} more problems"] if more else []),
            "seal": run.last_seal and str(run.last_seal),
        }
