"""The policy editor as its page shows it: every field with its words, its choices and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.utils import translation

from claims import assessment as facts
from claims import editing, sentences
from claims.editing import CONDITIONS, Fault, Fields, named
from claims.terms import CLAUSE, SECTIONS

LANGUAGES = (("en", "en"), ("zh", "zh-hans"))  # the published ones: as a clause names them, as Django does
GRANTS = ("percentage", "evidence", "remedies")  # what only a clause that pays has


@dataclass
class Field:
    """One field: `name` is the form's, `parts` what is typed in it."""

    name: str
    key: str
    kind: str
    label: Any
    parts: Fields
    faults: list[str] = field(default_factory=list)
    options: list[tuple[str, Any, bool]] = field(default_factory=list)  # value, words, chosen

    @property
    def text(self) -> str:
        return editing.one(self.parts, "")

    @property
    def number(self) -> str:
        return editing.one(self.parts, "n")

    @property
    def rows(self) -> list[tuple[str, str]]:
        """The amounts by asset, and an empty row for one more."""
        return [*(pair for pair in editing.pairs(self.parts) if any(pair)), ("", "")]

    @property
    def choices(self) -> list[list[tuple[str, Any, bool]]]:
        """What the lists of a duration or an instant of the outage offer."""
        wanted = {"duration": ("unit",), "anchor": ("unit", "side", "end")}.get(self.kind, ())
        return [chosen(sentences.CHOICES[part], [editing.one(self.parts, part)]) for part in wanted]


@dataclass
class ClausePart:
    """One clause: its key in the form, its fields, and what it says as it stands."""

    key: str
    code: Field
    effect: Field
    words: list[tuple[str, Any, str]]  # language, its name, the published words
    text: Field
    conditions: list[Field]
    more: list[tuple[str, Any]]  # conditions it could have besides
    grants: list[Field]
    told: list[tuple[str, str]]  # language, sentence
    faults: list[str]


class Editor:
    """What the page shows of a form. Nothing is held against it before the person asked to save it (`checked`)."""

    def __init__(self, fields: Fields, *, incident, checked: bool = False, focus: str = ""):
        self.fields, self.incident, self.checked, self.focus = fields, incident, checked, focus

    @cached_property
    def faults(self) -> list[Fault]:
        return editing.faults(self.fields, facts.current_outage(self.incident))

    @cached_property
    def _at(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for fault in self.faults if self.checked else ():
            found.setdefault(fault.place, []).append(fault.text)
        return found

    @cached_property
    def summary(self) -> list[tuple[str, str, str]]:
        """Every fault for the head of the page: (where to, what, what is wrong)."""
        clauses = {key: editing.one(self.fields, named(key, "code")) for key in self.fields.get("clause", [])}
        return [(fault.place, _place_in_words(fault.place, clauses), fault.text) for fault in self.faults]

    @cached_property
    def head(self) -> list[Field]:
        return [self._general("name"), self._general("binding_language")]

    @cached_property
    def sections(self) -> list[tuple[str, Any, list[Field], list[str]]]:
        """(key, words, fields, faults of the whole) of everything but the clauses."""
        return [
            (
                section,
                words,
                [self._general(f"{section}.{name}") for name in SECTIONS[section]],
                self._at.get(section, []),
            )
            for section, words in sentences.SECTION.items()
        ]

    @cached_property
    def clauses(self) -> list[ClausePart]:
        return [self._clause(key) for key in self.fields.get("clause", [])]

    @property
    def of_the_whole(self) -> list[str]:
        return self._at.get("", [])

    @cached_property
    def slots(self) -> list[tuple[str, list[str]]]:
        """Every place that may tell a fault, with its faults: for the page that is open already."""
        fields = [*self.head, *(one for section in self.sections for one in section[2])]
        for clause in self.clauses:
            fields += [clause.code, clause.effect, clause.text, *clause.conditions, *clause.grants]
        places = [(one.name, one.faults) for one in fields]
        places += [(section[0], section[3]) for section in self.sections]
        places += [(clause.key, clause.faults) for clause in self.clauses]
        return [*places, ("whole", self.of_the_whole)]

    @cached_property
    def assets(self) -> list[str]:
        return sorted({asset for _symbol, _product, asset in self._instruments})

    @cached_property
    def _instruments(self) -> list[tuple[str, str, str]]:
        return facts.traded_in(self.incident)

    def _general(self, key: str) -> Field:
        return self._field(key.replace(".", "-"), key, editing.kind_of(key), sentences.FIELD[key])

    def _field(self, name: str, key: str, kind: str, label) -> Field:
        parts = editing.parts_of(self.fields, name)
        offered = self._offered(key, kind)
        options = chosen(offered, parts.get("", [])) if offered or kind == "names" else []
        return Field(name, key, kind, label, parts, self._at.get(name, []), options)

    def _offered(self, key: str, kind: str) -> dict[str, Any]:
        if key == "products":
            return {product: product for _symbol, product, _asset in self._instruments}
        if key == "instruments":
            return {symbol: symbol for symbol, _product, _asset in self._instruments}
        return sentences.CONDITION.get(key) or sentences.CHOICES.get(kind, {})

    def _clause(self, key: str) -> ClausePart:
        has = self.fields.get(named(key, "has"), [])
        words = sentences.CHOICES["language"]
        return ClausePart(
            key=key,
            code=self._of_clause(key, "code"),
            effect=self._of_clause(key, "effect"),
            words=[
                (language, words[language], editing.one(self.fields, named(key, f"text-{language}")))
                for language, _django in LANGUAGES
            ],
            text=self._of_clause(key, "text"),
            conditions=[self._of_clause(key, name) for name in CONDITIONS if name in has],
            more=[(name, sentences.CLAUSE_FIELD[name]) for name in CONDITIONS if name not in has],
            grants=[self._of_clause(key, name) for name in GRANTS],
            told=told(editing.clause_of(self.fields, key)),
            faults=self._at.get(key, []),
        )

    def _of_clause(self, key: str, name: str) -> Field:
        return self._field(named(key, name), name, CLAUSE[name][0], sentences.CLAUSE_FIELD[name])


def _place_in_words(place: str, clauses: dict[str, str]) -> str:
    """'c3-closed_to' -> 'C2, Closed at or before'."""
    first, _dash, name = place.partition("-")
    if first in clauses:
        code = clauses[first] or "–"
        return f"{code}, {sentences.CLAUSE_FIELD[name]}" if name else code
    return str(sentences.FIELD.get(place.replace("-", "."), sentences.SECTION.get(place, "")))


def told(clause: dict) -> list[tuple[str, str]]:
    """The clause as a sentence, in every language that is published."""
    found = []
    for language, django in LANGUAGES:
        with translation.override(django):
            found.append((language, sentences.clause(clause)))
    return found


def chosen(offered: dict[str, Any], values: Iterable[str]) -> list[tuple[str, Any, bool]]:
    """What is offered, and what is chosen of it; in the order chosen where that is another one, so that none is lost."""
    values = list(dict.fromkeys(values))
    in_order = [value for value in offered if value in values] == values
    listed = list(offered) if in_order else values + [value for value in offered if value not in values]
    return [(value, offered.get(value, value), value in values) for value in listed if value in offered or value]
