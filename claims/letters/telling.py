"""What a letter has to tell, in the customer's language: for each place of its event a text, empty where there is nothing.

Told is what the facts of the letter and rows that never change say: a letter that is sent late says what was so then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from django.utils import translation
from django.utils.translation import gettext

from claims.letters.answers import answers, money, verdicts_of
from claims.letters.words import language_of
from claims.models import Claim, Compensation, Decision, Event, Letter, Verdict
from jobs import shown

CATALOGUE = {"en": "en", "zh": "zh-hans"}


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
    verdicts = verdicts_of(letter.claim_id, letter.facts.get("assessment"))
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
    best = gettext("at the best price %(amount)s") % {"amount": money(Decimal(order["amount"]), order["asset"])}
    if not order["restored"] or not Decimal(order["restored"]):
        return best
    restored = money(Decimal(order["restored"]), order["asset"])
    restored = gettext("the order restored, with %(amount)s") % {"amount": restored}
    return gettext("%(some)s or %(last)s") % {"some": best, "last": restored} if Decimal(order["amount"]) else restored


def _decision(letter: Letter, language: str) -> dict[str, str]:
    decision = Decision.objects.select_related("assessment__policy").get(pk=letter.facts["decision"])
    verdicts = verdicts_of(decision.claim_id, decision.assessment_id)
    so_far = Compensation.objects.filter(award__claim=decision.claim_id, award__decision__lte=decision.pk)
    found = answers(verdicts, so_far)
    terms = decision.assessment.policy.terms
    denied = decision.verb == Decision.Verb.DENY
    return {
        "outcome": _outcome(denied=denied, waits=any(answer.waits for answer in found)),
        "amounts": _amounts({award.asset: award.amount for award in decision.awards.order_by("asset")}),
        "reason": decision.reason if denied else "",
        "orders": _lines((str(one.verdict.order), one.said, one.because(terms, language)) for one in found),
    }


def _outcome(*, denied: bool, waits: bool) -> str:
    if denied:
        return gettext("It is not approved. What was granted before stands.")
    if waits:
        return gettext("It is approved in part. What waits is decided as soon as what is missing has come in.")
    return gettext("It is approved.")


def _paid(letter: Letter, language: str) -> dict[str, str]:
    amount = letter.facts.get("amount")
    return {
        "amount": money(Decimal(amount), letter.facts["asset"]) if amount else "",
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
        best, restored = money(Decimal("35.5"), "USDT"), money(Decimal("120"), "USDT")
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


def _lines(rows: Iterable[tuple[str, str, list[str]]]) -> str:
    """A line per order: its number, what is said of it, and below it why."""
    told = gettext("- %(order)s: %(said)s")
    return "\n".join(
        "\n".join([told % {"order": order, "said": said}, *(f"  {why}" for why in because)])
        for order, said, because in rows
    )


def _amounts(amounts: Mapping[str, Decimal]) -> str:
    return gettext(", ").join(money(amount, asset) for asset, amount in sorted(amounts.items()))


def _instant(text: str | None) -> str:
    return shown.instant(datetime.fromisoformat(text)) if text else ""
