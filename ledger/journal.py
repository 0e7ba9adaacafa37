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

    @property
    def takes(self) -> bool:
        """Whether it lowers what is available or what is committed: the database then has whoever else does so wait."""
        return self.debit in COMMITTED or (self.credit in AVAILABLE and self.debit not in AVAILABLE)


@dataclass(frozen=True)
class Fact:
    """A business fact that the books know: its category, which account it debits and which it credits."""

    category: str
    debit: str
    credit: str
    by_hand: bool = False

    def move(self, amount: Decimal, asset: str) -> Move:
        return Move(self.debit, self.credit, amount, asset)


# The one place that says what moves which accounts. Approval commits (an expense against a payable), payout pays (the payable
# against cash), so what is available and what is committed are balances. A compensation and a goodwill bonus are not posted by
# hand: they are posted by the decision that grants them. A correction is the reversal of an entry and has no accounts of its own.
CORRECTION = "correction"
SEED_PAID_IN = Fact("seed_capital", CASH, SEED_CAPITAL, by_hand=True)
TOPPED_UP = Fact("company_topup", CASH, COMPANY_TOPUP, by_hand=True)
FEE_RECEIVED = Fact("liquidation_fee", CASH, LIQUIDATION_FEES, by_hand=True)
SURPLUS_RECEIVED = Fact("liquidation_surplus", CASH, LIQUIDATION_SURPLUS, by_hand=True)
LOSS_COVERED = Fact("bankruptcy_cover", BANKRUPTCY_COVER, CASH, by_hand=True)
COMPENSATION_APPROVED = Fact("outage_compensation", COMPENSATION, PAYABLE_COMPENSATION)
COMPENSATION_PAID = Fact("outage_compensation", PAYABLE_COMPENSATION, CASH)
GOODWILL_GRANTED = Fact("goodwill_bonus", GOODWILL, PAYABLE_GOODWILL)
GOODWILL_PAID = Fact("goodwill_bonus", PAYABLE_GOODWILL, CASH)
FEE_REFUND_APPROVED = Fact("fee_refund", LIQUIDATION_FEES, PAYABLE_COMPENSATION, by_hand=True)
FEE_REFUND_PAID = Fact("fee_refund", PAYABLE_COMPENSATION, CASH)
FEE_REFUNDED = Fact("fee_refund", LIQUIDATION_FEES, CASH, by_hand=True)
FACTS = (
    SEED_PAID_IN,
    TOPPED_UP,
    FEE_RECEIVED,
    SURPLUS_RECEIVED,
    LOSS_COVERED,
    COMPENSATION_APPROVED,
    COMPENSATION_PAID,
    GOODWILL_GRANTED,
    GOODWILL_PAID,
    FEE_REFUND_APPROVED,
    FEE_REFUND_PAID,
    FEE_REFUNDED,
)
BY_HAND = tuple(dict.fromkeys(fact.category for fact in FACTS if fact.by_hand))  # categories a person may post


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


def objection(category: str, debit: str, credit: str, *, by_hand: bool = True) -> str | None:
    """Why a move does not belong under this category, or (by_hand) why a person may not post it; None if all is well."""
    if category == CORRECTION:
        return "a correction names the entry it reverses and has no transfers of its own"
    facts = [fact for fact in FACTS if fact.category == category and (fact.by_hand or not by_hand)]
    if not facts:
        return f"{category!r} is not posted by hand; by hand: {', '.join((*BY_HAND, CORRECTION))}"
    if any((fact.debit, fact.credit) == (debit, credit) for fact in facts):
        return None
    right = " or ".join(f"debit {fact.debit}, credit {fact.credit}" for fact in facts)
    return f"{category} does not move debit {debit}, credit {credit}; right would be: {right}"


def places(amount: Decimal, decimals: int) -> int:
    """How many decimals to show of an amount: all of its asset's, and more if it has more, so that nothing is rounded away."""
    exponent = amount.normalize().as_tuple().exponent
    return max(decimals, -exponent) if isinstance(exponent, int) else decimals
