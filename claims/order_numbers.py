"""Order numbers as people paste them: lists, sentences, links, tables, full-width, quoted, numbered. Pure.

What has digits and is no order number (a date, a price, a number that a spreadsheet rounded) is told apart, never dropped in
silence.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

LONGEST = 64  # characters of an order's id
WORD = re.compile(r"[0-9A-Za-z_./:#=+@-]+")  # whatever else is written stands between two words
ENUMERATOR = re.compile(r"^[ \t]*([0-9]{1,3})[.)][ \t]+(?=\S)", re.MULTILINE)
LABEL = re.compile(r"[A-Za-z_.-]*[:=#]+|(?:no|nr|id)\.(?=[0-9])", re.IGNORECASE)  # Order: #, order_id=, No.
LEG = re.compile(r"/[0-9]{1,3}\Z")  # 123/2: the second leg of 123
HEADING = re.compile(
    r"order|order[ _-]?(?:id|no\.?|nr\.?|number|ref|#)|orderid|订单(?:号|编号|id)?|委托(?:号|单号)", re.I
)
DAY = r"(?:[0-9]{4}([-/.])[0-9]{1,2}\1[0-9]{1,2}|[0-9]{1,2}([-/.])[0-9]{1,2}\2[0-9]{2,4})"
CLOCK = r"[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2}|[ap]m)?"
PRICE = r"[+-]?[0-9]+\.[0-9]+[A-Za-z]*"
ROUNDED = r"[0-9](?:\.[0-9]+)?[eE]\+[0-9]+|[0-9]\.[0-9]+[eE][0-9]+"  # 1.00E+17: a spreadsheet kept a part of it
OTHER = re.compile(
    rf"{DAY}(?:[TD]{CLOCK})?|{CLOCK}|{PRICE}|{ROUNDED}|[0-9]{{1,3}}x|(?:UTC|GMT)[+-][0-9:]+", re.IGNORECASE
)
THOUSANDS = re.compile(r"(?<![0-9])[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]+")  # 16,950.00: without decimals it may be a list
INVISIBLE = {ord(sign): None for sign in "\ufeff\u200b\u200c\u200d\u2060\u00ad"}
SIGNS = INVISIBLE | {ord("№"): "#"} | {code: "-" for code in (*range(0x2010, 0x2016), 0x2212)}


@dataclass(frozen=True)
class Named:
    """What a text names: order ids in its order, each once; and what has digits but is something else."""

    ids: tuple[str, ...]
    passed: tuple[str, ...] = ()


def read(text: str) -> Named:
    """The order ids of a text in whatever form it was pasted."""
    text = unicodedata.normalize("NFKC", text.translate(SIGNS))
    cells = _column(text)
    if cells is not None:
        return Named(_once(found for cell in cells for found in _ids(_words(cell))))
    text = _without_numbering(text)
    prices, words = THOUSANDS.findall(text), _words(THOUSANDS.sub(" ", text))
    return Named(_once(_ids(words)), _once([*prices, *(word for word in words if _has_digit(word) and not _id(word))]))


def is_rounded(word: str) -> bool:
    """Whether a spreadsheet kept a part of this number only: 1.00E+17."""
    return bool(re.fullmatch(ROUNDED, word))


def _once(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found))


def _words(text: str) -> list[str]:
    return WORD.findall(text)


def _ids(words: Iterable[str]) -> Iterator[str]:
    return (found for found in map(_id, words) if found)


def _has_digit(word: str) -> bool:
    return any("0" <= sign <= "9" for sign in word)


def _id(word: str) -> str:
    """The order id that a word is, without its label and its leg; empty: it is something else."""
    if "//" in word:
        word = word.rstrip("/").rpartition("/")[2]  # of a link, its last part
    word = word.strip("./:=+-#")
    while (label := LABEL.match(word)) and _has_digit(word[label.end() :]) and not OTHER.fullmatch(word):
        word = word[label.end() :].lstrip("./:=+-#")
    if OTHER.fullmatch(word) or "@" in word:
        return ""
    word = LEG.sub("", word) if word.count("/") == 1 else word
    return word if _has_digit(word) and len(word) <= LONGEST else ""


def _without_numbering(text: str) -> str:
    """Lines numbered 1. 2. 3. lose their numbers."""
    numbers = [int(number) for number in ENUMERATOR.findall(text)]
    return ENUMERATOR.sub("", text) if numbers and numbers == list(range(1, len(numbers) + 1)) else text


# --- a pasted table


def _column(text: str) -> list[str] | None:
    """The cells of the column that holds the orders; None: this is no table."""
    lines = [line for line in text.splitlines() if line.strip()]
    for sign in "\t|;,":
        rows = [[cell.strip(" \"'") for cell in line.strip("|" if sign == "|" else "").split(sign)] for line in lines]
        headed = [place for place, cell in enumerate(rows[0]) if HEADING.fullmatch(cell)] if len(rows) > 1 else []
        if headed and len(rows[0]) > 1:
            return [row[headed[0]] for row in rows[1:] if len(row) > headed[0]]
        if sign == "\t" and rows and all(len(row) > 1 for row in rows):
            return _likeliest(rows)
    return None


def _likeliest(rows: Sequence[Sequence[str]]) -> list[str] | None:
    """Of a table without a header: the first column of nothing but ids, which neither counts the rows nor stays the same."""
    columns = [[row[place] for row in rows if place < len(row)] for place in range(max(map(len, rows)))]
    if all(any(_ids(_words(cell))) for column in columns for cell in column if cell):
        return None  # a list with tabs between
    able = [column for column in columns if all(map(_is_id, column))]
    better = [column for column in able if not _counts(column)] or able
    return next((column for column in better if len(set(column)) > 1), better[0] if better else None)


def _is_id(cell: str) -> bool:
    return len(list(_ids(_words(cell)))) == 1


def _counts(column: Sequence[str]) -> bool:
    return list(column) == [str(number) for number in range(1, len(column) + 1)]
