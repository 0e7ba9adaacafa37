"""The history in words: who, when, from where, and what each thing was and became."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from itertools import groupby

from django.apps import apps
from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from claims import history
from claims.models import Change, Claim
from claims.recording import TRACKED
from jobs import shown

PAGE = 40  # changes of a claim that are shown at once; an action is not torn apart
LONGEST = 300  # characters of a text or document
PAIRS = {  # what a pair of a person and a role, and the like, is called
    "auth_user_groups": gettext_lazy("role of a person"),
    "auth_user_user_permissions": gettext_lazy("permission of a person"),
    "auth_group_permissions": gettext_lazy("permission of a role"),
    "claims_team_members": gettext_lazy("member of a team"),
}
BESIDE = {"id", "revision", "sha256", "look", "original", "preview"}  # bookkeeping: in the export, not in the sentences
NAMED = {  # rows that are called by name, at one question each; others by their number
    "auth.User": (), "auth.Group": (), "auth.Permission": ("content_type",), "claims.Team": (), "claims.Claim": (),
    "claims.Policy": (), "claims.Assessment": (), "claims.PayoutBatch": (), "incidents.Incident": (),
    "incidents.Customer": (), "incidents.Instrument": (), "ledger.JournalEntry": (),
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One thing of a row: what it was and what it became. Of a row that was added or removed there is only one."""

    name: str
    old: str
    new: str


@dataclass(frozen=True)
class Line:
    """One row that was added, changed or removed."""

    change: Change
    what: str
    parts: list[Part]

    @property
    def is_update(self) -> bool:
        return self.change.operation == Change.Operation.UPDATE

    @property
    def is_gone(self) -> bool:
        return self.change.operation == Change.Operation.DELETE


@dataclass(frozen=True)
class Action:
    """What was done in one go."""

    at: datetime
    who: str
    where: str
    reason: str
    lines: list[Line] = field(default_factory=list)


@dataclass(frozen=True)
class Timeline:
    """A part of a claim's history, newest first; `older`: what the next part comes before, if there is one."""

    actions: list[Action]
    older: int | None


def timeline(claim: Claim, *, before: int | None = None) -> Timeline:
    """One list out of all tables, a fixed number of questions whatever its length."""
    found = list(history.of_claim(claim, before=before)[: PAGE + 1])
    older = None
    if len(found) > PAGE:
        found = _whole(found)
        older = found[-1].pk
    lines = in_words(found)
    return Timeline([_action(list(group)) for _key, group in groupby(lines, lambda line: line.change.action)], older)


def _whole(found: list[Change]) -> list[Change]:
    """Up to the last action that is here with all its rows; a single one that is longer is torn."""
    whole = [change for change in found if change.action != found[-1].action]
    return whole or found[:-1]


def _action(lines: list[Line]) -> Action:
    latest = lines[0].change
    return Action(latest.at, who(latest), where(latest), latest.source.get("reason") or "", lines)


def who(change: Change) -> str:
    """The person; where none is known, what worked on its own, or the role at the database."""
    if change.user is not None:
        return change.user.get_username()
    if change.source.get("by"):
        return str(change.source["by"])
    if change.source.keys() & {"job", "task", "command"}:
        return _("the portal")
    if "url" in change.source:
        return _("a visitor")
    return _("database role %(role)s") % {"role": change.role} if change.role else _("not recorded")


def where(change: Change) -> str:
    """The screen, command or task; where nothing said so, the program that spoke to the database."""
    said = change.source
    if "url" in said:
        words = {"url": said["url"], "address": said.get("address") or "–"}
        return _("screen %(url)s from %(address)s") % words
    if "command" in said:
        return _("command %(name)s on %(machine)s") % {"name": said["command"], "machine": said.get("machine") or "–"}
    if "job" in said:
        return _("job %(key)s") % {"key": said["job"]}
    if "task" in said:
        return _("task %(name)s") % {"name": said["task"]}
    if not change.role:
        return _("not recorded")  # of the time before the database wrote it down
    client = change.client or _("this machine")
    return _("SQL: %(program)s from %(client)s") % {"program": change.application or "–", "client": client}


