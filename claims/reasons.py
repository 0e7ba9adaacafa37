"""Why an order gets nothing, or less: every reason, in the policy's published words, for the customer and for the desk."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _

from claims.models import Assessment, Claim, Verdict
from claims.terms import Terms

OUTCOME = Verdict.Outcome
WHY = {  # outcomes that pay nothing, but for exclusions: those have published words
    OUTCOME.NO_CLAUSE: _("no clause of the policy covers this order"),
    OUTCOME.NIL: _("the order did no better at the reference price: there is nothing to make good"),
    OUTCOME.NEEDS_EVIDENCE: _("it would be covered with accepted evidence that the service was unavailable"),
    OUTCOME.NEEDS_PRICE: _("no usable quote tells what it would have been closed at"),
    OUTCOME.HOLD: _("the outage has no end yet: nothing can be measured from it"),
}
CUTS = {  # flags of an order that gets less than its improvement, or nothing
    "paid_elsewhere": _("This order was compensated in another claim: it is never paid twice."),
    "netted": _("Cut by netting: orders of this symbol together get no more than their improvements' sum."),
    "order_cap": _("Cut to the policy's cap for one order."),
    "customer_cap": _("Cut: the policy's cap for one customer is used up."),
    "below_minimum": _("Below the policy's smallest amount: not paid."),
}


def reasons_in_words(claim: Claim, language: str, *, assessment: Assessment | None = None) -> list[str]:
    """A line for each order that gets nothing or was cut: the order, and every reason. 'O-1: E1 closed before…; E6 …'

    By the assessment that the claim stands on, or by another one, such as a decision's. `language`: en, zh, zh-hans.
    """
    assessment = assessment or claim.assessment
    if assessment is None:
        return []
    terms = assessment.policy.terms
    verdicts = Verdict.objects.filter(claim=claim, assessment=assessment).select_related("order")
    ordered = verdicts.order_by("order__opened_at", "order__order_id", "order__leg")
    with override("zh-hans" if language.startswith("zh") else language):
        lines = ((verdict.order, list(_reasons(verdict, terms, language))) for verdict in ordered)
        return [
            gettext("%(order)s: %(reasons)s") % {"order": order, "reasons": gettext("; ").join(found)}
            for order, found in lines
            if found
        ]


def _reasons(verdict: Verdict, terms: Terms, language: str) -> Iterator[str]:
    """Exclusions that hold, each with its code and published words; else why nothing is paid; then what was cut."""
    words = {clause.code: clause.words(language) for clause in terms.clauses}
    for code in verdict.reasons:
        yield f"{code} {words.get(code, '')}".strip()
    cut = [str(CUTS[flag]) for flag in verdict.flags if flag in CUTS]
    if verdict.outcome in WHY and not (verdict.outcome == OUTCOME.NIL and cut):
        yield str(WHY[OUTCOME(verdict.outcome)])
    yield from cut
