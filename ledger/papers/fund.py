"""The fund as tables: what came and went, the company's top-ups, and what it is worth."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from jobs.paper import Asked, Column, Moment, Paper, Row, Table
from ledger import reports
from ledger.models import Asset
from ledger.moment import snapshot
from ledger.papers import asked
from ledger.papers.statement import CLOSING, LINES, OPENING
from ledger.reports import MEASURES, Flow, Fund, Worth

BALANCES = {"cash": _("cash"), "committed": _("committed"), "available": _("available")}


def fund(
    *,
    first: date | None = None,
    last: date | None = None,
    as_of: Moment = None,
    in_asset: str | None = None,
    now: datetime,
) -> Paper:
    """The fund per asset: opening, what came and went by category, closing; of cash, of what is committed, of what is available.

    From `first` to `last`, by effective date, or as of an instant. With `in_asset` its worth at the rates in force at the end of
    that time (for now: `now`). Raises Asked for an unknown asset, and for bounds that exclude each other.
    """
    posted, last = asked.until(first, last, as_of)
    until = posted or last
    if in_asset and not Asset.objects.filter(code=in_asset).exists():
        known = ", ".join(Asset.objects.values_list("code", flat=True))
        raise Asked(f"the books have no asset {in_asset!r}; they have: {known}")
    with snapshot():
        before = reports.fund(as_of=first - timedelta(days=1)) if first else []
        moved, after = reports.flows(first, until), reports.fund(as_of=until)
        brought = reports.topped_up(moved)
        valued = reports.worth(after, brought, in_asset, asked.end(until, now)) if in_asset else []
    rows = [row for one in after for row in _of_asset(one, before, moved)]
    tables = [
        Table("rows", _("What came and went"), FUND_COLUMNS, rows, _("Nothing is posted yet."),
              strong=lambda row: row[2] in (OPENING, CLOSING)),
        Table("topups", _("Company top-ups"), TOPUPS, [_topup(one, brought) for one in after if one.asset in brought],
              _("The company had to top up nothing in this time.")),
    ]  # fmt: skip
    if in_asset:
        tables += _worth(valued, in_asset)
    told = {"from": first, "to": last, "as_of": posted, "in": in_asset}
    return Paper("fund", _("The fund"), told, tuple(tables))


FUND_COLUMNS = (
    Column("asset", _("asset")),
    Column("balance", _("balance of"), BALANCES),
    Column("category", _("category"), LINES),
    Column("in", _("came in")),
    Column("out", _("went out")),
    Column("amount", _("balance")),
)
TOPUPS = (
    Column("asset", _("asset")),
    Column("transfers", _("top-ups")),
    Column("amount", _("amount")),
    Column("available", _("available")),
    Column("without", _("available without them")),
)


def _of_asset(after: Fund, before: list[Fund], moved: list[Flow]) -> Iterator[Row]:
    opening = next((one for one in before if one.asset == after.asset), None)
    for measure in MEASURES:
        end = getattr(after, measure)
        yield (after.asset, measure, OPENING, None, None, getattr(opening, measure) if opening else end * 0)
        for flow in moved:
            if (flow.asset, flow.measure) == (after.asset, measure):
                yield (flow.asset, measure, flow.category, flow.came, flow.went, None)
        yield (after.asset, measure, CLOSING, None, None, end)


def _topup(held: Fund, brought: dict[str, tuple[Decimal, int]]) -> Row:
    amount, transfers = brought[held.asset]
    return (held.asset, transfers, amount, held.available, held.available - amount)


WORTH = (
    Column("asset", _("asset")),
    Column("cash", _("cash")),
    Column("committed", _("committed")),
    Column("available", _("available")),
    Column("rate", _("rate")),
    Column("rate_at", _("rate as of")),
    Column("rate_source", _("source of the rate")),
    Column("cash_value", _("cash, valued")),
    Column("committed_value", _("committed, valued")),
    Column("available_value", _("available, valued")),
    Column("topups_value", _("of that, company top-ups")),
)
TOTAL = (
    Column("in", _("valued in")),
    Column("cash", _("cash")),
    Column("committed", _("committed")),
    Column("available", _("available")),
    Column("topups", _("of that, company top-ups")),
    Column("without_topups", _("available without them")),
    Column("not_valued", _("without these, for want of a rate")),
)


def _worth(valued: list[Worth], in_asset: str) -> list[Table]:
    """What the assets are worth one by one, and together: the total names what it leaves out."""
    priced = [one for one in valued if one.cash is not None]
    cash, committed, topups = (
        sum((getattr(one, name) for one in priced), Decimal(0)) for name in ("cash", "committed", "topped_up")
    )
    left_out = " ".join(one.held.asset for one in valued if one.cash is None)
    total = (in_asset, cash, committed, cash - committed, topups, cash - committed - topups, left_out)
    return [
        Table("worth", _("What it is worth"), WORTH, [_valued(one, in_asset) for one in valued]),
        Table("total", _("Worth in all"), TOTAL, [total]),
    ]


def _valued(one: Worth, in_asset: str) -> Row:
    held, rate = one.held, one.rate
    told = (
        (rate.rate.normalize(), rate.at, rate.source)
        if rate
        else (Decimal(1) if held.asset == in_asset else None, None, "")
    )
    return (
        held.asset,
        held.cash,
        held.committed,
        held.available,
        *told,
        one.cash,
        one.committed,
        one.available,
        one.topped_up,
    )