def in_words(changes: Iterable[Change]) -> list[Line]:
    """The changes with names for what they point to: a question for each kind of thing that is named."""
    rows = list(changes)
    names = _names(rows)
    return [_line(change, names) for change in rows]


def kind_in_words(kind: str) -> str:
    """What the rows of a table are called."""
    if kind in PAIRS:
        return str(PAIRS[kind])
    model = _models().get(kind)
    return str(model._meta.verbose_name) if model else kind


def kinds() -> list[tuple[str, str]]:
    """(table, words) of everything that has a history, by its words."""
    return sorted(((kind, kind_in_words(kind)) for kind in TRACKED), key=lambda pair: pair[1])


@cache
def _models() -> dict[str, type[models.Model]]:
    found = {model._meta.db_table: model for model in apps.get_models(include_auto_created=True)}
    return {kind: found[kind] for kind in TRACKED if kind in found}


@cache
def _fields(kind: str) -> dict[str, models.Field]:
    model = _models().get(kind)
    return {each.column: each for each in model._meta.concrete_fields} if model else {}


def _line(change: Change, names: dict) -> Line:
    old, new = change.old or {}, change.new or {}
    parts = [
        Part(
            _column(change.kind, column),
            _value(change.kind, column, old.get(column), names),
            _value(change.kind, column, new.get(column), names),
        )
        for column in (new or old)
        if _is_told(change, column, old.get(column), new.get(column))
    ]
    order = list(_fields(change.kind).values())
    place = {str(each.verbose_name): number for number, each in enumerate(order)}
    return Line(change, kind_in_words(change.kind), sorted(parts, key=lambda part: place.get(part.name, 0)))


def _is_told(change: Change, column: str, old: object, new: object) -> bool:
    if column in BESIDE or (column == "claim_id" and change.operation != Change.Operation.UPDATE):
        return False
    return change.operation == Change.Operation.UPDATE or any(value not in (None, "", [], {}) for value in (old, new))


def _column(kind: str, column: str) -> str:
    found = _fields(kind).get(column)
    return _(str(found.verbose_name)) if found else column  # a through table's own columns are Django's, in English


def _value(kind: str, column: str, value: object, names: dict) -> str:
    found = _fields(kind).get(column)
    if value in (None, "", [], {}):
        return "–"
    if found is None:
        return _cut(str(value))
    if found.is_relation:
        return names.get((found.related_model._meta.label, value)) or f"#{value}"
    if found.flatchoices:
        return str(dict(found.flatchoices).get(value, value))
    return _cut(_plain(found, value))


def _plain(found: models.Field, value: object) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(found, models.DateTimeField):
        return shown.exact(datetime.fromisoformat(str(value)))
    if isinstance(found, models.DateField):
        return date.fromisoformat(str(value)).isoformat()
    if isinstance(value, Decimal | int) and isinstance(found, models.DecimalField):
        return shown.number(Decimal(value))
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ", ".join(value)
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, list | dict) else str(value)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _names(changes: list[Change]) -> dict[tuple[str, object], str]:
    """How the things are called that the changes point to, by (model, key)."""
    wanted: dict[str, set] = defaultdict(set)
    for change in changes:
        for column, each in _fields(change.kind).items():
            old, new = ((values or {}).get(column) for values in (change.old, change.new))
            if each.is_relation and each.related_model._meta.label in NAMED and _is_told(change, column, old, new):
                wanted[each.related_model._meta.label] |= {old, new} - {None}
    return {
        (label, row.pk): str(row)
        for label, keys in wanted.items()
        if keys
        for row in apps.get_model(label)._base_manager.filter(pk__in=keys).select_related(*NAMED[label])
    }
