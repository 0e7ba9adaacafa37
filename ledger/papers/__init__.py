"""The reports of the books as tables: what files hold is what screens show."""

from ledger.papers.balance import trial_balance
from ledger.papers.fund import fund
from ledger.papers.statement import statement

__all__ = ["fund", "statement", "trial_balance"]
