"""What is to be posted, before it is: drafts of entries, and the chart of accounts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

CASH = "Assets:Fund:Cash"
PAYABLE_COMPENSATION = "Liabilities:Payable:Compensation"
PAYABLE_GOODWILL = "Liabilities:Payable:Goodwill"
SEED_CAPITAL = "Equity:SeedCapital"
COMPANY_TOPUP = "Income:CompanyTopup"
LIQUIDATION_FEES = "Income:LiquidationFees"
LIQUIDATION_SURPLUS = "Income:LiquidationSurplus"
COMPENSATION = "Expenses:Compensation"
GOODWILL = "Expenses:Goodwill"
BANKRUPTCY_COVER = "Expenses:BankruptcyCover"

# Every account there is; each is opened per asset when it is first posted to.
CHART = (
    CASH,
    PAYABLE_COMPENSATION,
    PAYABLE_GOODWILL,
    SEED_CAPITAL,
    COMPANY_TOPUP,
    LIQUIDATION_FEES,
    LIQUIDATION_SURPLUS,
    COMPENSATION,
    GOODWILL,
    BANKRUPTCY_COVER,
)
COMMITTED = (PAYABLE_COMPENSATION, PAYABLE_GOODWILL)  # approved and not yet paid (rules §5)


@dataclass(frozen=True)
class Move:
    """An amount of an asset, debited to one account and credited to another."""

    debit: str
    credit: str
    amount: Decimal
    asset: str


@dataclass(frozen=True)
class Draft:
    """One journal entry to be. The same reference with the same content is the same fact, however often it is posted."""

    reference: str
    category: str
    effective_on: date
    description: str
    moves: tuple[Move, ...] = ()
    reverses: str = ""
