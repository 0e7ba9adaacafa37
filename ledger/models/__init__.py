"""WHAT WE OWE AND PAID: double entry, append-only. Entries and transfers are written by `ledger.posting` and by nothing else."""

from ledger.models.books import Account, Amount, Asset, Balance, JournalEntry, Transfer
from ledger.models.control import ClosingBalance, Period, Rate, Seal, Sealing, Verification

__all__ = [
    "Account",
    "Amount",
    "Asset",
    "Balance",
    "ClosingBalance",
    "JournalEntry",
    "Period",
    "Rate",
    "Seal",
    "Sealing",
    "Transfer",
    "Verification",
]
