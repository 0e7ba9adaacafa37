"""Where an entry of the books comes from: the decision with its verdicts and quotes, the bonus, the liquidation, the person."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from django.contrib.auth import get_user_model
from django.db.models import CharField, F, Func, Q, QuerySet, Value
from django.db.models.expressions import RawSQL

from claims import inflows
from claims.models import Award, Bonus, Claim, Compensation, Contact, Decision, PayoutLine
from incidents.liquidation import fee_in_sql
from incidents.models import Liquidation
from ledger.journal import BY_HAND, CORRECTION, TOPPED_UP
from ledger.models import JournalEntry

TOPUP = "/topup-"  # how the books name what they book before an entry that the fund would not suffice for
ENDINGS = ("/cover", "/surplus")
FEE_BY_FORMULA = fee_in_sql("incidents_liquidation", "incidents_instrument", "incidents_asset")


def entries() -> QuerySet[JournalEntry]:
    """Entries with who posted them and what they reverse."""
    return JournalEntry.objects.select_related("posted_by", "reverses__posted_by")


def by_hand() -> Q:
    """Entries that a person wrote: no decision of ours, no liquidation, no top-up by the books. A condition on entries."""
    written = Q(posted_by__isnull=False, category__in=(*BY_HAND, CORRECTION))
    booked = Q(reference__startswith=inflows.PREFIX) | Q(category=TOPPED_UP.category, reference__contains=TOPUP)
    return written & ~booked


def by_hand_in_sql() -> tuple[str, dict[str, object]]:
    """Their ids as a query, and the values that it names."""
    sql, values = JournalEntry.objects.filter(by_hand()).order_by().values("pk").query.sql_with_params()
    named = {f"by_hand_{place}": value for place, value in enumerate(values)}
    return sql % tuple(f"%({name})s" for name in named), named


def of_incident(incident: int) -> Q:
    """Entries of an incident's awards, bonuses and payouts, their reversals, and top-ups they needed. A condition on entries."""
    claims = Claim.objects.filter(incident=incident)
    ours = Award.objects.filter(claim__in=claims).values("entry")
    paid = PayoutLine.objects.filter(claim__in=claims, entry__isnull=False).values("entry")
    ours = ours.union(Bonus.objects.filter(claim__in=claims).values("entry"), paid, all=True)
    return Q(pk__in=ours) | Q(reverses__in=ours) | Q(pk__in=_topups(claims))


def _topups(claims: QuerySet[Claim]) -> QuerySet:
    """Top-ups for entries of these claims: 'CLM-000123/award-1/USDT/topup-USDT'."""
    begins = Func(F("reference"), Value("/"), Value(1), function="split_part", output_field=CharField())
    topups = JournalEntry.objects.filter(category=TOPPED_UP.category).annotate(begins=begins)
    return topups.filter(begins__in=claims.values("reference")).values("pk")


@dataclass(frozen=True)
class Granted:
    """An order's share of an award: the compensation, and the verdict that says why."""

    compensation: Compensation

    @property
    def verdict(self):
        return self.compensation.verdict

    @property
    def order(self):
        return self.verdict.order


class Origin:
    """What the page shows; each part is asked for once. Of a reversal it is the origin of what is reversed."""

    def __init__(self, entry: JournalEntry):
        self.entry = entry
        self.subject = entry.reverses or entry

    @cached_property
    def kind(self) -> str:
        """Which of the parts below there is: award, bonus, payout, liquidation, topup or hand."""
        parts = {
            "award": self.award,
            "bonus": self.bonus,
            "payout": self.payout,
            "liquidation": self.liquidation,
            "topup": self.topped_up_for,
        }
        return next((kind for kind, part in parts.items() if part), "hand")

    @cached_property
    def award(self) -> Award | None:
        awards = Award.objects.select_related(
            "claim__customer", "claim__incident", "decision__decided_by", "decision__assessment__requested_by",
            "decision__assessment__policy",
        )  # fmt: skip
        return awards.filter(entry=self.subject.pk).first()

    @cached_property
    def granted(self) -> list[Granted]:
        """Each compensated order with the verdict behind it."""
        rows = self.award.compensations if self.award else Compensation.objects.none()
        around = ("verdict__order__instrument", "verdict__order__account", "verdict__assessment__policy")
        return [Granted(row) for row in rows.select_related(*around).order_by("pk")]

    @cached_property
    def prepared_by(self) -> list[str]:
        """Who had a hand in what the decision stands on, and so could not approve."""
        ids = self.award.decision.prepared_by if self.award else []
        people = get_user_model().objects.filter(pk__in=ids).order_by("username")
        return list(people.values_list("username", flat=True)) if ids else []

    @cached_property
    def endorsements(self) -> list[Decision]:
        """First approvals of the same assessment, where the policy asks for a second manager."""
        decision = self.award.decision if self.award else None
        if decision is None:
            return []
        rows = Decision.objects.filter(claim=decision.claim_id, assessment=decision.assessment_id)
        return list(rows.filter(verb=Decision.Verb.ENDORSE).select_related("decided_by"))

    @cached_property
    def bonus(self) -> Bonus | None:
        bonuses = Bonus.objects.select_related("claim__customer", "claim__incident", "granted_by")
        return bonuses.filter(entry=self.subject.pk).first()

    @cached_property
    def payout(self) -> PayoutLine | None:
        """The line of a payout that this entry paid: its batch and the people of it, and what it pays."""
        lines = PayoutLine.objects.select_related(
            "claim__customer", "claim__incident", "award__entry", "bonus__entry", "confirmed_by",
            "batch__proposed_by", "batch__released_by",
        )  # fmt: skip
        return lines.filter(entry=self.subject.pk).first()

    @cached_property
    def contacts(self) -> list[Contact]:
        """How the customer reached us: what a bonus is granted for."""
        return list(self.bonus.claim.contacts.all()) if self.bonus else []

    @cached_property
    def liquidation(self) -> Liquidation | None:
        """With the fee that the formula makes it."""
        reference = self.subject.reference
        if not reference.startswith(inflows.PREFIX):
            return None
        name = reference.removeprefix(inflows.PREFIX)
        names = [name, *(name.removesuffix(ending) for ending in ENDINGS)]
        found = Liquidation.objects.select_related("instrument__settle").filter(liquidation_id__in=names)
        found = found.annotate(fee_by_formula=RawSQL(FEE_BY_FORMULA, []))  # noqa: S611 our own text
        return max(found, key=lambda row: len(row.liquidation_id), default=None)

    @cached_property
    def topped_up_for(self) -> JournalEntry | None:
        """The entry that the fund would not have sufficed for."""
        reference, mark, _asset = self.subject.reference.partition(TOPUP)
        if not mark or self.subject.category != TOPPED_UP.category:
            return None
        return JournalEntry.objects.filter(reference=reference).first()

    @property
    def claim(self) -> Claim | None:
        return next((row.claim for row in (self.award, self.bonus, self.payout) if row), None)

    @cached_property
    def siblings(self) -> list[JournalEntry]:
        """The other entries of the same claim: further awards, the bonus, what was paid of them."""
        if self.claim is None:
            return []
        found = (
            rows.objects.filter(claim=self.claim, entry__isnull=False)
            .exclude(entry=self.subject.pk)
            .select_related("entry")
            for rows in (Award, Bonus, PayoutLine)
        )
        return [row.entry for row in chain.from_iterable(found)]
