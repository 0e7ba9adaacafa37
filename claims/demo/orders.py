"""The orders file: each customer's positions, leg by leg."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from claims.demo.fills import follow
from claims.demo.people import Customer
from claims.demo.plots import DAILY, EDGES, PLOTS, SYMBOLS, TELLING, Plot
from claims.demo.quotes import Series

COLUMNS = (
    "order_id", "leg", "account", "customer", "symbol", "side", "quantity", "entry_price", "opened_at", "exit_price", "closed_at",
    "close_reason", "take_profit", "stop_loss", "tpsl_set_at", "tpsl_cancelled_at", "realized_pnl", "liquidation_fee",
    "bankruptcy_cover",
)  # fmt: skip


def tell(everybody: list[Customer], markets: dict[str, Series], rng: Random) -> Iterator[dict[str, str]]:
    """The orders file: each customer's telling positions and the daily ones around them."""
    number, edges = 2_200_000, iter(EDGES)
    for customer in everybody:
        for plots in _positions(customer, edges, rng):
            number += 1
            yield from _position(f"O-{number}", customer, plots, markets, rng)


def _positions(customer: Customer, edges: Iterator, rng: Random) -> list[tuple[Plot, ...]]:
    """What the customer held, each position with the plots of its legs."""
    if customer.case == "no_orders":
        return []
    daily = rng.choices(list(DAILY), list(DAILY.values()), k=rng.randint(6, 14))
    if customer.case == "edge":
        told = list(next(edges))
    else:
        told = [(PLOTS[name],) for name in rng.choices(TELLING[customer.case], k=rng.randint(1, 5))]
    return told + [(PLOTS[name],) for name in daily]


def _position(
    order_id: str, customer: Customer, plots: tuple[Plot, ...], markets: dict[str, Series], rng: Random
) -> Iterator[dict[str, str]]:
    """One position; its legs share the account, the instrument, the side and the entry."""
    book, account, first = markets[plots[0].symbol or rng.choice(SYMBOLS)], rng.choice(customer.accounts), None
    for leg, plot in enumerate(plots, start=1):
        fill = follow(plot, book, rng, first)
        first = first or fill
        yield {"order_id": order_id, "leg": str(leg), "account": account, "customer": customer.code} | fill.row()
