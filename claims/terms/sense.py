"""What no single value can tell: a policy that contradicts itself, a clause that no order can meet."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from itertools import product

from claims.deadlines import Outage
from claims.terms.kinds import KINDS, is_text
from claims.terms.shape import CLAUSE, LANGUAGES
from claims.terms.values import Anchor, anchor

LONGEST_NAME = 200
BEGINS, ENDS = ("closed_from", "closed_after", "not_closed_by"), ("closed_to", "closed_before")
INCLUSIVE = {"closed_from", "closed_to"}
START = Anchor("start", timedelta(0))


class TermsError(Exception):
    """A policy that cannot be taken: every error it has, each with its place."""

    def __init__(self, errors: list[str]):
        self.errors = errors
        super().__init__("; ".join(errors))


def nonsense(document: dict, outage: Outage | None = None) -> list[str]:
    """All contradictions of a document whose values may be wrong one by one; what is malformed is not looked at again."""
    errors = list(_of_the_whole(document))
    for clause in document["clauses"]:
        sound = {key: value for key, value in clause.items() if key in CLAUSE and not KINDS[CLAUSE[key][0]](value)}
        if "effect" in sound:
            found = (*_of_times(sound, outage), *_of_effect(sound), *_of_a_close(sound))
            errors += [f"clause {clause.get('code')} {text}" for text in found]
    return errors + list(_of_sections(document))


def _of_the_whole(document: dict) -> Iterator[str]:
    if not is_text(document["name"]) or len(document["name"]) > LONGEST_NAME:
        yield f"name: a policy needs a name, of {LONGEST_NAME} characters at most"
    if document["binding_language"] not in LANGUAGES:
        yield f"binding_language is {document['binding_language']!r}; allowed: {', '.join(LANGUAGES)}"
    codes = [str(clause["code"]) for clause in document["clauses"] if clause.get("code") is not None]
    yield from (f"clause {code} code stands twice" for code in sorted(set(codes)) if codes.count(code) > 1)
    if document["clauses"] and all(clause.get("effect") == "exclude" for clause in document["clauses"]):
        yield "[[clauses]]: no clause includes anything, so nobody could be paid"


def _of_sections(document: dict) -> Iterator[str]:
    """Between sections, and between sections and clauses."""
    price, payment = document["price"], document["payment"]
    if price.get("reference") == "at_instant" and price.get("at") == "":
        yield "[price] at is empty; expected the instant that the reference 'at_instant' means"
    if price.get("reference") != "at_instant" and price.get("at"):
        yield f"[price] at is {price['at']!r}; only the reference 'at_instant' has an instant"
    for cap in ("cap_per_order", "cap_per_customer"):
        yield from _minimum_above(payment, cap)
    asked = [clause for clause in document["clauses"] if clause.get("in_contact") is False]
    if document["contact"].get("required") is False:
        yield from (
            f"clause {c['code']} in_contact is false, but [contact] required is false: no order can meet it"
            for c in asked
        )
    if payment.get("consent") is False:
        restoring = [clause for clause in document["clauses"] if "restore_order" in (clause.get("remedies") or ())]
        yield from (
            f"clause {c['code']} remedies: the customer chooses, so [payment] consent must be true" for c in restoring
        )


def _minimum_above(payment: dict, cap: str) -> Iterator[str]:
    if KINDS["amounts"](payment.get("minimum")) or KINDS["amounts"](payment.get(cap)):
        return
    for asset in sorted(payment["minimum"].keys() & payment[cap].keys()):
        if Decimal(payment["minimum"][asset]) > Decimal(payment[cap][asset]):
            yield f"[payment] minimum of {asset} is above its {cap}: nothing could be paid"


def _of_effect(clause: dict) -> Iterator[str]:
    remedies = clause.get("remedies", ["best_price"])
    if clause["effect"] == "exclude":
        if clause.get("evidence"):
            yield "evidence: only an include clause asks for evidence"
        if remedies != ["best_price"]:
            yield "remedies: only an include clause offers remedies"
        if clause.get("percentage", "100") != "100":
            yield "percentage: only an include clause pays a share"
    elif "best_price" not in remedies:
        yield f"remedies is {remedies!r}; 'best_price' is always among them"
    elif "restore_order" in remedies and clause.get("close_reasons") == ["open"]:
        yield "remedies: an order that is still open cannot be restored"


def _of_a_close(clause: dict) -> Iterator[str]:
    """What is asked of the close of an order that must be open."""
    if clause.get("close_reasons") == ["open"]:
        asked = [
            key for key in ("closed_from", "closed_to", "closed_before", "closed_after", "result") if clause.get(key)
        ]
        yield from (
            f"{key} {clause[key]!r}: an order that is still open has none: no order can meet both" for key in asked
        )


def _of_times(clause: dict, outage: Outage | None) -> Iterator[str]:
    """Intervals that hold no instant, whatever the outage's times, or by the times it has."""
    begins = [(key, at) for key in BEGINS if (at := anchor(clause.get(key, "")))]
    ends = [(key, at) for key in ENDS if (at := anchor(clause.get(key, "")))]
    for (begin, first), (end, last) in product(begins, ends):
        touching = begin in INCLUSIVE and end in INCLUSIVE
        if _is_empty(first, last, touching, outage):
            yield f"{end} {clause[end]!r} is before {begin} {clause[begin]!r}: no order can meet both"
    for key in ("open_in_outage", "tpsl_active"):
        for end, last in ends:
            if clause.get(key) is True and _is_empty(START, last, end in INCLUSIVE, outage):
                yield f"{end} {clause[end]!r} is before the outage, but {key} is true: no order can meet both"


def _is_empty(first: Anchor, last: Anchor, touching: bool, outage: Outage | None) -> bool:
    """Whether nothing lies from `first` to `last`. Without an outage's times: its end is after its start, no more is known."""
    if outage is not None and not outage.lasts:
        gap = first.at(outage.start, outage.end) - last.at(outage.start, outage.end)
    elif first.end == last.end or (first.end, last.end) == ("end", "start"):
        gap = first.offset - last.offset
        touching = touching and first.end == last.end
    else:
        return False
    return gap > timedelta(0) or (not gap and not touching)
