"""A policy's TOML file: read and checked in full, all errors at once, each naming the clause and the field; and written."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, datetime

from claims.deadlines import Outage
from claims.terms.kinds import KINDS
from claims.terms.sense import TermsError, nonsense
from claims.terms.shape import CLAUSE, LANGUAGES, SECTIONS, completed


def read(text: str, outage: Outage | None = None) -> dict:
    """A policy file's text as a complete document, defaults filled in; or TermsError with all that is wrong.

    With the incident's outage, intervals are also held against its real times.
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TermsError([f"not a TOML file: {error}"]) from error
    return complete(raw, outage)


def complete(raw: dict, outage: Outage | None = None) -> dict:
    """A policy as a file or the editor says it, checked in full and completed; `read` for the rest."""
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
    errors += [f"{key}: unknown key" for key in sorted(set(raw) - set(document))]
    errors += nonsense(document, outage)
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
        document[key] = value = _plain(raw.get(key, default))
        if problem := KINDS[kind](value):
            errors.append(f"{where} {key} {problem}")
    return document


def _plain(value: object) -> object:
    """A TOML date-time as JSON keeps it: its ISO text in UTC."""
    if not isinstance(value, datetime) or value.utcoffset() is None:
        return value
    return value.astimezone(UTC).isoformat()


def write(document: dict) -> str:
    """The document as a policy file, in the order of a file whatever its own; reading it again gives the same document."""
    document = completed(document)
    lines = [f"{key} = {_toml(document[key])}" for key in ("name", "binding_language")]
    for section, shape in SECTIONS.items():
        lines += [
            "",
            f"[{section}]",
            *(_line(key, kind, document[section][key]) for key, (kind, _default) in shape.items()),
        ]
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


def _line(key: str, kind: str, value: object) -> str:
    if kind == "instant" and value:
        return f"{key} = {str(value).replace('+00:00', 'Z')}"
    return f"{key} = {_toml(value)}"
