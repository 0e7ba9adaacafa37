"""A period's balances on screen: as its closing stored them, or as a proposal would store them now."""

from __future__ import annotations

from datetime import date, timedelta

from ledger.models import Period
from ledger.reports import Line, to_decimals, trial_balance
from ledger.screens.accounts import Tree


def tree_of(period: Period) -> Tree:
    """The accounts at the end of the period."""
    return Tree(_stored(period) if period.closed_at else trial_balance(period.last_day), as_of=period.last_day)


def _stored(period: Period) -> list[Line]:
    rows = period.balances.values_list(
        "account__name", "account__asset", "account__asset__decimals", "debits", "credits"
    )
    return [
        Line(name, asset, to_decimals(debits, decimals), to_decimals(credits, decimals))
        for name, asset, decimals, debits, credits in rows
    ]


def next_to_close(today: date) -> date | None:
    """What is usually proposed: the end of the last month that is over and open; else yesterday; None if that is closed."""
    closed = Period.objects.closed_through()
    month, yesterday = today.replace(day=1) - timedelta(days=1), today - timedelta(days=1)
    return next((day for day in (month, yesterday) if closed is None or day > closed), None)
