"""What a policy says: its TOML file, checked in full, and the frozen terms the rest of the room reads (rules §3).

`read` turns a file's text into a document (plain JSON, kept in `Policy.document`), `parse` a document into `Terms`, `write` a
document into TOML again. All errors of a file come at once, each naming the clause and the field.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

DURATION = re.compile(r"([0-9]{1,9})(s|m|h|d)")
LONGEST = timedelta(days=3660)  # ten years: longer is a slip of the pen, and would leave the calendar
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
ANCHOR = re.compile(r"(start|end)(?:([+-])([0-9]{1,9}[smhd]))?")
NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,12})?")
CODE = re.compile(r"[A-Z][A-Z0-9-]{0,19}")
ASSET = re.compile(r"[A-Z0-9]{1,23}")
REASONS = ("user", "liquidation", "take_profit", "stop_loss", "adl", "settlement", "open")
LANGUAGES = ("en", "zh")
PRESETS = {path.stem: path for path in sorted((Path(__file__).parent / "presets").glob("*.toml"))}  # policies that ship
LONGEST_NAME = 200


class TermsError(Exception):
    """A policy file that cannot be taken: every error it has, each with its place."""

    def __init__(self, errors: list[str]):
        self.errors = errors
        super().__init__("; ".join(errors))


@dataclass(frozen=True)
class Anchor:
    """An instant told by the outage: its first start or last end, and an offset."""

    end: str
    offset: timedelta

    def at(self, first_start, last_end):
        return (first_start if self.end == "start" else last_end) + self.offset


@dataclass(frozen=True)
class Clause:
    """One rule: its effect, its published words, and conditions that must all hold. None or empty: no condition."""

    code: str
    effect: str
    text: dict[str, str]
    close_reasons: tuple[str, ...] = ()
    result: str = ""
    closed_from: Anchor | None = None
    closed_to: Anchor | None = None
    closed_before: Anchor | None = None
    closed_after: Anchor | None = None
    not_closed_by: Anchor | None = None
    open_in_outage: bool | None = None
    tpsl_active: bool | None = None
    in_contact: bool | None = None
    products: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()
    evidence: bool = False
    remedies: tuple[str, ...] = ()
    percentage: Decimal = Decimal(100)

    @property
    def excludes(self) -> bool:
        return self.effect == "exclude"

    def words(self, language: str) -> str:
        return self.text.get(language[:2]) or self.text["en"]


@dataclass(frozen=True)
class Terms:
    """A policy's terms. Amounts are Decimals by asset, durations timedeltas."""

    name: str
    binding_language: str
    clauses: tuple[Clause, ...]
    contact_required: bool
    contact_within: timedelta | None
    bonus_amount: Decimal
    bonus_asset: str
    bonus_within: timedelta | None
    carry_in: timedelta
    percentage: Decimal
    refund_liquidation_fee: bool
    net_bankruptcy_cover: bool
    second_manager_above: dict[str, Decimal] = field(default_factory=dict)
    decide_within: timedelta | None = None

    @property
    def exclusions(self) -> tuple[Clause, ...]:
        return tuple(clause for clause in self.clauses if clause.excludes)

    @property
    def inclusions(self) -> tuple[Clause, ...]:
        return tuple(clause for clause in self.clauses if not clause.excludes)


# --- the shape of a file: section -> key -> (kind, default). A kind is a function below.

SECTIONS: dict[str, dict[str, tuple[str, Any]]] = {
    "contact": {"required": ("flag", True), "within": ("duration", "")},
    "bonus": {"amount": ("number", "0"), "asset": ("asset", "USDT"), "within": ("duration", "")},
    "price": {"reference": ("reference", "best_in_window"), "carry_in": ("duration", "60s")},
    "payment": {
        "netting": ("netting", "none"),
        "percentage": ("percentage", "100"),
        "refund_liquidation_fee": ("flag", False),
        "net_bankruptcy_cover": ("flag", True),
        "minimum": ("unused", {}),
        "cap_per_order": ("unused", {}),
        "cap_per_customer": ("unused", {}),
        "straight_through": ("unused", {}),
        "second_manager_above": ("amounts", {}),
        "consent": ("no", False),
        "offer_expires": ("duration", "7d"),
    },
    "service": {"decide_within": ("duration", "14d")},
}
CLAUSE: dict[str, tuple[str, Any]] = {
    "code": ("code", None),
    "effect": ("effect", None),
    "text": ("words", None),
    "close_reasons": ("reasons", []),
    "result": ("result", ""),
    "closed_from": ("anchor", ""),
    "closed_to": ("anchor", ""),
    "closed_before": ("anchor", ""),
    "closed_after": ("anchor", ""),
    "not_closed_by": ("anchor", ""),
    "open_in_outage": ("condition", None),
    "tpsl_active": ("condition", None),
    "in_contact": ("condition", None),
    "products": ("names", []),
    "instruments": ("names", []),
    "evidence": ("flag", False),
    "remedies": ("remedies", ["best_price"]),
    "percentage": ("percentage", "100"),
}


