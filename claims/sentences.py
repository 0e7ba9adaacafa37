"""A policy told in words, in the language of whoever reads: every field, every value, a clause as one sentence (rules §3).

Reads documents, also such as are not yet sound: what cannot be understood is told as it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from claims.terms import CLAUSE, SECTIONS
from claims.terms.values import ANCHOR, DURATION

SECTION = {
    "contact": _("Contact"),
    "bonus": _("Goodwill bonus"),
    "price": _("Reference price"),
    "payment": _("Payment"),
    "service": _("Service"),
}
FIELD = {
    "name": _("Name of the policy"),
    "binding_language": _("Language that binds"),
    "contact.required": _("The customer must have been in touch"),
    "contact.within": _("In touch, at the latest, after the outage's end"),
    "bonus.amount": _("Bonus per customer"),
    "bonus.asset": _("Asset of the bonus"),
    "bonus.within": _("Contact for the bonus, at the latest, after the outage's end"),
    "price.reference": _("Compared with"),
    "price.at": _("At this instant"),
    "price.carry_in": _("A quote from before counts if it is at most so old"),
    "payment.netting": _("Netting of longs and shorts"),
    "payment.percentage": _("Share of the improvement that is paid"),
    "payment.refund_liquidation_fee": _("The liquidation fee is refunded"),
    "payment.net_bankruptcy_cover": _("What the fund covered already is deducted"),
    "payment.minimum": _("Smallest amount that is paid for an order"),
    "payment.cap_per_order": _("Most for an order"),
    "payment.cap_per_customer": _("Most for a customer"),
    "payment.straight_through": _("Approved straight through, for a claim, up to"),
    "payment.second_manager_above": _("Two managers approve a claim above"),
    "payment.consent": _("The customer must consent"),
    "payment.offer_expires": _("An offer stands for"),
    "service.decide_within": _("Decided, at the latest, after the customer reached us"),
}
CLAUSE_FIELD = {
    "code": _("Code"),
    "effect": _("Effect"),
    "text": _("Published words"),
    "close_reasons": _("How it was closed"),
    "result": _("Result"),
    "closed_from": _("Closed at or after"),
    "closed_to": _("Closed at or before"),
    "closed_before": _("Closed before"),
    "closed_after": _("Closed after"),
    "not_closed_by": _("Not closed by"),
    "open_in_outage": _("Open in the outage"),
    "tpsl_active": _("Take profit or stop loss"),
    "in_contact": _("Customer in touch"),
    "products": _("Products"),
    "instruments": _("Instruments"),
    "evidence": _("Needs accepted evidence"),
    "remedies": _("What the customer is offered"),
    "percentage": _("Share that is paid"),
}
CHOICES: dict[str, dict[str, Any]] = {  # by kind: value -> words
    "effect": {"include": _("Pay"), "exclude": _("Exclude")},
    "result": {"loss": _("in loss"), "profit": _("in profit"), "flat": _("without profit or loss")},
    "reasons": {
        "user": _("by the customer"),
        "liquidation": _("by forced liquidation"),
        "take_profit": _("by take profit"),
        "stop_loss": _("by stop loss"),
        "adl": _("by auto-deleveraging"),
        "settlement": _("by settlement"),
        "open": _("still open"),
    },
    "reference": {
        "best_in_window": _("the best price in the outage"),
        "last_before": _("the last price before the outage"),
        "first_after": _("the first price after the outage"),
        "at_instant": _("the price at a stated instant"),
    },
    "netting": {
        "none": _("none: every order by itself"),
        "smaller_of": _("per customer and symbol the smaller of the netted improvement and the sum"),
    },
    "remedies": {"best_price": _("the best price"), "restore_order": _("the order restored")},
    "language": {"en": _("English"), "zh": _("Chinese")},
    "unit": {"s": _("seconds"), "m": _("minutes"), "h": _("hours"), "d": _("days")},
    "side": {"+": _("past"), "-": _("before")},
    "end": {"start": _("the start of the outage"), "end": _("the end of the outage")},
}
CONDITION = {  # a condition that is true or false: its words for both
    "open_in_outage": {
        "yes": _("open at some time in the outage"),
        "no": _("not open at any time in the outage"),
    },
    "tpsl_active": {
        "yes": _("with a take profit or stop loss active after the outage began"),
        "no": _("without a take profit or stop loss active after the outage began"),
    },
    "in_contact": {
        "yes": _("of customers who were in touch in time"),
        "no": _("of customers who were not in touch in time"),
    },
}
CLOSED = {  # one end of an interval, in a sentence
    "closed_from": _("closed at %(anchor)s or later"),
    "closed_to": _("closed at %(anchor)s or earlier"),
    "closed_before": _("closed before %(anchor)s"),
    "closed_after": _("closed after %(anchor)s"),
    "not_closed_by": _("not yet closed at %(anchor)s"),
}

WRONG = {  # what would be right, by kind: for whoever fills in a form
    "text": _("a name is needed, of 200 characters at most"),
    "code": _("capital letters, digits and dashes, beginning with a letter, such as C2"),
    "duration": _("a whole number, such as 24, or nothing"),
    "anchor": _("a whole number, such as 1, or nothing"),
    "number": _("a number with a decimal point, such as 20 or 0.5"),
    "percentage": _("a number above 0 and at most 100, such as 12.5"),
    "asset": _("capital letters and digits, such as USDT"),
    "amounts": _("a number and an asset in capital letters, such as 0.5 USDT"),
    "instant": _("a date and time with its offset, such as 2022-11-16T14:09:00Z"),
}
CONTRADICTIONS = {  # words of a policy's own errors -> the same without its file's keys
    "stands twice": _("another clause has this code"),
    "no clause includes anything": _("no clause pays anything, so nobody could be paid"),
    "at least one clause": _("a policy needs at least one clause"),
    "3660d at most": _("longer than ten years: a slip of the pen"),
    "is empty; expected the instant": _("say which instant is meant"),
    "only the reference 'at_instant'": _(
        "only a comparison with a stated instant has one; empty this, or choose that comparison"
    ),
    "above its cap": _("the smallest amount is above the most that is paid: nothing could be paid"),
    "is false, but [contact]": _("customers need not have been in touch, so no order can meet this condition"),
    "[payment] consent": _("here the customer chooses: the payment must need their consent"),
    "always among them": _("the best price is always offered"),
    "cannot be restored": _("an order that is still open cannot be restored"),
    "still open has none": _("an order that is still open has no close: no order can meet both conditions"),
    "is before the outage, but": _(
        "before the outage, and another condition asks for the outage: no order can meet both"
    ),
    "is before closed_": _("before the beginning that another condition sets: no order can meet both"),
    "is before not_closed_by": _("before the beginning that another condition sets: no order can meet both"),
}


def kind_of(key: str) -> str:
    """The kind of a field named as in FIELD: 'price.carry_in' is a duration."""
    section, _dot, name = key.partition(".")
    return {"name": "text", "binding_language": "language"}.get(key) or SECTIONS[section][name][0]


def value(kind: str, key: str, found: Any) -> str:
    """A field's value in words; nothing chosen is told as such."""
    if kind in TOLD:
        return TOLD[kind](found)
    if kind == "condition":
        return str(CONDITION[key]["yes" if found else "no"]) if isinstance(found, bool) else gettext("no condition")
    if kind in CHOICES:
        return str(CHOICES[kind].get(found, found)) if found else gettext("any")
    return str(found)


