"""Every sum of the books: balances at a moment, the trial balance, and the fund with what moved it and what it is worth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal

from django.db import connection
from django.db.models import Sum

from ledger.journal import AVAILABLE, CASH, COMMITTED, FACTS, TOPPED_UP, places
from ledger.models import Asset, Balance, ClosingBalance, Period, Rate, Transfer

Sums = dict[tuple[str, str], tuple[Decimal, Decimal]]  # (account, asset): all its debits, all its credits
ZERO = Decimal(0)
EXACT = Context(prec=70)  # more digits than a sum and a rate have together
MEASURES = ("cash", "committed", "available")
CATEGORIES = {category: number for number, category in enumerate(dict.fromkeys(fact.category for fact in FACTS))}


@dataclass(frozen=True)
class Line:
    """One account of the trial balance, in its asset and with that asset's decimals."""

    account: str
    asset: str
    debit: Decimal
    credit: Decimal

    @property
    def balance(self) -> Decimal:
        """Debits less credits: positive for what we have and spent, negative for what we owe and earned."""
        return self.debit - self.credit


@dataclass(frozen=True)
class Fund:
    """The insurance fund in one asset (rules §5)."""

    asset: str
    cash: Decimal
    committed: Decimal

    @property
    def available(self) -> Decimal:
        """What can still be promised: cash less what is approved and not yet paid."""
        return self.cash - self.committed


@dataclass(frozen=True)
class Flow:
    """What a category of entries brought to and took from one measure of the fund: cash, committed, available."""

    asset: str
    measure: str
    category: str
    came: Decimal
    went: Decimal
    transfers: int


@dataclass(frozen=True)
class Worth:
    """The fund in one asset at the rate in force, in the valuation asset; without a rate it is not valued."""

    held: Fund
    rate: Rate | None
    cash: Decimal | None
    committed: Decimal | None
    topped_up: Decimal | None

    @property
    def available(self) -> Decimal | None:
        return None if self.cash is None or self.committed is None else self.cash - self.committed


def balances(as_of: datetime | date | None = None) -> Sums:
    """All debits and credits of every account that moved by then, in the order of the chart.

    As of an instant: what the books said then (posted at or before it). As of a day: what counts up to its end (effective date),
    whenever it was posted; from the last closed period on. None: now, as the database keeps it.
    """
    if as_of is None:
        return _kept()
    return Transfer.objects.as_of(as_of).sums() if isinstance(as_of, datetime) else _through(as_of)


def _kept() -> Sums:
    rows = Balance.objects.values_list("account__name", "account__asset").order_by("account__name", "account__asset")
    return {(name, asset): (debits, credits) for name, asset, debits, credits in _summed(rows)}


def _summed(rows):
    return rows.annotate(all_debits=Sum("debits"), all_credits=Sum("credits"))


def _through(day: date) -> Sums:
    """The balances of the last period that was closed by then, and what came after it."""
    closed = Period.objects.closed().filter(last_day__lte=day).order_by("-last_day").first()
    if closed is None:
        return Transfer.objects.effective(last=day).sums()
    rows = ClosingBalance.objects.filter(period=closed).values_list("account__name", "account__asset")
    found = {(name, asset): (debits, credits) for name, asset, debits, credits in _summed(rows)}
    since = Transfer.objects.filter(entry__effective_on__gt=closed.last_day).effective(last=day).sums()
    keys = sorted({*found, *since})
    return {key: _added(found.get(key, (ZERO, ZERO)), since.get(key, (ZERO, ZERO))) for key in keys}


def _added(one: tuple[Decimal, Decimal], other: tuple[Decimal, Decimal]) -> tuple[Decimal, Decimal]:
    return one[0] + other[0], one[1] + other[1]


def trial_balance(as_of: datetime | date | None = None) -> list[Line]:
    """Every account that moved by then (`balances`), with its debits and credits; per asset the balances sum to zero."""
    decimals = _decimals()
    return [
        Line(account, asset, to_decimals(debit, decimals[asset]), to_decimals(credit, decimals[asset]))
        for (account, asset), (debit, credit) in balances(as_of).items()
    ]


def totals(lines: list[Line]) -> dict[str, Line]:
    """Per asset, all debits and all credits of a trial balance: equal, in sound books."""
    found: dict[str, Line] = {}
    for line in lines:
        so_far = found.get(line.asset, Line("", line.asset, ZERO, ZERO))
        found[line.asset] = Line("", line.asset, so_far.debit + line.debit, so_far.credit + line.credit)
    return dict(sorted(found.items()))


def fund(asset: str | None = None, *, as_of: datetime | date | None = None) -> list[Fund]:
    """Cash, committed and available of each asset that the fund held by then, or of one (rules §5)."""
    moved, decimals = balances(as_of), _decimals()
    return [
        Fund(
            asset=code,
            cash=to_decimals(_balance(moved, CASH, code), decimals[code]),
            committed=to_decimals(sum((-_balance(moved, name, code) for name in COMMITTED), ZERO), decimals[code]),
        )
        for code in sorted({code for name, code in moved if name in AVAILABLE})
        if asset in (None, code)
    ]


