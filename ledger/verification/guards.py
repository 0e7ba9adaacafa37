"""What keeps the books, in the database's catalogue: held against the texts that the migrations installed (ledger/laws.py)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db import connection
from django.db.models import CheckConstraint, ForeignKey, UniqueConstraint

from ledger import laws

ALTERABLE = "rows can be changed without a trace"
REWRITTEN = "was rewritten: it is not the one that the migrations made"
CREATE_TRIGGER = re.compile(
    r"CREATE TRIGGER \w+ (?P<when>BEFORE|AFTER) (?P<events>.*?) ON (?:\w+\.)?(?P<rest>.*)", re.DOTALL
)

FUNCTIONS = """
    SELECT proname::text, prosrc, prosecdef, coalesce(proconfig, '{}'),
           proowner = (SELECT relowner FROM pg_class WHERE oid = to_regclass('ledger_transfer'))
      FROM pg_proc WHERE proname = ANY (%s) AND pg_function_is_visible(oid)
"""
TRIGGERS = """
    SELECT tgrelid::regclass::text, tgname::text, tgisinternal, tgenabled IN ('O', 'A'), pg_get_triggerdef(oid)
      FROM pg_trigger WHERE tgrelid::regclass::text = ANY (%s) ORDER BY 1, 2
"""
CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname::text, contype::text, convalidated,
           ARRAY(SELECT attname::text FROM unnest(conkey) WITH ORDINALITY AS key (attnum, place)
                   JOIN pg_attribute USING (attnum) WHERE attrelid = conrelid ORDER BY place)
      FROM pg_constraint WHERE conrelid::regclass::text = ANY (%s)
"""
RULES = "SELECT tablename::text, rulename::text FROM pg_rules WHERE tablename = ANY (%s)"
PASSED_OVER = """
    SELECT coalesce(role.rolname::text, 'everybody'), setting
      FROM pg_db_role_setting CROSS JOIN unnest(setconfig) AS setting LEFT JOIN pg_roles role ON role.oid = setrole
     WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
       AND setting LIKE 'session_replication_role=%%' AND setting <> 'session_replication_role=origin'
"""


def guards() -> Iterator[str]:
    """Every guard that is missing, at rest, or not the one that the migrations made."""
    yield from _functions()
    yield from _triggers()
    yield from _constraints()
    for table, rule in _rows(RULES, _tables()):
        yield f"{table}: its rule {rule} is none of ours: what is written may go elsewhere"
    for role, setting in _rows(PASSED_OVER):
        yield f"{role}: {setting}: every trigger is passed over"


def _functions() -> Iterator[str]:
    """The functions of the laws: their text, their settings, and the rights with which they run."""
    found: dict[str, list[tuple]] = {}
    for name, *row in _rows(FUNCTIONS, list(laws.FUNCTIONS)):
        found.setdefault(name, []).append(tuple(row))
    for name in laws.FUNCTIONS:
        if wrong := _wrong_function(name, found.get(name, [])):
            yield f"{name}: {wrong}"


def _wrong_function(name: str, found: list[tuple]) -> str | None:
    if not found:
        return f"is missing: {ALTERABLE}"
    if len(found) > 1:
        return "stands for several functions"
    [(source, definer, settings, owned)] = found
    if _plain(source) != _plain(laws.FUNCTIONS[name][1]):
        return REWRITTEN
    if not owned or definer == (name in laws.PLAIN) or sorted(settings) != sorted(laws.settings(name)):
        return "runs with other rights or settings than the migrations gave it"
    return None


def _triggers() -> Iterator[str]:
    """The triggers of the laws, no others, and those that keep the foreign keys; all at work."""
    found = {}
    for table, name, internal, enabled, definition in _rows(TRIGGERS, _tables()):
        if not internal:
            found[table, name] = (enabled, definition)
        elif not enabled:
            yield f"{table}: its foreign keys are not checked"
    for (table, name), does in laws.TRIGGERS.items():
        wanted = f"CREATE TRIGGER {name} {does.format(table)}"
        if wrong := _wrong_trigger(found.pop((table, name), None), wanted):
            yield f"{table}: its trigger {name} {wrong}"
    for table, name in found:
        yield f"{table}: its trigger {name} is none of ours: it may change what is written"


def _wrong_trigger(found: tuple | None, wanted: str) -> str | None:
    if found is None:
        return f"is missing: {ALTERABLE}"
    enabled, definition = found
    if not enabled:
        return f"is disabled: {ALTERABLE}"
    return None if _said(definition) == _said(wanted) else REWRITTEN


def _said(definition: str) -> tuple:
    """When a trigger does what, whatever the order of its events."""
    parts = CREATE_TRIGGER.fullmatch(_plain(definition))
    return (parts["when"], frozenset(parts["events"].split(" OR ")), parts["rest"]) if parts else (definition,)


def _constraints() -> Iterator[str]:
    """The constraints of the models and of the laws: there, and checked for the rows that were there before them."""
    found, keyed = {}, set()
    for table, name, kind, validated, columns in _rows(CONSTRAINTS, _tables()):
        found[table, name] = validated
        if validated:
            keyed.add((table, kind, tuple(columns)))
    for table, name in _named():
        if (table, name) not in found:
            yield f"{table}: its constraint {name} is missing"
        elif not found[table, name]:
            yield f"{table}: its constraint {name} was never checked"
    for table, kind, column, word in _keyed():
        if (table, kind, (column,)) not in keyed:
            yield f"{table}: {column} is no {word} any more"


def _named() -> Iterator[tuple[str, str]]:
    for model in _models():
        for constraint in model._meta.constraints:
            if isinstance(constraint, CheckConstraint | UniqueConstraint):
                yield model._meta.db_table, constraint.name
    yield from laws.KEYS


def _keyed() -> Iterator[tuple[str, str, str, str]]:
    """The keys that have no name of ours: (table, kind, column, what it should be)."""
    for model in _models():
        for field in model._meta.concrete_fields:
            if field.primary_key and field.column:
                yield model._meta.db_table, "p", field.column, "primary key"
            elif field.unique and field.column:
                yield model._meta.db_table, "u", field.column, "unique key"
            if isinstance(field, ForeignKey) and field.db_constraint:
                yield model._meta.db_table, "f", field.column, "foreign key"


def _models() -> list:
    return list(apps.get_app_config("ledger").get_models())


def _tables() -> list[str]:
    return [model._meta.db_table for model in _models()]


def _rows(sql: str, *params: Any) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, list(params))
        return cursor.fetchall()


def _plain(source: str) -> str:
    """Words only: white space is no difference."""
    return " ".join(source.split())
