"""Every sum of the books: the trial balance, and the fund."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from ledger.journal import AVAILABLE, CASH, COMMITTED, places
from ledger.models import Account, Asset, Transfer


@dataclass(frozen=True)
class Line:
    """One account of the trial balance, in its asset and with that asset's decimals."""

    account: str
    asset: str
    debit: Decimal
    credit: Decimal

    @property
    def balance(self) -> Decimal:
        """Debits less credits: positive for what we have and spent, negative for what we owe and earned."""
        return self.debit - self.credit


@dataclass(frozen=True)
class Fund:
    """The insurance fund in one asset (rules §5)."""

    asset: str
    cash: Decimal
    committed: Decimal

    @property
    def available(self) -> Decimal:
        """What can still be promised: cash less what is approved and not yet paid."""
        return self.cash - self.committed


def trial_balance(as_of: datetime | date | None = None) -> list[Line]:
    """Every account that was ever posted to, with its debits and credits; per asset the balances sum to zero.

    As of an instant: what the books said then (posted at or before it). As of a day: what counts up to its end (effective date),
    whenever it was posted. None: now.
    """
    decimals = _decimals()
    sums = Transfer.objects.as_of(as_of).sums()
    return [
        Line(account, asset, to_decimals(debit, decimals[asset]), to_decimals(credit, decimals[asset]))
        for (account, asset), (debit, credit) in sums.items()
    ]


def totals(lines: list[Line]) -> dict[str, Line]:
    """Per asset, all debits and all credits of a trial balance: equal, in sound books."""
    found: dict[str, Line] = {}
    for line in lines:
        so_far = found.get(line.asset, Line("", line.asset, Decimal(0), Decimal(0)))
        found[line.asset] = Line("", line.asset, so_far.debit + line.debit, so_far.credit + line.credit)
    return dict(sorted(found.items()))


def fund(asset: str | None = None) -> list[Fund]:
    """Cash, committed and available of each asset that the fund ever held, or of one."""
    accounts = Account.objects.filter(name__in=AVAILABLE, **({"asset": asset} if asset else {}))
    moved = Transfer.objects.filter(asset__in=accounts.values("asset")).sums()
    decimals = _decimals()
    return [
        Fund(
            asset=code,
            cash=to_decimals(_balance(moved, CASH, code), decimals[code]),
            committed=to_decimals(
                sum((-_balance(moved, name, code) for name in COMMITTED), Decimal(0)), decimals[code]
            ),
        )
        for code in sorted({code for _name, code in moved})
    ]


def to_decimals(amount: Decimal, decimals: int) -> Decimal:
    """The amount with all decimals of its asset (20 USDT is 20.00); never rounded: a longer one stays as it is."""
    return round(amount, places(amount, decimals))


def _decimals() -> dict[str, int]:
    return dict(Asset.objects.values_list("code", "decimals"))


def _balance(moved: dict[tuple[str, str], tuple[Decimal, Decimal]], account: str, asset: str) -> Decimal:
    debit, credit = moved.get((account, asset), (Decimal(0), Decimal(0)))
    return debit - credit
