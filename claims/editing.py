"""A policy as the fields of an HTML form and back, without loss; and what the editor's buttons do to them. Pure.

A form is flat: names and their texts in the order of the page. `fields_of` lays a document out, `document_of` reads it in again,
whatever a person typed; what is wrong with it `faults` tells, each with its place. Clauses have keys ('c3'): the order of the
field `clause` is the order of the clauses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any, TypeAlias

from django.utils.translation import gettext

from claims import terms
from claims.deadlines import Outage
from claims.sentences import CLAUSE_FIELD, FIELD, kind_of, wrong
from claims.terms import CLAUSE, LANGUAGES, SECTIONS
from claims.terms.values import ANCHOR, DURATION

Fields: TypeAlias = dict[str, list[str]]
CONDITIONS = tuple(
    key for key, (kind, _) in CLAUSE.items() if kind in ("reasons", "result", "anchor", "condition", "names")
)
FIRST = {
    "result": "loss",
    "closed_from": "start",
    "closed_before": "start",
}  # of a condition just added; anchors: the end


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: `place` is the form's name of the field, or of the section or clause, or empty."""

    place: str
    text: str


# --- one value and its parts: the form's names are the value's name and, for most kinds, -part


def _split_duration(text: str) -> Fields:
    match = DURATION.fullmatch(text)
    number, unit = match.groups() if match else (text, "h")
    return {"n": [number], "unit": [unit]}


def _join_duration(parts: Fields) -> str:
    number = one(parts, "n").strip()
    return number + one(parts, "unit") if number else ""


def _split_anchor(text: str) -> Fields:
    match = ANCHOR.fullmatch(text or "end")
    end, side, offset = match.groups() if match else ("end", "+", text)
    return {**_split_duration(offset or ""), "side": [side or "+"], "end": [end]}


def _join_anchor(parts: Fields) -> str:
    offset = _join_duration(parts)
    return one(parts, "end") + (one(parts, "side") + offset if offset else "")


def _split_amounts(amounts: Mapping[str, str]) -> Fields:
    return {"asset": list(amounts), "amount": list(amounts.values())}


def _join_amounts(parts: Fields) -> dict[str, str]:
    return {asset.strip(): amount.strip() for asset, amount in pairs(parts) if asset.strip() or amount.strip()}


def pairs(parts: Fields) -> Iterator[tuple[str, str]]:
    yield from zip_longest(parts.get("asset", []), parts.get("amount", []), fillvalue="")


def _split_instant(text: str) -> Fields:
    return {"": [text.replace("+00:00", "Z")]}


def _join_instant(parts: Fields) -> str:
    """As a document keeps it: in UTC. What is no instant with an offset stays as it was typed."""
    text = one(parts, "").strip()
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return at.astimezone(UTC).isoformat() if at.utcoffset() is not None else text


def one(parts: Mapping[str, list[str]], name: str) -> str:
    return (parts.get(name) or [""])[-1]


Split: TypeAlias = Callable[[Any], Fields]
Join: TypeAlias = Callable[[Fields], Any]
PLAIN: tuple[Split, Join] = (lambda text: {"": [str(text)]}, lambda parts: one(parts, "").strip())
LISTED: tuple[Split, Join] = (lambda items: {"": list(items)}, lambda parts: list(parts.get("", [])))
PARTS: dict[str, tuple[Split, Join]] = {
    "text": (lambda text: {"": [text]}, lambda parts: one(parts, "")),
    "flag": (lambda flag: {"": ["on"] if flag else []}, lambda parts: bool(parts.get(""))),
    "condition": (
        lambda flag: {"": ["yes" if flag else "no"]},
        lambda parts: {"yes": True, "no": False}.get(one(parts, "")),
    ),
    "duration": (_split_duration, _join_duration),
    "anchor": (_split_anchor, _join_anchor),
    "amounts": (_split_amounts, _join_amounts),
    "instant": (_split_instant, _join_instant),
    "words": (
        lambda words: {language: [words.get(language, "")] for language in LANGUAGES},
        lambda parts: {language: one(parts, language) for language in LANGUAGES},
    ),
    "reasons": LISTED,
    "remedies": LISTED,
    "names": LISTED,
}


