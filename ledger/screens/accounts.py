"""The chart of accounts as a tree, a column for each asset: as the books say now, or as of the end of a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cached_property

from django.utils.translation import gettext_lazy as _

from ledger import journal
from ledger.models import Account
from ledger.reports import Fund, Line, to_decimals, trial_balance

BRANCHES = ("Assets", "Liabilities", "Equity", "Income", "Expenses")  # in an accountant's order
MEANING = {
    "Assets": _("what the fund has"),
    "Liabilities": _("what the fund owes"),
    "Equity": _("what its owner put in"),
    "Income": _("what came in"),
    "Expenses": _("what was spent or promised"),
    journal.CASH: _("what the fund holds"),
    journal.PAYABLE_COMPENSATION: _("compensation approved, not yet paid"),
    journal.PAYABLE_GOODWILL: _("bonuses granted, not yet paid"),
    journal.SEED_CAPITAL: _("what the company founded the fund with"),
    journal.COMPANY_TOPUP: _("what the company added where the fund would not have sufficed"),
    journal.LIQUIDATION_FEES: _("fees of forced liquidations, less refunds"),
    journal.LIQUIDATION_SURPLUS: _("what was left of liquidated margins"),
    journal.COMPENSATION: _("outage compensation, as approved"),
    journal.GOODWILL: _("goodwill bonuses, as granted"),
    journal.BANKRUPTCY_COVER: _("losses beyond a customer's margin"),
}


@dataclass(frozen=True)
class Cell:
    """A balance in one asset, debits less credits; None where there is none. `account` is what opens its statement."""

    asset: str
    balance: Decimal | None
    account: int | None = None


@dataclass(frozen=True)
class Row:
    """A branch with its subtotals, or an account."""

    name: str
    cells: list[Cell]
    is_account: bool

    @property
    def level(self) -> int:
        """From 1, as a tree is read aloud."""
        return self.name.count(":") + 1

    @property
    def label(self) -> str:
        return self.name.rpartition(":")[2]

    @property
    def meaning(self):
        return MEANING.get(self.name, "")


class Tree:
    """What the page shows; each part is asked for once."""

    def __init__(self, lines: list[Line], *, as_of: date | None = None):
        self.lines, self.as_of = lines, as_of

    @classmethod
    def at(cls, as_of: date | None = None) -> Tree:
        """At the end of a day, or now."""
        return cls(trial_balance(as_of), as_of=as_of)

    @cached_property
    def assets(self) -> list[str]:
        return sorted({line.asset for line in self.lines})

    @cached_property
    def rows(self) -> list[Row]:
        """Depth first, each branch before what it is made of."""
        names = sorted({line.account for line in self.lines}, key=_place)
        branches = dict.fromkeys(name for account in names for name in _upwards(account))
        return [self._row(name, is_account=name in names) for name in branches]

    @cached_property
    def totals(self) -> list[Cell]:
        """All accounts of an asset together: zero, in sound books."""
        return self._cells("")

    @cached_property
    def fund(self) -> list[Fund]:
        """The figures that matter first (rules §5)."""
        return [
            Fund(
                asset,
                cash=self._sum(asset, (journal.CASH,)),
                committed=-self._sum(asset, journal.COMMITTED),
            )
            for asset in self.assets
        ]

    def _row(self, name: str, *, is_account: bool) -> Row:
        return Row(name, self._cells(name, self._accounts if is_account else {}), is_account)

    def _cells(self, branch: str, accounts: dict[tuple[str, str], int] | None = None) -> list[Cell]:
        return [Cell(asset, self._under(branch, asset), (accounts or {}).get((branch, asset))) for asset in self.assets]

    def _under(self, branch: str, asset: str) -> Decimal | None:
        below = [line for line in self.lines if line.asset == asset and _is_under(line.account, branch)]
        return sum((line.balance for line in below), Decimal(0)) if below else None

    def _sum(self, asset: str, names: tuple[str, ...]) -> Decimal:
        amounts = [line.balance for line in self.lines if line.asset == asset and line.account in names]
        return to_decimals(sum(amounts, Decimal(0)), 0)

    @cached_property
    def _accounts(self) -> dict[tuple[str, str], int]:
        return {(name, asset): pk for pk, name, asset in Account.objects.values_list("pk", "name", "asset_id")}


def _place(account: str) -> tuple[int, int]:
    return BRANCHES.index(account.partition(":")[0]), journal.CHART.index(account)


def _upwards(account: str) -> list[str]:
    """'Assets:Fund:Cash' -> 'Assets', 'Assets:Fund', 'Assets:Fund:Cash'."""
    parts = account.split(":")
    return [":".join(parts[:depth]) for depth in range(1, len(parts) + 1)]


def _is_under(account: str, branch: str) -> bool:
    return not branch or account == branch or account.startswith(f"{branch}:")
