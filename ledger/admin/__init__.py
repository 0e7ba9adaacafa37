"""The books on screen. They are shown, closed and verified here; what posts is a decision, an import or a command."""

from ledger.admin import accounts, journal, periods, rates, reports, verification

__all__ = ["accounts", "journal", "periods", "rates", "reports", "verification"]
