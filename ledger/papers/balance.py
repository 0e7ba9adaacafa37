"""The trial balance as a table."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext_lazy as _

from jobs.paper import Column, Moment, Paper, Row, Table
from ledger import reports
from ledger.papers import asked
from ledger.reports import Line


def trial_balance(*, as_of: Moment = None) -> Paper:
    """Every account's debits, credits and balance now, at the end of a day or as of an instant; per asset they sum to zero."""
    lines = reports.trial_balance(as_of)
    until = as_of if as_of and not isinstance(as_of, datetime) else None

    def statement(row: Row) -> str:
        return asked.report("statement", account=row[0], asset=row[1], last=until)

    account = Column("account", _("account"), link=statement)
    return Paper(
        "trial-balance",
        _("Trial balance"),
        {"as_of": as_of},
        (
            Table(
                "rows", _("Accounts"), (account, *SUMS), [_cells(line) for line in lines], _("Nothing is posted yet.")
            ),
            Table("totals", _("Totals"), SUMS, [_cells(line)[1:] for line in reports.totals(lines).values()]),
        ),
    )


SUMS = (
    Column("asset", _("asset")),
    Column("debit", _("debits")),
    Column("credit", _("credits")),
    Column("balance", _("balance (debits less credits)")),
)


def _cells(line: Line) -> Row:
    return (line.account, line.asset, line.debit, line.credit, line.balance)
