"""One version of a policy on one screen: what it says, what changed, what it would come to."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _

from claims import assessment as facts
from claims import sentences
from claims.differences import Change, changes
from claims.models import Claim, Policy, Preview, Verdict
from claims.screens.editor import told
from claims.terms import Clause
from jobs.models import Job

OUTCOMES = dict(Verdict.Outcome.choices)


@dataclass(frozen=True)
class Comparison:
    """What changed from another version to this one."""

    other: Policy
    changes: list[Change]


@dataclass
class Count:
    """Orders and what they come to: of those who claim, or of those who do not yet."""

    orders: int = 0
    customers: int = 0
    amount: Decimal = Decimal(0)


@dataclass
class OutcomeRow:
    """One outcome in one asset."""

    outcome: str
    words: Any
    asset: str
    claimed: Count
    unclaimed: Count

    @property
    def orders(self) -> int:
        return self.claimed.orders + self.unclaimed.orders

    @property
    def amount(self) -> Decimal:
        return self.claimed.amount + self.unclaimed.amount


class PolicyPage:
    """What the page shows; each part is asked for once. `against`: the version to compare with, if one was chosen."""

    def __init__(self, policy: Policy, user, *, against: str = ""):
        self.policy, self.user, self._against = policy, user, against

    @cached_property
    def versions(self) -> list[Policy]:
        """The incident's other versions, newest first."""
        return list(self.policy.incident.policies.exclude(pk=self.policy.pk).order_by("-version"))

    @cached_property
    def in_force(self) -> Policy | None:
        return self.policy.incident.policies.in_force()

    @property
    def is_draft(self) -> bool:
        return self.policy.status == Policy.Status.DRAFT

    @property
    def may_draft(self) -> bool:
        return self.user.has_perm("claims.add_policy")

    @property
    def may_publish(self) -> bool:
        return self.is_draft and self.user.has_perm("claims.publish_policy")

    @property
    def may_preview(self) -> bool:
        return self.user.has_perm("claims.add_preview")

    @cached_property
    def chosen(self) -> Policy | None:
        return next((policy for policy in self.versions if str(policy.pk) == self._against), None)

    @cached_property
    def comparisons(self) -> list[Comparison]:
        """Against the chosen version; else against the one before and, of a draft, the one in force."""
        before = next((policy for policy in self.versions if policy.version < self.policy.version), None)
        others = [self.chosen] if self.chosen else [before, self.in_force if self.is_draft else None]
        found = {other.pk: other for other in others if other and other.pk != self.policy.pk}
        return [Comparison(other, changes(other.document, self.policy.document)) for other in found.values()]

    @cached_property
    def clauses(self) -> list[tuple[Clause, list[tuple[str, str]]]]:
        """Each clause with what it says, as the portal reads it, in the published languages."""
        return list(zip(self.policy.terms.clauses, map(told, self.policy.document["clauses"]), strict=True))

    @cached_property
    def general(self) -> list[tuple[Any, list[tuple[Any, str]]]]:
        return sentences.general(self.policy.document)

    @cached_property
    def preview(self) -> PreviewPage | None:
        latest = self.policy.previews.select_related("policy__incident", "requested_by").first()
        return PreviewPage(latest) if latest else None

    @property
    def was_previewed(self) -> bool:
        """Whether somebody can have seen what these very terms come to."""
        finished = self.policy.previews.filter(finished_at__isnull=False, result__sha256=self.policy.sha256)
        return finished.exists()


class PreviewPage:
    """A preview's figures, for the eye."""

    def __init__(self, preview: Preview):
        self.preview, self.result = preview, preview.result
        self.policy = preview.policy

    @cached_property
    def job(self) -> Job | None:
        return Job.objects.filter(key=self.preview.job_key).first()

    @property
    def under_way(self) -> bool:
        return self.preview.finished_at is None and bool(self.job and self.job.state in Job.UNFINISHED)

    @cached_property
    def stale(self) -> list[str]:
        """What changed since: the figures are as of then."""
        since = []
        if self.result.get("sha256") != self.policy.sha256:
            since.append(_("the draft was changed"))
        if self.result.get("windows") != facts.windows_of(self.policy.incident):
            since.append(_("the outage windows were changed"))
        if facts.imported_since(self.preview.requested_at):
            since.append(_("files were imported"))
        if self.result.get("claims") != Claim.objects.filter(incident=self.policy.incident_id).count():
            since.append(_("claims came in"))
        in_force = self.policy.incident.policies.in_force()
        if in_force and in_force != self.policy and in_force.sha256 != self.result.get("in_force"):
            since.append(_("another version came into force"))
        return since

    @cached_property
    def crowd(self) -> dict[bool, Count]:
        """How many orders and customers there are: with a claim (True) and without."""
        found = {True: Count(), False: Count()}
        for row in self.result["crowd"]:
            found[row["claimed"]] = Count(row["orders"], row["customers"])
        return found

    @property
    def claimed(self) -> Count:
        return self.crowd[True]

    @property
    def unclaimed(self) -> Count:
        return self.crowd[False]

    @cached_property
    def outcomes(self) -> list[OutcomeRow]:
        """By outcome, in the order of the outcomes; what is to be paid by asset, too."""
        found: dict[tuple[str, str], OutcomeRow] = {}
        for row in self.result["outcomes"]:
            key = (row["outcome"], row["asset"] if row["outcome"] == Verdict.Outcome.PAY else "")
            line = found.setdefault(key, OutcomeRow(key[0], OUTCOMES[key[0]], key[1], Count(), Count()))
            count = line.claimed if row["claimed"] else line.unclaimed
            count.orders += row["orders"]
            count.amount += Decimal(row["amount"])
        places = list(OUTCOMES)
        return sorted(found.values(), key=lambda line: (places.index(line.outcome), line.asset))

    @cached_property
    def to_pay(self) -> list[OutcomeRow]:
        """In total, per asset."""
        return [line for line in self.outcomes if line.outcome == Verdict.Outcome.PAY]

    @property
    def moves(self) -> list[dict]:
        """How the result differs from the version in force, outcome by outcome."""
        rows = (self.result["against"] or {}).get("moves", [])
        return [
            row
            | {
                "was_words": OUTCOMES[row["was_outcome"]],
                "words": OUTCOMES[row["outcome"]],
                "more": Decimal(row["amount"]) - Decimal(row["was_amount"]),
            }
            for row in rows
        ]

    @property
    def dearer(self) -> list[dict]:
        """Assets of which those who claim would take more, should each choose the dearer remedy."""
        return [row for row in self.result["fund"] if row["dearest"] != row["claimed"]]

    @property
    def lacks(self) -> list[dict]:
        """Assets of which the fund has not enough for those who claim."""
        return [row for row in self.result["fund"] if Decimal(row["shortfall"])]
