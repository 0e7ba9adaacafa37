"""What changed between two policies, in words: each change a sentence that a manager can send to a colleague (rules §3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext

from claims import sentences
from claims.terms import CLAUSE, LANGUAGES, SECTIONS


@dataclass(frozen=True)
class Change:
    """One change. `clause` is its code, empty for the general terms; `kind` is new, gone, moved, words or changed."""

    text: str
    clause: str = ""
    kind: str = "changed"


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """From one document to another, in the order of a policy; none where they say the same."""
    return [*_general(before, after), *_clauses(before["clauses"], after["clauses"])]


def _general(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for key, words in sentences.FIELD.items():
        old, new = _found(before, key), _found(after, key)
        if old != new:
            kind, name = sentences.kind_of(key), key.rpartition(".")[2]
            yield Change(_instead(str(words), sentences.value(kind, name, old), sentences.value(kind, name, new)))


def _found(document: Mapping[str, Any], key: str) -> Any:
    """The value of a field; a document from before the field was known has its default."""
    section, dot, name = key.partition(".")
    return document.get(section, {}).get(name, SECTIONS[section][name][1]) if dot else document.get(key)


def _instead(what: str, old: str, new: str) -> str:
    words = {"what": what, "old": old, "new": new}
    return gettext("%(what)s: ‘%(new)s’ instead of ‘%(old)s’") % words


def _clauses(before: list[dict], after: list[dict]) -> Iterator[Change]:
    olds, news = ({clause["code"]: clause for clause in clauses} for clauses in (before, after))
    for code, clause in olds.items():
        if code not in news:
            yield Change(_told(gettext("Clause %(code)s is gone: %(sentence)s"), clause), code, "gone")
    for code, clause in news.items():
        if code not in olds:
            yield Change(_told(gettext("Clause %(code)s is new: %(sentence)s"), clause), code, "new")
        else:
            yield from _within(code, olds[code], clause)
    yield from _order([code for code in olds if code in news], list(news), list(olds))


def _told(template: str, clause: Mapping[str, Any]) -> str:
    return template % {"code": clause["code"], "sentence": sentences.clause(clause)}


def _within(code: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """What changed in one clause; its published words apart, language by language."""
    for key, words in sentences.CLAUSE_FIELD.items():
        was, now = old.get(key, CLAUSE[key][1]), new.get(key, CLAUSE[key][1])
        if key == "text" or was == now:
            continue
        what = gettext("Clause %(code)s, %(field)s") % {"code": code, "field": words}
        yield Change(_instead(what, sentences.clause_value(key, was), sentences.clause_value(key, now)), code)
    for language in LANGUAGES:
        was, now = old["text"].get(language, ""), new["text"].get(language, "")
        if was != now:
            field = gettext("Clause %(code)s, published words (%(language)s)")
            what = field % {"code": code, "language": sentences.CHOICES["language"][language]}
            yield Change(_instead(what, was, now), code, "words")


def _order(common: list[str], news: list[str], olds: list[str]) -> Iterator[Change]:
    """The order of clauses is part of the policy: the first include clause that holds decides."""
    if [code for code in news if code in common] != common:
        listed = gettext(", ").join
        yield Change(_instead(gettext("Order of the clauses"), listed(olds), listed(news)), kind="moved")
