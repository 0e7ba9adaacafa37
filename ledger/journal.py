"""What is to be posted, before it is: drafts of entries, and the chart of accounts. Pure."""

from __future__ import annotations

import re
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
AVAILABLE = (CASH, *COMMITTED)  # debits less credits of these: what the fund can still promise (rules §5)

# What a person may post by hand, and between which accounts (debit, credit). A compensation and a goodwill bonus are not here:
# they are posted by the decision that grants them and by nobody else. A correction is the reversal of an entry.
CORRECTION = "correction"
MANUAL = {
    "seed_capital": ((CASH, SEED_CAPITAL),),
    "company_topup": ((CASH, COMPANY_TOPUP),),
    "liquidation_fee": ((CASH, LIQUIDATION_FEES),),
    "liquidation_surplus": ((CASH, LIQUIDATION_SURPLUS),),
    "bankruptcy_cover": ((BANKRUPTCY_COVER, CASH),),
    "fee_refund": ((LIQUIDATION_FEES, CASH), (LIQUIDATION_FEES, PAYABLE_COMPENSATION)),
}
REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/#-]{0,99}")
ASSET = re.compile(r"[A-Z0-9]{1,23}")
LARGEST = (
    Decimal(10) ** 16
)  # more than any coin has; sums of such amounts stay within 28 exact digits, ours and beancount's


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

    def mirrored(self) -> tuple[Move, ...]:
        """The moves that undo these."""
        return tuple(Move(move.credit, move.debit, move.amount, move.asset) for move in self.moves)


def objection(category: str, debit: str, credit: str) -> str | None:
    """Why a person may not post this move under this category, or None; says what would be right."""
    if category == CORRECTION:
        return "a correction names the entry it reverses and has no transfers of its own"
    if category not in MANUAL:
        return f"{category!r} is not posted by hand; by hand: {', '.join((*MANUAL, CORRECTION))}"
    if (debit, credit) in MANUAL[category]:
        return None
    right = " or ".join(f"debit {right_debit}, credit {right_credit}" for right_debit, right_credit in MANUAL[category])
    return f"{category} does not move debit {debit}, credit {credit}; right would be: {right}"


def places(amount: Decimal, decimals: int) -> int:
    """How many decimals to show of an amount: all of its asset's, and more if it has more, so that nothing is rounded away."""
    exponent = amount.normalize().as_tuple().exponent
    return max(decimals, -exponent) if isinstance(exponent, int) else decimals