def _one_of(*allowed: str):
    def check(value):
        return None if value in allowed else f"is {value!r}; allowed: {', '.join(map(repr, allowed))}"

    return check


def _matching(pattern: re.Pattern, example: str):
    def check(value):
        return None if isinstance(value, str) and pattern.fullmatch(value) else f"is {value!r}; expected {example}"

    return check


def _duration(value):
    if value == "":
        return None
    problem = _matching(DURATION, "a duration such as '60s', '24h', '14d', or '' for none")(value)
    return problem or _too_long(value, duration(value))


def _anchor(value):
    if value == "":
        return None
    problem = _matching(ANCHOR, "'start' or 'end', with + or - a duration, such as 'end+1h'")(value)
    return problem or _too_long(value, abs(anchor(value).offset))


def _too_long(value, span):
    return None if span <= LONGEST else f"is {value!r}; expected {LONGEST.days}d at most"


def _percentage(value):
    problem = _matching(NUMBER, "a string such as '100' or '12.5'")(value)
    return problem or (None if 0 < Decimal(value) <= 100 else f"is {value!r}; expected more than 0 and at most 100")


def _amounts(value):
    if isinstance(value, dict) and all(
        ASSET.fullmatch(k) and isinstance(v, str) and NUMBER.fullmatch(v) for k, v in value.items()
    ):
        return None
    return f'is {value!r}; expected amounts by asset such as {{ USDT = "10000" }}'


def _all_of(*allowed: str):
    def check(value):
        wrong = [item for item in value if item not in allowed] if isinstance(value, list) else [value]
        return f"has {wrong[0]!r}; allowed: {', '.join(allowed)}" if wrong else None

    return check


def _names(value):
    ok = isinstance(value, list) and all(map(_is_text, value))
    return None if ok else f"is {value!r}; expected a list of texts"


def _is_text(value) -> bool:
    """Something to read, and nothing that the database cannot keep."""
    return isinstance(value, str) and bool(value.strip()) and "\0" not in value


def _words(value):
    words = value if isinstance(value, dict) else {}
    if missing := [language for language in LANGUAGES if not _is_text(words.get(language))]:
        return f"lacks its published words in: {', '.join(missing)}"
    if unknown := [language for language in words if language not in LANGUAGES]:
        return f"has words in {unknown[0]!r}; allowed: {', '.join(LANGUAGES)}"
    return None


def _unused(value):
    return None if value == {} else "is not computed by this version of the portal; leave it empty"


KINDS: dict[str, Callable[[Any], str | None]] = {
    "flag": lambda value: None if isinstance(value, bool) else f"is {value!r}; expected true or false",
    "condition": lambda value: (
        None if value is None or isinstance(value, bool) else f"is {value!r}; expected true or false"
    ),
    "no": lambda value: None if value is False else "is not offered by this version of the portal; leave it false",
    "duration": _duration,
    "anchor": _anchor,
    "number": _matching(NUMBER, "a number as a string, such as '20' or '0.5'"),
    "asset": _matching(ASSET, "an asset such as 'USDT'"),
    "percentage": _percentage,
    "amounts": _amounts,
    "unused": _unused,
    "reference": _one_of("best_in_window"),
    "netting": _one_of("none"),
    "code": _matching(CODE, "a code such as 'C2'"),
    "effect": _one_of("include", "exclude"),
    "result": _one_of("", "loss", "profit", "flat"),
    "reasons": _all_of(*REASONS),
    "remedies": _all_of("best_price"),
    "names": _names,
    "words": _words,
}


