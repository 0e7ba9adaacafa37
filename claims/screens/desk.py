"""An incident's desk: what its claims come to, and what may be done about all of them at once."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from functools import cached_property

from django.db.models import Count, Sum
from django.utils.translation import ngettext

from claims import gate
from claims.models import Assessment, Bonus, Claim, Policy, Verdict
from claims.workflow import payable_claims
from claims.workflow.goodwill import customers_due_a_bonus
from jobs.estimate import Estimate, estimate
from jobs.models import Job


class Desk:
    """What the page shows; each part is asked for once."""

    def __init__(self, incident, user, *, now: datetime):
        self.incident, self.user, self.now = incident, user, now

    @cached_property
    def policies(self) -> list[Policy]:
        return list(self.incident.policies.select_related("drafted_by", "published_by").order_by("-version"))

    @cached_property
    def in_force(self) -> Policy | None:
        return next((policy for policy in self.policies if policy.status == Policy.Status.PUBLISHED), None)

    @cached_property
    def latest(self) -> Assessment | None:
        """The latest run over the whole incident; what came in since is assessed by smaller ones."""
        runs = Assessment.objects.filter(incident=self.incident, claim__isnull=True, waiting_only=False)
        return runs.select_related("policy", "requested_by").first()

    @cached_property
    def job(self) -> Job | None:
        return Job.objects.filter(key=f"assess-{self.latest.pk}").first() if self.latest else None

    @property
    def under_way(self) -> bool:
        return bool(self.job and self.job.state in Job.UNFINISHED)

    @cached_property
    def progress(self) -> Estimate | None:
        return estimate(self.job, now=self.now) if self.job else None

    @property
    def time_left(self) -> str:
        """In words, at today's pace; empty while nothing tells it."""
        if self.progress is None or self.progress.left is None:
            return ""
        seconds = round(self.progress.left.total_seconds())
        if seconds < 90:
            return ngettext("about %(n)s second left", "about %(n)s seconds left", seconds) % {"n": seconds}
        minutes = -(-seconds // 60)
        return ngettext("about %(n)s minute left", "about %(n)s minutes left", minutes) % {"n": minutes}

    @cached_property
    def statuses(self) -> list[tuple[str, object, int]]:
        """Claims by status: (code, words, how many), empty ones left out."""
        found = dict(self._claims.order_by().values_list("status").annotate(Count("pk")))
        return [(code, words, found[code]) for code, words in Claim.Status.choices if code in found]

    @property
    def _claims(self):
        return Claim.objects.filter(incident=self.incident)

    @cached_property
    def outcomes(self) -> list[dict]:
        """Verdicts in force by outcome and asset: how many orders, and what they come to."""
        rows = Verdict.objects.in_force().filter(claim__incident=self.incident).order_by()
        found = rows.values("outcome", "asset").annotate(orders=Count("pk"), amount=Sum("amount"))
        places = {code: place for place, code in enumerate(Verdict.Outcome.values)}
        words = dict(Verdict.Outcome.choices)
        ordered = sorted(found, key=lambda row: (places[row["outcome"]], row["asset"]))
        return [row | {"words": words[row["outcome"]]} for row in ordered]

    @cached_property
    def awarded(self) -> dict[str, Decimal]:
        """By asset, what approvals granted so far."""
        rows = Claim.objects.filter(incident=self.incident, awards__isnull=False).order_by("awards__asset")
        return dict(rows.values_list("awards__asset").annotate(Sum("awards__amount")))

    @cached_property
    def payable(self) -> list:
        """By asset, what an approval of everything would grant: claims, orders, amount."""
        rows = (
            Verdict.objects.owing()
            .filter(claim__incident=self.incident, claim__status__in=Claim.DECIDABLE, claim__held_at__isnull=True)
            .order_by("asset")
        )
        return list(
            rows.values("asset").annotate(claims=Count("claim", distinct=True), orders=Count("pk"), amount=Sum("owed"))
        )

    @cached_property
    def prepared_by_me(self) -> int:
        """Payable claims that this person prepared, and so cannot approve."""
        return payable_claims(self.incident).filter(gate.prepared_by(self.user)).count()

    @cached_property
    def bonuses(self) -> list:
        """By asset, the goodwill bonuses granted so far."""
        rows = Bonus.objects.filter(claim__incident=self.incident).order_by("asset")
        return list(rows.values("asset").annotate(customers=Count("pk"), amount=Sum("amount")))

    @cached_property
    def bonuses_due(self) -> int:
        """Customers whom a grant would reach now."""
        return customers_due_a_bonus(self.incident, self.in_force.terms) if self.in_force else 0

    @property
    def bonuses_due_in_all(self) -> Decimal:
        """What that grant would come to, in the bonus's asset."""
        return self.bonuses_due * self.in_force.terms.bonus_amount