def duration(text: str) -> str:
    """'24h' -> '24 hours'."""
    if not text:
        return gettext("none")
    match = DURATION.fullmatch(text)
    return _span(*match.groups()) if match else text


def _span(number: str, unit: str) -> str:
    n = int(number)
    words = {
        "s": ngettext("%(n)s second", "%(n)s seconds", n),
        "m": ngettext("%(n)s minute", "%(n)s minutes", n),
        "h": ngettext("%(n)s hour", "%(n)s hours", n),
        "d": ngettext("%(n)s day", "%(n)s days", n),
    }
    return words[unit] % {"n": n}


def anchor(text: str) -> str:
    """'end+1h' -> '1 hour after the end of the outage'."""
    match = ANCHOR.fullmatch(text) if text else None
    if match is None:
        return text or gettext("no condition")
    end, sign, offset = match.groups()
    if not offset:
        return str(CHOICES["end"][end])
    words = {"span": duration(offset), "end": CHOICES["end"][end]}
    return (gettext("%(span)s after %(end)s") if sign == "+" else gettext("%(span)s before %(end)s")) % words


def amounts(by_asset: Mapping[str, str]) -> str:
    told = gettext(", ").join(f"{amount} {asset}" for asset, amount in sorted(by_asset.items()))
    return told or gettext("none")


def _listed(kind: str):
    def tell(found) -> str:
        return alternatives([str(CHOICES.get(kind, {}).get(item, item)) for item in found]) or gettext("any")

    return tell