def spread(name: str, kind: str, value: Any) -> Fields:
    """A value as fields of the form."""
    split = PARTS.get(kind, PLAIN)[0]
    return {named(name, part): texts for part, texts in split(value).items()}


def gather(fields: Mapping[str, list[str]], name: str, kind: str) -> Any:
    """The value that the fields of this name say."""
    return PARTS.get(kind, PLAIN)[1](parts_of(fields, name))


def parts_of(fields: Mapping[str, list[str]], name: str) -> Fields:
    own = {"": fields[name]} if name in fields else {}
    return own | {key.removeprefix(f"{name}-"): texts for key, texts in fields.items() if key.startswith(f"{name}-")}


def named(name: str, part: str) -> str:
    return f"{name}-{part}" if part else name


# --- a document and the whole form


def fields_of(document: Mapping[str, Any]) -> Fields:
    """The document laid out; a field that it does not know yet has its default."""
    fields: Fields = {}
    for key in FIELD:
        section, dot, name = key.partition(".")
        found = document.get(section, {}).get(name, SECTIONS[section][name][1]) if dot else document.get(key, "")
        fields |= spread(key.replace(".", "-"), kind_of(key), found)
    fields["clause"] = [f"c{number}" for number, _clause in enumerate(document["clauses"], start=1)]
    for key, clause in zip(fields["clause"], document["clauses"], strict=True):
        fields |= clause_fields(key, clause)
    return fields


def blank() -> Fields:
    """Where an empty policy begins: every field at its default, and one clause that pays nobody yet."""
    return act(fields_of({"binding_language": LANGUAGES[0], "clauses": []}), "add")


def clause_fields(key: str, clause: Mapping[str, Any]) -> Fields:
    """One clause laid out: of its conditions only those it has."""
    fields: Fields = {named(key, "has"): []}
    for name, (kind, default) in CLAUSE.items():
        found = clause.get(name, default)
        if name in CONDITIONS and found == default:
            continue
        if name in CONDITIONS:
            fields[named(key, "has")].append(name)
        fields |= spread(named(key, name), kind, found or ("" if kind in ("code", "effect") else found or {}))
    return fields


def document_of(fields: Mapping[str, list[str]]) -> dict[str, Any]:
    """What the form says, as a document: complete, and perhaps unsound."""
    document: dict[str, Any] = {}
    for key in FIELD:
        section, dot, name = key.partition(".")
        found = gather(fields, key.replace(".", "-"), kind_of(key))
        if dot:
            document.setdefault(section, {})[name] = found
        else:
            document[key] = found
    return document | {"clauses": [clause_of(fields, key) for key in fields.get("clause", [])]}


def clause_of(fields: Mapping[str, list[str]], key: str) -> dict[str, Any]:
    has = fields.get(named(key, "has"), [])
    clause = {
        name: default if name in CONDITIONS and name not in has else gather(fields, named(key, name), kind)
        for name, (kind, default) in CLAUSE.items()
    }
    if clause["effect"] == "exclude":  # what only a payment has is not shown, and not said
        clause |= {name: CLAUSE[name][1] for name in ("evidence", "remedies", "percentage")}
    return clause


def faults(fields: Mapping[str, list[str]], outage: Outage | None = None) -> list[Fault]:
    """All that is wrong with the form, each with its place."""
    found = [*_own_faults(fields)]
    document = document_of(fields)
    try:
        terms.complete(document, outage)
    except terms.TermsError as refused:
        found += [fault for error in refused.errors for fault in _placed(error, fields, document)]
    return found


def _own_faults(fields: Mapping[str, list[str]]) -> Iterator[Fault]:
    """What a document cannot say, and so cannot get wrong."""
    for key in FIELD:
        if kind_of(key) == "amounts":
            name = key.replace(".", "-")
            assets = [asset.strip() for asset, _amount in pairs(parts_of(fields, name)) if asset.strip()]
            for asset in sorted({asset for asset in assets if assets.count(asset) > 1}):
                yield Fault(name, gettext("%(asset)s stands twice") % {"asset": asset})
    for key in fields.get("clause", []):
        for name in fields.get(named(key, "has"), []):
            if CLAUSE[name][0] in ("reasons", "names") and not fields.get(named(key, name)):
                yield Fault(named(key, name), gettext("choose at least one, or take the condition away"))


