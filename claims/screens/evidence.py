"""One file at a time: what it shows, what it says of itself, whom it resembles, and the grounds to accept or reject it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from django.db.models import QuerySet

from claims import gate, likenesses
from claims.models import Claim, Evidence, Frame
from claims.receiving import FINDINGS
from claims.workflow.reviewing import GROUNDS

LIKENESSES_MAX = 12  # that a person would look through


@dataclass(frozen=True)
class Ground:
    """A ground of the list, with the key that chooses it and the verdicts it goes with."""

    key: int
    code: str
    words: object
    verdict: str  # accept, reject, or empty: both


def grounds() -> list[Ground]:
    """In their order, numbered from 1."""
    return [
        Ground(key, code, words, verdict_of(code)) for key, (code, words) in enumerate(Evidence.Ground.choices, start=1)
    ]


def verdict_of(code: str) -> str:
    accepts, rejects = code in GROUNDS[True], code in GROUNDS[False]
    return "" if accepts and rejects else "accept" if accepts else "reject"


def said_of(evidence: Evidence) -> str:
    """What its reviewer said: the ground in the reader's language, and words of their own behind it."""
    ground = str(evidence.get_ground_display()) if evidence.ground else ""
    own = evidence.reason if evidence.reason != dict(Evidence.Ground.choices).get(evidence.ground) else ""
    return ": ".join(filter(None, [ground, own])) if ground != own else own


def findings_of(evidence: Evidence) -> list:
    return [FINDINGS.get(code, code) for code in evidence.findings]


def lines(items: list[Evidence]) -> list[tuple[Evidence, list, str, bool]]:
    """Of each of a claim's files: its findings, what its reviewer said, whether it can be reviewed."""
    return [(item, findings_of(item), said_of(item), looked_at(item)) for item in items]


def looked_at(evidence: Evidence) -> bool:
    """Whether it can be reviewed: a worker has watched the recording."""
    return evidence.inspected_at is not None or evidence.kind == Evidence.Kind.SCREENSHOT


def files() -> QuerySet[Evidence]:
    """Files with all that the page shows of them."""
    return Evidence.objects.select_related("claim__incident", "claim__customer", "received_by", "reviewed_by")


class EvidencePage:
    """Everything the viewer shows."""

    def __init__(self, evidence: Evidence, user, beside: Evidence | None = None):
        self.item, self.user, self.beside = evidence, user, beside

    @cached_property
    def claim(self) -> Claim:
        return self.item.claim

    @cached_property
    def panes(self) -> list[tuple[Evidence, list[Frame], list]]:
        """The file and, beside it, the one it is held against: each with its stills and findings."""
        shown = [self.item, self.beside] if self.beside else [self.item]
        return [(item, list(item.frames.all()), findings_of(item)) for item in shown]

    @property
    def can_zoom(self) -> bool:
        return any(item.kind == Evidence.Kind.SCREENSHOT and item.preview for item, _frames, _findings in self.panes)

    @cached_property
    def likenesses(self) -> list[Evidence]:
        """The very same file elsewhere, then those that look alike, the nearest first."""
        same = files().filter(pk__in=likenesses.twins(self.item).values("pk")).order_by("received_at", "id")
        near = likenesses.alike(self.item).exclude(sha256=self.item.sha256).order_by("differing", "received_at", "id")
        found = list(same[:LIKENESSES_MAX])
        return found + list(near.select_related("claim__customer")[: LIKENESSES_MAX - len(found)])

    @cached_property
    def ready(self) -> bool:
        return looked_at(self.item)

    @cached_property
    def may_review(self) -> bool:
        return self.ready and "review" in gate.allowed(self.claim, self.user)

    @cached_property
    def siblings(self) -> list[Evidence]:
        """The claim's files, in their order."""
        return list(self.claim.evidence.all())

    @property
    def place(self) -> int:
        """Which of the claim's files it is, from 1."""
        return [item.pk for item in self.siblings].index(self.item.pk) + 1

    @property
    def before(self) -> Evidence | None:
        return self.siblings[self.place - 2] if self.place > 1 else None

    @property
    def behind(self) -> Evidence | None:
        return self.siblings[self.place] if self.place < len(self.siblings) else None

    @property
    def said(self) -> str:
        return said_of(self.item)

    @property
    def grounds(self) -> list[Ground]:
        return grounds()


def next_to_review(claim_id: int) -> Evidence | None:
    """The claim's oldest file that waits for a review and can have one."""
    waiting = Evidence.objects.unreviewed().filter(claim=claim_id).order_by("received_at", "id")
    return next((item for item in waiting if looked_at(item)), None)
