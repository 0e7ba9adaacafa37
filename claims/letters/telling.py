"""What a letter has to tell, in the customer's language: for each place of its event a text, empty where there is nothing.

Told is what the facts of the letter and rows that never change say: a letter that is sent late says what was so then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from django.utils import translation
from django.utils.translation import gettext

from claims.letters.words import language_of
from claims.models import Claim, Compensation, Decision, Event, Letter, Remedy, Verdict
from claims.terms import Terms
from jobs import shown

CATALOGUE = {"en": "en", "zh": "zh-hans"}
GRANTED_NOTHING = (Verdict.Outcome.EXCLUDED, Verdict.Outcome.NO_CLAUSE, Verdict.Outcome.NIL)


def values(letter: Letter, language: str = "") -> dict[str, str]:
    """Place -> text, for a letter that is kept; in another language than the customer's, where one is named."""
    language = language or language_of(letter.claim.customer.language)
    with translation.override(CATALOGUE[language]):
        return told_of(letter.claim) | TELL[letter.event](letter, language)


def told_of(claim: Claim) -> dict[str, str]:
    """What every letter may tell of a claim."""
    customer = claim.customer
    return {
        "customer": customer.name or customer.code,
        "claim": claim.reference,
        "incident": claim.incident.title,
    }


def _receipt(letter: Letter, language: str) -> dict[str, str]:
    return {name: _instant(letter.facts.get(name)) for name in ("contacted_at", "due_at")}


def _evidence(letter: Letter, language: str) -> dict[str, str]:
    verdicts = _verdicts(letter.claim_id, letter.facts.get("assessment"))
    waiting = [verdict for verdict in verdicts if verdict.outcome == Verdict.Outcome.NEEDS_EVIDENCE]
    return {
        "reason": letter.facts.get("reason", ""),
        "orders": _lines((str(verdict.order), verdict.order.instrument.symbol, []) for verdict in waiting),
    }


def _offer(letter: Letter, language: str) -> dict[str, str]:
    orders = letter.facts.get("orders", [])
    totals: dict[str, Decimal] = {}
    for order in orders:
        totals[order["asset"]] = totals.get(order["asset"], Decimal(0)) + Decimal(order["amount"])
    return {
        "orders": _lines((order["order"], _choice(order), []) for order in orders),
        "total": _amounts(totals),
        "expires_at": _instant(letter.facts.get("expires_at")),
    }


def _choice(order: Mapping[str, str]) -> str:
    """The remedies of an order: one, or two to choose from."""
    best = gettext("at the best price %(amount)s") % {"amount": _money(Decimal(order["amount"]), order["asset"])}
    if not order["restored"] or not Decimal(order["restored"]):
        return best
    restored = _money(Decimal(order["restored"]), order["asset"])
    restored = gettext("the order restored, with %(amount)s") % {"amount": restored}
    return gettext("%(some)s or %(last)s") % {"some": best, "last": restored} if Decimal(order["amount"]) else restored


def _decision(letter: Letter, language: str) -> dict[str, str]:
    decision = Decision.objects.select_related("assessment__policy").get(pk=letter.facts["decision"])
    verdicts = _verdicts(decision.claim_id, decision.assessment_id)
    granted = _granted(decision)
    terms = decision.assessment.policy.terms
    denied = decision.verb == Decision.Verb.DENY
    waits = [verdict for verdict in verdicts if _waits(verdict, granted)]
    return {
        "outcome": _outcome(denied=denied, waits=bool(waits)),
        "amounts": _amounts({award.asset: award.amount for award in decision.awards.order_by("asset")}),
        "reason": decision.reason if denied else "",
        "orders": _lines(
            (str(verdict.order), _answer(verdict, granted.get(verdict.order_id)), _because(verdict, terms, language))
            for verdict in verdicts
        ),
    }


def _outcome(*, denied: bool, waits: bool) -> str:
    if denied:
        return gettext("It is not approved. What was granted before stands.")
    if waits:
        return gettext("It is approved in part. What waits is decided as soon as what is missing has come in.")
    return gettext("It is approved.")


def _granted(decision: Decision) -> dict[int, list[Compensation]]:
    """By order, what this decision and those before it granted in the claim."""
    parts = Compensation.objects.filter(award__claim=decision.claim_id, award__decision__lte=decision.pk)
    found: dict[int, list[Compensation]] = {}
    for part in parts.select_related("award").order_by("number"):
        found.setdefault(part.order_id, []).append(part)
    return found


def _waits(verdict: Verdict, granted: Mapping[int, list[Compensation]]) -> bool:
    return verdict.outcome not in GRANTED_NOTHING and verdict.order_id not in granted


