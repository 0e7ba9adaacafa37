"""How much of everything."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """Four orders a claim and three quotes an order, as in the issue's figures."""

    orders: int

    @property
    def claims(self) -> int:
        return max(self.orders // 4, 1)

    @property
    def quotes(self) -> int:
        return self.orders * 3