def read(text: str) -> dict:
    """A policy file's text as a complete document, defaults filled in; or TermsError with all that is wrong."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TermsError([f"not a TOML file: {error}"]) from error
    errors: list[str] = []
    document = {
        "name": raw.get("name", ""),
        "binding_language": raw.get("binding_language", "en"),
        **{section: _table(f"[{section}]", raw.get(section, {}), shape, errors) for section, shape in SECTIONS.items()},
        "clauses": [
            _table(f"clause {item.get('code', number)}", item, CLAUSE, errors)
            for number, item in enumerate(_clauses(raw, errors), start=1)
        ],
    }
    errors += _across(document, set(raw) - set(document))
    if errors:
        raise TermsError(errors)
    return document


def _clauses(raw: dict, errors: list[str]) -> list[dict]:
    clauses = raw.get("clauses", [])
    if isinstance(clauses, list) and clauses and all(isinstance(item, dict) for item in clauses):
        return clauses
    errors.append("[[clauses]]: a policy needs at least one clause")
    return []


def _table(where: str, raw: object, shape: dict, errors: list[str]) -> dict:
    """One table of the file, checked key by key and completed."""
    if not isinstance(raw, dict):
        errors.append(f"{where} is {raw!r}; expected a table")
        return {}
    errors += [f"{where} {key}: unknown key; known: {', '.join(shape)}" for key in raw if key not in shape]
    document = {}
    for key, (kind, default) in shape.items():
        document[key] = value = raw.get(key, default)
        if problem := KINDS[kind](value):
            errors.append(f"{where} {key} {problem}")
    return document


def _across(document: dict, unknown: set[str]) -> list[str]:
    """What no single key can tell."""
    errors = [f"{key}: unknown key" for key in sorted(unknown)]
    if not _is_text(document["name"]) or len(document["name"]) > LONGEST_NAME:
        errors.append(f"name: a policy needs a name, of {LONGEST_NAME} characters at most")
    if document["binding_language"] not in LANGUAGES:
        errors.append(f"binding_language is {document['binding_language']!r}; allowed: {', '.join(LANGUAGES)}")
    codes = [str(clause["code"]) for clause in document["clauses"] if clause["code"] is not None]
    errors += [f"clause {code} code stands twice" for code in sorted(set(codes)) if codes.count(code) > 1]
    if document["clauses"] and all(clause["effect"] == "exclude" for clause in document["clauses"]):
        errors.append("[[clauses]]: no clause includes anything, so nobody could be paid")
    for clause in document["clauses"]:
        errors += _contradictions(clause)
    return errors


def _contradictions(clause: dict) -> list[str]:
    errors, begin, end = [], clause["closed_from"], clause["closed_to"]
    if begin and end and not _anchor(begin) and not _anchor(end):
        first, last = anchor(begin), anchor(end)
        if first.end == last.end and first.offset > last.offset:
            errors.append(f"clause {clause['code']} closed_to {end!r} is before closed_from {begin!r}")
    if clause["effect"] == "exclude" and clause["evidence"]:
        errors.append(f"clause {clause['code']} evidence: only an include clause asks for evidence")
    return errors


def duration(text: str) -> timedelta | None:
    """'24h' -> 24 hours; '' -> None."""
    if not text:
        return None
    amount, unit = DURATION.fullmatch(text).groups()
    return timedelta(**{UNITS[unit]: int(amount)})


def anchor(text: str) -> Anchor | None:
    """'end+1h' -> an hour after the last end; '' -> None."""
    if not text:
        return None
    end, sign, offset = ANCHOR.fullmatch(text).groups()
    delta = (duration(offset) if offset else None) or timedelta(0)
    return Anchor(end, -delta if sign == "-" else delta)


def parse(document: dict) -> Terms:
    """A checked document as terms."""
    contact, bonus, payment = document["contact"], document["bonus"], document["payment"]
    return Terms(
        name=document["name"],
        binding_language=document["binding_language"],
        clauses=tuple(_clause(raw) for raw in document["clauses"]),
        contact_required=contact["required"],
        contact_within=duration(contact["within"]),
        bonus_amount=Decimal(bonus["amount"]),
        bonus_asset=bonus["asset"],
        bonus_within=duration(bonus["within"]),
        carry_in=duration(document["price"]["carry_in"]) or timedelta(0),
        percentage=Decimal(payment["percentage"]),
        refund_liquidation_fee=payment["refund_liquidation_fee"],
        net_bankruptcy_cover=payment["net_bankruptcy_cover"],
        second_manager_above={asset: Decimal(amount) for asset, amount in payment["second_manager_above"].items()},
        decide_within=duration(document["service"]["decide_within"]),
    )


def _clause(raw: dict) -> Clause:
    kinds: dict[str, Callable[[Any], Any]] = {"anchor": anchor, "percentage": Decimal}
    values: dict[str, Any] = {key: kinds.get(CLAUSE[key][0], lambda value: value)(value) for key, value in raw.items()}
    frozen: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    return Clause(**frozen)


def digest(document: dict) -> str:
    """SHA-256 of a document in its canonical form: the terms' fingerprint."""
    return hashlib.sha256(
        json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    ).hexdigest()


def write(document: dict) -> str:
    """The document as a policy file, in the order of a file whatever its own; reading it again gives the same document."""
    lines = [f"{key} = {_toml(document[key])}" for key in ("name", "binding_language")]
    for section, shape in SECTIONS.items():
        lines += ["", f"[{section}]", *(f"{key} = {_toml(document[section][key])}" for key in shape)]
    for clause in document["clauses"]:
        words = [f"text.{language} = {_toml(clause['text'][language])}" for language in LANGUAGES]
        rest = [f"{key} = {_toml(clause[key])}" for key in CLAUSE if key != "text" and clause[key] is not None]
        lines += ["", "[[clauses]]", *rest[:2], *words, *rest[2:]]
    return "\n".join(lines) + "\n"


def _toml(value) -> str:
    """TOML's basic strings, booleans, lists and inline tables; strings are escaped as JSON does, and DEL, which it leaves."""
    if isinstance(value, dict):
        return (
            "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in sorted(value.items())) + " }" if value else "{}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
