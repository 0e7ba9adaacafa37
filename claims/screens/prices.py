"""What lacks a price in an incident, and the prices that people entered by hand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from django.db.models import Count

from claims.models import GivenPrice, Verdict


@dataclass(frozen=True)
class Missing:
    """An instrument whose orders wait for a price."""

    instrument: int
    symbol: str
    orders: int
    claims: int
    price: GivenPrice | None  # entered already: it waits to be confirmed, or the claims to be assessed with it


class HandPrices:
    """What the page shows; each part is asked for once."""

    def __init__(self, incident, user):
        self.incident, self.user = incident, user

    @cached_property
    def prices(self) -> list[GivenPrice]:
        """All that were ever entered, newest first."""
        people = ("entered_by", "confirmed_by", "withdrawn_by")
        return list(self.incident.given_prices.select_related("instrument", *people))

    @cached_property
    def missing(self) -> list[Missing]:
        standing = {price.instrument_id: price for price in self.prices if price.withdrawn_at is None}
        waiting = Verdict.objects.in_force().filter(claim__incident=self.incident, outcome=Verdict.Outcome.NEEDS_PRICE)
        found = (
            waiting.order_by("order__instrument__symbol")
            .values_list("order__instrument", "order__instrument__symbol")
            .annotate(orders=Count("pk"), claims=Count("claim", distinct=True))
        )
        return [Missing(*row, price=standing.get(row[0])) for row in found]

    @property
    def choices(self) -> list[tuple[int, str]]:
        """The instruments that a price may be entered for now."""
        return [(row.instrument, row.symbol) for row in self.missing if row.price is None]