def _placed(error: str, fields: Mapping[str, list[str]], document: Mapping[str, Any]) -> Iterator[Fault]:
    """The error at the field that it names, in the words of a form; at each of two clauses of one code."""
    keys = [
        key
        for key, clause in zip(fields.get("clause", []), document["clauses"], strict=True)
        if error.startswith(f"clause {clause['code']} ")
    ]
    if keys:
        code = one(fields, named(keys[0], "code")).strip()
        name, rest = _named_first(error.removeprefix(f"clause {code} "), CLAUSE_FIELD)
        yield from (Fault(named(key, name), wrong(CLAUSE[name][0] if name else "", rest)) for key in keys)
        return
    section, _bracket, rest = error.removeprefix("[").partition("] ")
    if section in SECTIONS:
        name, rest = _named_first(rest, SECTIONS[section])
        yield Fault(named(section, name), wrong(SECTIONS[section][name][0] if name else "", rest))
    else:
        name, rest = _named_first(error, ("name", "binding_language"))
        yield Fault(name, wrong(kind_of(name) if name else "", rest))


def _named_first(error: str, known) -> tuple[str, str]:
    """'closed_to is wrong' -> ('closed_to', 'is wrong'), if the first word is known."""
    word, _space, rest = error.partition(" ")
    name = word.rstrip(":")
    return (name, rest) if name in known else ("", error)


# --- what the buttons do


def act(fields: Fields, do: str) -> Fields:
    """The fields after a button: up, down, copy, drop a clause, add one, with or without a condition. Unknown: unchanged."""
    verb, _dot, rest = do.partition(".")
    key, _dot, name = rest.partition(".")
    if verb == "add":
        return _added(fields, clause_fields, {"effect": "include", "text": {}})
    if key not in fields.get("clause", []) or (verb in ("with", "without") and name not in CONDITIONS):
        return fields
    return VERBS[verb](fields, key, name) if verb in VERBS else fields


def _added(fields: Fields, lay_out, clause: Mapping[str, Any], after: str = "") -> Fields:
    """A new clause, behind another one or at the end, under a key that nobody has yet."""
    keys = list(fields.get("clause", []))
    new = f"c{max([0, *(int(key[1:]) for key in keys if key[1:].isdecimal())]) + 1}"
    keys.insert(keys.index(after) + 1 if after else len(keys), new)
    return fields | {"clause": keys} | lay_out(new, clause)


def _moved(by: int):
    def move(fields: Fields, key: str, _name: str) -> Fields:
        keys = [other for other in fields["clause"] if other != key]
        keys.insert(max(0, fields["clause"].index(key) + by), key)
        return fields | {"clause": keys}

    return move


def _copied(fields: Fields, key: str, _name: str) -> Fields:
    """The same clause once more, right behind; its code is still to be given."""

    def lay_out(new: str, clause: Mapping[str, list[str]]) -> Fields:
        copied = {new + name.removeprefix(key): list(texts) for name, texts in clause.items()}
        return copied | {named(new, "code"): [""]}

    own = {name: texts for name, texts in fields.items() if name.startswith(f"{key}-")}
    return _added(fields, lay_out, own, after=key)


def _dropped(fields: Fields, key: str, _name: str) -> Fields:
    kept = {name: texts for name, texts in fields.items() if not name.startswith(f"{key}-")}
    return kept | {"clause": [other for other in fields["clause"] if other != key]}


def _with(fields: Fields, key: str, name: str) -> Fields:
    kind = CLAUSE[name][0]
    first = {"anchor": FIRST.get(name, "end"), "result": "loss", "condition": True}.get(kind, [])
    has = [*fields.get(named(key, "has"), []), name]
    ordered = [other for other in CONDITIONS if other in has]
    return fields | {named(key, "has"): ordered} | spread(named(key, name), kind, first)


def _without(fields: Fields, key: str, name: str) -> Fields:
    has = [other for other in fields.get(named(key, "has"), []) if other != name]
    own = named(key, name)
    kept = {other: texts for other, texts in fields.items() if other != own and not other.startswith(f"{own}-")}
    return kept | {named(key, "has"): has}


VERBS = {
    "up": _moved(-1),
    "down": _moved(1),
    "copy": _copied,
    "drop": _dropped,
    "with": _with,
    "without": _without,
}
