"""The day's figures: what waits, what is late, incident by incident."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property

from django.db.models import Count, Q

from claims import assessment as facts
from claims.models import Claim, Letter, PayoutBatch
from claims.screens import lanes, queue


class Today:
    """What the first page shows; each part is asked for once."""

    def __init__(self, user, *, now: datetime):
        self.user, self.now = user, now

    @cached_property
    def for_me(self) -> int:
        return queue.for_me(self.user).count()

    @cached_property
    def waiting(self) -> int:
        return Claim.objects.open().count()

    @cached_property
    def overdue(self) -> int:
        return Claim.objects.overdue(self.now).count()

    @cached_property
    def letters_astray(self) -> int:
        """Letters that did not go out and wait for a person."""
        return Letter.objects.astray(self.now).count()

    @cached_property
    def letters_unsendable(self) -> str:
        """Letters to customers of whom we know no e-mail address, counted as the lanes are; empty: none."""
        found = Letter.objects.unsendable().order_by()[: lanes.COUNTED_TO + 1].count()
        return lanes.in_words(found) if found else ""

    @cached_property
    def payouts_to_release(self) -> int:
        """Payouts that somebody else proposed and this person may release."""
        if not self.user.has_perm("claims.release_payout"):
            return 0
        return PayoutBatch.objects.filter(status=PayoutBatch.Status.PROPOSED).exclude(proposed_by=self.user).count()

    @cached_property
    def incidents(self) -> list:
        """Newest first, each with its claims, and those still open."""
        still_open = Count("claims", filter=Q(claims__status__in=Claim.OPEN))
        counted = facts.incidents().annotate(all_claims=Count("claims"), open_claims=still_open)
        return list(counted.prefetch_related("windows").order_by("-declared_at")[:10])