def _answer(verdict: Verdict, parts: list[Compensation] | None) -> str:
    """What becomes of one order, in few words."""
    if parts:
        total = _money(sum((part.amount for part in parts), Decimal(0)), verdict.asset)
        restored = parts[-1].remedy == Remedy.RESTORE_ORDER
        return gettext("the order restored, with %(amount)s") % {"amount": total} if restored else total
    if "paid_elsewhere" in verdict.flags:
        return gettext("compensated under another incident already")
    if verdict.outcome == Verdict.Outcome.PAY:
        return gettext("waits for your consent")
    return {
        Verdict.Outcome.NIL: gettext("covered, but nothing is to be paid"),
        Verdict.Outcome.EXCLUDED: gettext("not compensated"),
        Verdict.Outcome.NO_CLAUSE: gettext("not compensated: no clause of the policy covers it"),
        Verdict.Outcome.NEEDS_EVIDENCE: gettext("waits for evidence"),
        Verdict.Outcome.NEEDS_PRICE: gettext("waits for a reference price"),
        Verdict.Outcome.HOLD: gettext("waits for the end of the outage"),
    }[Verdict.Outcome(verdict.outcome)]


def _because(verdict: Verdict, terms: Terms, language: str) -> list[str]:
    """The published words of every clause that decided or excludes, and what limited the amount."""
    limits = {
        "netted": gettext("Longs and shorts of this symbol were netted."),
        "order_cap": gettext("The policy pays no more for one order."),
        "customer_cap": gettext("The policy pays no more to one customer."),
        "below_minimum": gettext("The amount is below the smallest that the policy pays."),
    }
    codes = verdict.reasons or [verdict.clause]
    clauses = [
        gettext("%(code)s: %(words)s") % {"code": clause.code, "words": clause.words(language)}
        for clause in terms.clauses
        if clause.code in codes
    ]
    return clauses + [words for flag, words in limits.items() if flag in verdict.flags]


def _paid(letter: Letter, language: str) -> dict[str, str]:
    amount = letter.facts.get("amount")
    return {
        "amount": _money(Decimal(amount), letter.facts["asset"]) if amount else "",
        "account": letter.facts.get("account", ""),
        "reference": letter.facts.get("reference", ""),
    }


TELL = {
    Event.RECEIPT.value: _receipt,
    Event.EVIDENCE_NEEDED.value: _evidence,
    Event.OFFER.value: _offer,
    Event.REMINDER.value: _offer,
    Event.DECISION.value: _decision,
    Event.PAID.value: _paid,
}


def sample(event: str, language: str) -> dict[str, str]:
    """Made-up values for every place of an event, to look at a template with."""
    with translation.override(CATALOGUE[language]):
        best, restored = _money(Decimal("35.5"), "USDT"), _money(Decimal("120"), "USDT")
        choice = _choice({"amount": "35.5", "restored": "120", "asset": "USDT"})
        orders: dict[str, list[tuple[str, str, list[str]]]] = {
            Event.EVIDENCE_NEEDED.value: [("10001/1", "BTCUSDT", [])],
            Event.DECISION.value: [
                ("10001/1", best, [gettext("C1: the published words of the clause")]),
                ("10002/1", gettext("not compensated"), [gettext("E4: the published words of the clause")]),
            ],
        }
        rows = orders.get(event, [("10001/1", choice, []), ("10002/1", restored, [])])
        return {
            "customer": gettext("Carla Weber"),
            "claim": "CLM-000123",
            "incident": gettext("Trading server failure"),
            "contacted_at": "2022-11-16 15:00:00 UTC",
            "due_at": "2022-11-30 15:00:00 UTC",
            "expires_at": "2022-11-25 09:00:00 UTC",
            "reason": gettext("Here stands what the agent or the manager wrote."),
            "orders": _lines(rows),
            "total": best,
            "amounts": best,
            "amount": best,
            "outcome": _outcome(denied=False, waits=False),
            "account": "carla-1",
            "reference": "TRX-2022-0815",
        }


def _verdicts(claim_id: int, assessment_id: int | None) -> list[Verdict]:
    found = Verdict.objects.filter(claim=claim_id, assessment=assessment_id).select_related("order__instrument")
    return list(found.order_by("order__opened_at", "order__order_id", "order__leg"))


def _lines(rows: Iterable[tuple[str, str, list[str]]]) -> str:
    """A line per order: its number, what is said of it, and below it why."""
    told = gettext("- %(order)s: %(said)s")
    return "\n".join(
        "\n".join([told % {"order": order, "said": said}, *(f"  {why}" for why in because)])
        for order, said, because in rows
    )


def _money(amount: Decimal, asset: str) -> str:
    return f"{shown.number(amount, 2)} {asset}"


def _amounts(amounts: Mapping[str, Decimal]) -> str:
    return gettext(", ").join(_money(amount, asset) for asset, amount in sorted(amounts.items()))


def _instant(text: str | None) -> str:
    return shown.instant(datetime.fromisoformat(text)) if text else ""
