"""A manual entry's TOML file, read in full into a draft. Pure: what needs the books is checked when it is posted."""

from __future__ import annotations

import re
import tomllib
from datetime import date, datetime
from decimal import Decimal

from ledger.journal import ASSET, BY_HAND, CHART, CORRECTION, REFERENCE, Draft, Move, objection

KEYS = ("reference", "category", "effective_on", "description", "reverses", "transfers")
TRANSFER_KEYS = ("debit", "credit", "amount", "asset")
AMOUNT = re.compile(r"(0|[1-9][0-9]{0,15})(\.[0-9]{1,8})?")
LONGEST_DESCRIPTION = 200
CATEGORIES = (*BY_HAND, CORRECTION)


class EntryFileError(Exception):
    """A file that cannot be posted: every error it has, each with its place and what would be right."""

    def __init__(self, errors: list[str]):
        self.errors = errors
        super().__init__("; ".join(errors))


def read(text: str) -> Draft:
    """The draft that the file describes; a reversal has no moves yet. Raises EntryFileError with all that is wrong."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise EntryFileError([f"this is not TOML: {error}"]) from error
    errors = [*_unknown(document, KEYS, ""), *_head(document), *_body(document)]
    if errors:
        raise EntryFileError(errors)
    return Draft(
        reference=document["reference"],
        category=document["category"],
        effective_on=document["effective_on"],
        description=document["description"].strip(),
        moves=tuple(
            Move(row["debit"], row["credit"], Decimal(row["amount"]), row["asset"])
            for row in document.get("transfers", [])
        ),
        reverses=document.get("reverses", ""),
    )


def _unknown(table: dict, known: tuple[str, ...], place: str) -> list[str]:
    return [f"{place}{key}: this key is unknown; known: {', '.join(known)}" for key in table if key not in known]


def _head(document: dict) -> list[str]:
    checks = {"reference": _reference, "category": _category, "effective_on": _day, "description": _description}
    errors = [f"{key}: {wrong}" for key, check in checks.items() if (wrong := check(document.get(key)))]
    reverses = document.get("reverses", "")
    if reverses != "" and (wrong := _reference(reverses)):
        errors.append(f"reverses: {wrong}")
    return errors


def _body(document: dict) -> list[str]:
    """Transfers and what they may be: none in a reversal, at least one otherwise, each as its category moves money."""
    category, rows = document.get("category"), document.get("transfers", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return ["transfers: write each transfer under its own [[transfers]]"]
    if document.get("reverses"):
        errors = [] if category == CORRECTION else [f'category: a reversal is a "{CORRECTION}", this says {category!r}']
        return errors + (["transfers: a reversal has none; they mirror the reversed entry"] if rows else [])
    if category == CORRECTION:
        return ["reverses: a correction names the reference of the entry that it reverses"]
    if not rows:
        return ["transfers: an entry needs at least one"]
    return [
        f"transfers[{number}].{wrong}" for number, row in enumerate(rows, start=1) for wrong in _transfer(row, category)
    ]


def _transfer(row: dict, category) -> list[str]:
    checks = {"debit": _account, "credit": _account, "amount": _amount, "asset": _asset}
    errors = [f"{key}: {wrong}" for key, check in checks.items() if (wrong := check(row.get(key)))]
    errors += _unknown(row, TRANSFER_KEYS, "")
    if errors or category not in CATEGORIES:
        return errors
    wrong = objection(category, row["debit"], row["credit"])
    return [f"debit: {wrong}"] if wrong else []


def _reference(value) -> str | None:
    if isinstance(value, str) and REFERENCE.fullmatch(value):
        return None
    return f'is {_said(value)}; expected letters, digits and . _ : / # -, 100 at most, such as "seed-2022"'


def _category(value) -> str | None:
    if not isinstance(value, str):
        return f"is {_said(value)}; expected one of: {', '.join(CATEGORIES)}"
    return None if value in CATEGORIES else objection(value, "", "")


def _day(value) -> str | None:
    if isinstance(value, date) and not isinstance(value, datetime):
        return None
    return f"is {_said(value)}; expected a day without quotes and without a time, such as 2022-11-01"


def _description(value) -> str | None:
    fits = isinstance(value, str) and 0 < len(value.strip()) <= LONGEST_DESCRIPTION and value.strip().isprintable()
    return None if fits else f"is {_said(value)}; expected one line of text, 1 to {LONGEST_DESCRIPTION} characters"


def _account(value) -> str | None:
    return None if value in CHART else f"is {_said(value)}; the chart of accounts has: {', '.join(CHART)}"


def _asset(value) -> str | None:
    fits = isinstance(value, str) and ASSET.fullmatch(value)
    return None if fits else f'is {_said(value)}; expected capital letters and digits, such as "USDT"'


def _amount(value) -> str | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f'is the number {value}; write it in quotes, such as "{value}": a number in TOML may lose digits'
    if not isinstance(value, str) or not AMOUNT.fullmatch(value):
        return (
            f'is {_said(value)}; expected up to 16 digits, a decimal point and at most 8 decimals, such as "1000000.00"'
        )
    return None if Decimal(value) > 0 else f"is {value}; expected more than 0"


def _said(value) -> str:
    return "missing" if value is None else repr(value)