def alternatives(words: list[str]) -> str:
    """'a', 'a or b', 'a, b or c'."""
    if len(words) < 2:
        return "".join(words)
    return gettext("%(some)s or %(last)s") % {"some": gettext(", ").join(words[:-1]), "last": words[-1]}


TOLD = {
    "flag": lambda found: gettext("yes") if found else gettext("no"),
    "duration": duration,
    "anchor": anchor,
    "instant": lambda found: str(found).replace("T", " ").replace("+00:00", " UTC") or gettext("none"),
    "percentage": lambda found: f"{found} %",
    "amounts": amounts,
    "reasons": _listed("reasons"),
    "remedies": _listed("remedies"),
    "names": _listed("names"),
}


def conditions(clause: Mapping[str, Any]) -> list[str]:
    """What the clause asks of an order, each condition as words that follow 'orders'."""
    parts = [_close_reasons(clause.get("close_reasons") or []), *_results(clause), *_closed(clause)]
    for key, words in CONDITION.items():
        if isinstance(clause.get(key), bool):
            parts.append(str(words["yes" if clause[key] else "no"]))
    if clause.get("products"):
        parts.append(gettext("of the product %(names)s") % {"names": alternatives(list(clause["products"]))})
    if clause.get("instruments"):
        parts.append(gettext("in %(names)s") % {"names": alternatives(list(clause["instruments"]))})
    return [part for part in parts if part]


def _close_reasons(reasons: list[str]) -> str:
    closed = [str(CHOICES["reasons"].get(reason, reason)) for reason in reasons if reason != "open"]
    words = [gettext("closed %(how)s") % {"how": alternatives(closed)}] if closed else []
    return alternatives(words + [gettext("still open")] * ("open" in reasons))


def _results(clause: Mapping[str, Any]) -> list[str]:
    return [value("result", "result", clause["result"])] if clause.get("result") else []


def _closed(clause: Mapping[str, Any]) -> list[str]:
    """Both ends of a closed interval in one breath; any other end by itself."""
    ends = {key: anchor(clause[key]) for key in CLOSED if clause.get(key)}
    parts = []
    if "closed_from" in ends and "closed_to" in ends:
        words = {"first": ends.pop("closed_from"), "last": ends.pop("closed_to")}
        parts.append(gettext("closed from %(first)s to %(last)s") % words)
    return parts + [str(CLOSED[key]) % {"anchor": words} for key, words in ends.items()]


def clause(document: Mapping[str, Any]) -> str:
    """The whole clause as a sentence, from its conditions: what it does, for which orders, and what it needs."""
    asked = gettext("; ").join(conditions(document))
    if document.get("effect") == "exclude":
        return (
            gettext("Excludes orders: %(conditions)s.") % {"conditions": asked}
            if asked
            else gettext("Excludes every order.")
        )
    share = {"percentage": document.get("percentage", "100")}
    told = (
        gettext("Pays %(percentage)s %% for orders: %(conditions)s.") % (share | {"conditions": asked})
        if asked
        else gettext("Pays %(percentage)s %% for every order.") % share
    )
    return " ".join([told, *_grants(document)])


def _grants(document: Mapping[str, Any]) -> list[str]:
    more = []
    if document.get("evidence"):
        more.append(gettext("Evidence that the service was unavailable must be accepted first."))
    if "restore_order" in document.get("remedies", ()):
        more.append(gettext("The customer chooses between the best price and the order restored."))
    return more


def general(document: Mapping[str, Any]) -> list[tuple[Any, list[tuple[Any, str]]]]:
    """Every field that is no clause: (section, [(field, value)]) in words."""
    told = []
    for section, words in SECTION.items():
        rows = []
        for name, (kind, default) in SECTIONS[section].items():
            found = document.get(section, {}).get(name, default)
            rows.append((FIELD[f"{section}.{name}"], value(kind, name, found)))
        told.append((words, rows))
    return told


def clause_value(key: str, found: Any) -> str:
    """The value of a clause's field in words."""
    return value(CLAUSE[key][0], key, found)


def wrong(kind: str, error: str) -> str:
    """An error of a policy's file, told to whoever fills in a form; what has no words of its own stays as it is."""
    lacks = "lacks its published words in: "
    if error.startswith(lacks):
        languages = [str(CHOICES["language"].get(each, each)) for each in error.removeprefix(lacks).split(", ")]
        return gettext("published words are missing: %(languages)s") % {"languages": gettext(", ").join(languages)}
    for words, told in CONTRADICTIONS.items():
        if words in error:
            return str(told)
    malformed = error.startswith(("is ", "has ", "a policy needs a name"))
    return str(WRONG[kind]) if malformed and kind in WRONG else error
