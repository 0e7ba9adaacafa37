"""What becomes of each order of a claim, and why: the decision's letter says it, and whoever denies reads it beforehand.

In the language that is active, the clauses in their published words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import QuerySet
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from claims.models import Claim, Compensation, Remedy, Verdict
from claims.terms import Terms
from jobs import shown

LIMITS = {  # flags of an order that gets less than its improvement by the policy's limits
    "netted": _("Longs and shorts of this symbol were netted."),
    "order_cap": _("The policy pays no more for one order."),
    "customer_cap": _("The policy pays no more to one customer."),
    "below_minimum": _("The amount is below the smallest that the policy pays."),
}
OUTCOME = Verdict.Outcome
WITHOUT_GRANT = {
    OUTCOME.PAY: _("waits for your consent"),
    OUTCOME.NIL: _("covered, but nothing is to be paid"),
    OUTCOME.EXCLUDED: _("not compensated"),
    OUTCOME.NO_CLAUSE: _("not compensated: no clause of the policy covers it"),
    OUTCOME.NEEDS_EVIDENCE: _("waits for evidence"),
    OUTCOME.NEEDS_PRICE: _("waits for a reference price"),
    OUTCOME.HOLD: _("waits for the end of the outage"),
}
GRANTS_NOTHING = (OUTCOME.EXCLUDED, OUTCOME.NO_CLAUSE, OUTCOME.NIL)


@dataclass(frozen=True)
class Answer:
    """The answer for one order: its verdict, and what was granted of it."""

    verdict: Verdict
    granted: Sequence[Compensation]

    @property
    def waits(self) -> bool:
        return not self.granted and self.verdict.outcome not in GRANTS_NOTHING

    @property
    def said(self) -> str:
        """What becomes of the order, in few words."""
        if self.granted:
            total = money(sum((part.amount for part in self.granted), Decimal(0)), self.verdict.asset)
            restored = self.granted[-1].remedy == Remedy.RESTORE_ORDER
            return gettext("the order restored, with %(amount)s") % {"amount": total} if restored else total
        if "paid_elsewhere" in self.verdict.flags:
            return gettext("compensated under another incident already")
        return str(WITHOUT_GRANT[OUTCOME(self.verdict.outcome)])

    def because(self, terms: Terms, language: str) -> list[str]:
        """The published words of every clause that decided or excludes, and what limited the amount."""
        codes = self.verdict.reasons or [self.verdict.clause]
        clauses = [
            gettext("%(code)s: %(words)s") % {"code": clause.code, "words": clause.words(language)}
            for clause in terms.clauses
            if clause.code in codes
        ]
        return clauses + [str(words) for flag, words in LIMITS.items() if flag in self.verdict.flags]


def verdicts_of(claim_id: int, assessment_id: int | None) -> QuerySet[Verdict]:
    """Of a claim, by one assessment."""
    found = Verdict.objects.filter(claim=claim_id, assessment=assessment_id).as_listed()
    return found.select_related("order__instrument")


def answers(verdicts: QuerySet[Verdict], parts: QuerySet[Compensation]) -> list[Answer]:
    """An answer for each verdict, with those of the compensations that are its order's."""
    granted: dict[int, list[Compensation]] = {}
    for part in parts.order_by("number"):
        granted.setdefault(part.order_id, []).append(part)
    return [Answer(verdict, granted.get(verdict.order_id, ())) for verdict in verdicts]


def orders_in_words(claim: Claim) -> Iterator[str]:
    """A line for each order, as the letter would say it now: 'O-1: not compensated; E1: closed before…; E6: …'."""
    if claim.assessment is None:
        return
    terms, language = claim.assessment.policy.terms, get_language() or "en"
    parts = Compensation.objects.filter(award__claim=claim)
    for answer in answers(verdicts_of(claim.pk, claim.assessment_id), parts):
        told = [answer.said, *answer.because(terms, language)]
        yield gettext("%(order)s: %(reasons)s") % {"order": answer.verdict.order, "reasons": gettext("; ").join(told)}


def money(amount: Decimal, asset: str) -> str:
    return f"{shown.number(amount, 2)} {asset}"
