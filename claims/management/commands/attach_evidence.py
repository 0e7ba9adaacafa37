"""`attach_evidence CLAIM FILE...`: keep screenshots and recordings on a claim and, if asked, review them."""

from __future__ import annotations

from contextlib import ExitStack

from django.conf import settings
from django.core.management.base import CommandError
from django.utils import timezone

from claims.gate import Refused
from claims.management.named import claim_named
from claims.models import Evidence
from claims.receiving import EvidenceRefused, Review, Sizes, attach_evidence
from jobs.console import PortalCommand, Refusal, staff_named


class Command(PortalCommand):
    help = "Store and inspect evidence; with --verdict review it too. All of the files or none."
    refusals = (Refused, EvidenceRefused)

    def arguments(self, parser):
        parser.add_argument("claim", help="its reference, such as CLM-000123")
        parser.add_argument("files", nargs="+", metavar="FILE", help="PNG, JPEG, WebP, HEIC, MP4, MOV or WebM")
        parser.add_argument("--verdict", choices=["accepted", "rejected"], help="review the files at once")
        parser.add_argument("--reason", default="", metavar="TEXT", help="what the review found")
        parser.add_argument(
            "--ground", default="", choices=["", *Evidence.Ground.values], help="its ground, of the list"
        )
        parser.add_argument("--by", metavar="USER", help="who brings the files and reviews them")

    def act(self, *, claim, files, verdict, reason, ground, by, **_options):
        if verdict and not (reason.strip() and by):
            raise CommandError("--verdict needs --reason TEXT and --by USER", returncode=2)
        if (reason or ground) and not verdict:
            raise CommandError("--reason and --ground go with --verdict", returncode=2)
        claim, by = claim_named(claim), staff_named(by) if by else None
        with ExitStack() as opened:
            kept = attach_evidence(
                claim,
                files=_open(files, opened),
                review=Review(verdict == "accepted", reason, ground) if verdict else None,
                wait=True,
                by=by,
                now=timezone.now(),
                sizes=Sizes(settings.EVIDENCE_MAX_BYTES, settings.EVIDENCE_MAX_VIDEO_BYTES),
            )
        return {"evidence": [_shown(evidence) for evidence in kept]}

    @staticmethod
    def plain(value):
        """The lines for people: a file each."""
        return "".join(
            f"\n  {row['id']} {row['kind']} {row['sha256']} {row['status']} {' '.join(row['findings'])}".rstrip()
            for row in value
        )


def _open(files, opened: ExitStack) -> list:
    """Each file with its name; Refusal that names those that cannot be read."""
    pairs, errors = [], []
    for file in files:
        try:
            pairs.append((file, opened.enter_context(open(file, "rb"))))
        except OSError as error:
            errors.append(f"{file}: {error.strerror}")
    if errors:
        raise Refusal(*errors)
    return pairs


def _shown(evidence) -> dict:
    names = ("id", "kind", "sha256", "findings", "status")
    return {name: getattr(evidence, name) for name in names}