# One row for each pair of accounts and category; then what it means for each measure. A payout moves cash and what is
# committed, and nothing of what is available.
FLOWS = """
SELECT measure, flow.asset_id, flow.category, coalesce(sum(amount) FILTER (WHERE comes), 0),
       coalesce(sum(amount) FILTER (WHERE goes), 0), sum(flow.transfers)::integer
  FROM (SELECT transfer.asset_id, entry.category, transfer.debit_id, transfer.credit_id,
               sum(transfer.amount) AS amount, count(*) AS transfers
          FROM ledger_transfer transfer JOIN ledger_journalentry entry ON entry.id = transfer.entry_id
         WHERE (%(first)s::date IS NULL OR entry.effective_on >= %(first)s)
           AND (%(last)s::date IS NULL OR entry.effective_on <= %(last)s)
           AND (%(posted)s::timestamptz IS NULL OR entry.posted_at <= %(posted)s)
         GROUP BY transfer.asset_id, entry.category, transfer.debit_id, transfer.credit_id) AS flow
  JOIN ledger_account debit ON debit.id = flow.debit_id
  JOIN ledger_account credit ON credit.id = flow.credit_id
 CROSS JOIN LATERAL (VALUES
       ('cash', debit.name = %(cash)s, credit.name = %(cash)s),
       ('committed', credit.name = ANY (%(committed)s), debit.name = ANY (%(committed)s)),
       ('available', debit.available AND NOT credit.available, credit.available AND NOT debit.available)
       ) AS moved (measure, comes, goes)
 WHERE comes OR goes
 GROUP BY measure, flow.asset_id, flow.category
"""


def flows(first: date | None, until: datetime | date | None) -> list[Flow]:
    """What moved the fund from a day on, up to a day's end or an instant: by asset, measure and category, in the rules' order."""
    posted, last = (until, None) if isinstance(until, datetime) else (None, until)
    decimals = _decimals()
    named = {"first": first, "last": last, "posted": posted, "cash": CASH, "committed": list(COMMITTED)}
    with connection.cursor() as cursor:
        cursor.execute(FLOWS, named)
        found = [
            Flow(asset, measure, category, to_decimals(came, digits), to_decimals(went, digits), transfers)
            for measure, asset, category, came, went, transfers in cursor.fetchall()
            for digits in [decimals[asset]]
        ]
    return sorted(found, key=lambda flow: (flow.asset, MEASURES.index(flow.measure), _place(flow.category)))


def _place(category: str) -> int:
    """Corrections come last."""
    return CATEGORIES.get(category, len(CATEGORIES))


def topped_up(found: Iterable[Flow]) -> dict[str, tuple[Decimal, int]]:
    """By asset, what the company brought because the fund fell short (S3-6), and in how many transfers."""
    return {
        flow.asset: (flow.came, flow.transfers)
        for flow in found
        if (flow.measure, flow.category) == ("available", TOPPED_UP.category)
    }


def worth(held: list[Fund], brought: dict[str, tuple[Decimal, int]], in_asset: str, at: datetime) -> list[Worth]:
    """The fund's assets at the latest rate at or before an instant, each rounded half up to the valuation asset's decimals."""
    rates = {rate.asset_id: rate for rate in _rates(in_asset, at)}
    unit = Decimal(1).scaleb(-_decimals().get(in_asset, 8))

    def valued(amount: Decimal, asset: str) -> Decimal | None:
        price = Decimal(1) if asset == in_asset else rates[asset].rate if asset in rates else None
        return None if price is None else EXACT.multiply(amount, price).quantize(unit, ROUND_HALF_UP)

    return [
        Worth(
            one,
            rates.get(one.asset),
            valued(one.cash, one.asset),
            valued(one.committed, one.asset),
            valued(brought.get(one.asset, (ZERO, 0))[0], one.asset),
        )
        for one in held
    ]


def _rates(in_asset: str, at: datetime):
    """Of each asset the rate in force; of two for one instant, what was entered last."""
    rows = Rate.objects.filter(in_asset=in_asset, at__lte=at)
    return rows.order_by("asset_id", "-at", "-id").distinct("asset_id")


def to_decimals(amount: Decimal, decimals: int) -> Decimal:
    """The amount with all decimals of its asset (20 USDT is 20.00); never rounded: a longer one stays as it is."""
    return round(amount, places(amount, decimals))


def _decimals() -> dict[str, int]:
    return dict(Asset.objects.values_list("code", "decimals"))


def _balance(moved: Sums, account: str, asset: str) -> Decimal:
    debit, credit = moved.get((account, asset), (ZERO, ZERO))
    return debit - credit
