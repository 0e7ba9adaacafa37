"""Every string of ours that people read: in Python found by its syntax, in templates by Django's own reading."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("config", "incidents", "claims", "ledger", "jobs")
PLURALS = {"ngettext", "ngettext_lazy"}
CALLS = {"_", "gettext", "gettext_lazy", "Refused", *PLURALS}  # a refusal translates what it is given
IN_TEMPLATE = re.compile(
    r"""\b(n?gettext|_)\(u?("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')(?:, u?("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'))?"""
)


class String(NamedTuple):
    """A message, and its plural where it has one."""

    singular: str
    plural: str = ""


def ours() -> set[String]:
    """Every string of the rooms, the settings and the templates."""
    python = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py") if "migrations" not in path.parts]
    found = {string for path in python for string in in_python(path.read_text())}
    return found | {string for path in (ROOT / "templates").rglob("*.html") for string in in_template(path.read_text())}


def in_python(source: str) -> Iterator[String]:
    """Strings given to gettext under one of its names."""
    for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
        name = getattr(call.func, "id", "")
        values = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
        texts = [value for value in values if isinstance(value, str)]
        if name in CALLS and texts:
            yield String(*texts[:2]) if name in PLURALS else String(texts[0])


def in_template(source: str) -> Iterator[String]:
    """Strings in translate and blocktranslate tags and in _()."""
    for name, singular, plural in IN_TEMPLATE.findall(templatize(source)):
        yield String(ast.literal_eval(singular), ast.literal_eval(plural) if name == "ngettext" else "")
