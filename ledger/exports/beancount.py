"""beancount: what `bean-check` accepts, to the last digit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import BinaryIO

from ledger.exports.plaintext import A_DAY, OPENING, TITLE, Balances, Dialect, Frame, write

# A commodity begins with a letter, has two at least, and is none of beancount's words. One more X makes any of ours legal,
# and no two of ours the same: those that look as if they had been helped get one, too.
NEEDS_X = re.compile(r"X*([0-9].*|[A-Z]?|TRUE|FALSE|NULL)")
QUOTED = r"""replace(replace(replace({0}, '\', '\\'), '"', '\"'), E'\n', '\n')"""


class Beancount(Dialect):
    """Transactions with metadata; `balance` directives speak of the beginning of a day and are exact by `~ 0`."""

    head = f"""concat(E'\\n', day, ' * "', {QUOTED.format("description")}, E'"\\n  entry: ', entry,
        E'\\n  reference: "', {QUOTED.format("reference")}, E'"\\n  category: "', category, E'"\\n  posted_at: "', posted_at, '"',
        E'\\n  reverses: "' || {QUOTED.format("reverses")} || '"', E'\\n  seal: ' || seal, E'\\n')"""
    leg = "concat('  ', debit, '  ', amount, ' ', symbol, E'\\n  ', credit, '  -', amount, ' ', symbol)"

    def symbol(self, asset: str) -> str:
        return f"X{asset}" if NEEDS_X.fullmatch(asset) else asset

    def preface(self, frame: Frame) -> Iterator[str]:
        yield f'; {frame.sealed()}\noption "title" "{TITLE}"\n\n'
        for asset in frame.assets:
            yield f"{frame.opening} commodity {self.symbol(asset)}\n"
            yield f'  asset: "{asset}"\n  decimals: {frame.decimals[asset]}\n'
        for name, keys in groupby(frame.after, key=lambda key: key[0]):
            yield f"{frame.opening} open {name}  {','.join(self.symbol(asset) for _name, asset in keys)}\n"
        if frame.assets:
            yield f"{frame.opening} open {OPENING}  {','.join(map(self.symbol, frame.assets))}\n"

    def brought_forward(self, frame: Frame) -> Iterator[str]:
        for (name, asset), balance in frame.before.items():
            if balance:
                yield f'\n{frame.opening} * "Opening balance"\n'
                yield f"  {name}  {frame.amount(balance, asset)} {self.symbol(asset)}\n"
                yield f"  {OPENING}  {frame.amount(-balance, asset)} {self.symbol(asset)}\n"

    def asserted(self, day: date, balances: Balances, frame: Frame) -> Iterator[str]:
        yield "\n"
        brought = {(OPENING, asset): Decimal(0) for asset in frame.assets}
        for (name, asset), balance in (balances | brought).items():
            yield f"{day + A_DAY} balance {name}  {frame.amount(balance, asset)} ~ 0 {self.symbol(asset)}\n"


def write_beancount(file: BinaryIO, *, first: date | None = None, last: date | None = None) -> int:
    """The entries effective from `first` to `last`, both inside. Returns the number of transfers."""
    return write(Beancount(), file, first=first, last=last)
