"""hledger 1.25 and later: what `hledger check --strict` accepts, to the last digit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import BinaryIO

from ledger.exports.plaintext import OPENING, TITLE, Balances, Dialect, Frame, write

LETTERS = re.compile("[A-Z]+")
# A semicolon would begin a comment and cannot be quoted; a line has no control signs.
ONE_LINE = r"""regexp_replace(replace(description, ';', ','), '[[:cntrl:]]+', ' ', 'g')"""


class Hledger(Dialect):
    """Transactions whose code is the entry's reference; assertions are postings of nothing, at the end of a day."""

    head = f"""concat(E'\\n', day, ' * (', reference, ') ', {ONE_LINE}, E'\\n    ; entry:', entry,
        E'\\n    ; category:', category, E'\\n    ; posted_at:', posted_at, E'\\n    ; reverses:' || reverses,
        E'\\n    ; seal:' || seal, E'\\n')"""
    leg = "concat('    ', debit, '  ', amount, ' ', symbol, E'\\n    ', credit, '  -', amount, ' ', symbol)"

    def symbol(self, asset: str) -> str:
        return asset if LETTERS.fullmatch(asset) else f'"{asset}"'

    def preface(self, frame: Frame) -> Iterator[str]:
        yield f"; {frame.sealed()}\n; {TITLE}\n\ndecimal-mark .\n"
        for asset in frame.assets:  # with all decimals: hledger overlooks what it does not show
            yield f"commodity 1.{'0' * frame.decimals[asset]} {self.symbol(asset)}\n"
        for name in dict.fromkeys(name for name, _asset in frame.after):
            yield f"account {name}\n"
        if frame.assets:
            yield f"account {OPENING}\n"

    def brought_forward(self, frame: Frame) -> Iterator[str]:
        balances = {key: balance for key, balance in frame.before.items() if balance}
        if balances:
            yield f"\n{frame.opening} * Opening balances\n"
        for (name, asset), balance in balances.items():
            yield f"    {name}  {frame.amount(balance, asset)} {self.symbol(asset)}\n"
            yield f"    {OPENING}  {frame.amount(-balance, asset)} {self.symbol(asset)}\n"

    def asserted(self, day: date, balances: Balances, frame: Frame) -> Iterator[str]:
        if balances:
            yield f"\n{day} * Balances through {day}\n"
        brought = {(OPENING, asset): Decimal(0) for asset in sorted({asset for _name, asset in balances})}
        for (name, asset), balance in (balances | brought).items():
            nothing, stated = frame.amount(Decimal(0), asset), frame.amount(balance, asset)
            yield f"    {name}  {nothing} {self.symbol(asset)} = {stated} {self.symbol(asset)}\n"


def write_hledger(file: BinaryIO, *, first: date | None = None, last: date | None = None) -> int:
    """The entries effective from `first` to `last`, both inside. Returns the number of transfers."""
    return write(Hledger(), file, first=first, last=last)
