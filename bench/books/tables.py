"""The table that is printed: one line a measurement, ours beside the others, and what was wanted."""

from __future__ import annotations


class Table:
    """Lines are printed as they are known; `missed` are those that did not reach what was wanted."""

    def __init__(self) -> None:
        self.missed: list[str] = []
        print(f"{'':<58}{'ours':>9}{'floor':>9}{'hordak':>9}{'dj-ledger':>10}{'ratio':>8}  wanted", flush=True)

    def line(
        self,
        words: str,
        ours: float,
        *,
        floor: float | None = None,
        hordak: float | None = None,
        django_ledger: float | None = None,
        ratio: float | None = None,
        at_least: float | None = None,
        at_most: float | None = None,
    ) -> None:
        """One measurement. What has to be at least or at most so much is the ratio, or without one our figure."""
        counts = ours if ratio is None else ratio
        good = (at_least is None or counts >= at_least) and (at_most is None or counts <= at_most)
        wanted = f">= {at_least:g}" if at_least is not None else f"<= {at_most:g}" if at_most is not None else ""
        figures = "".join(
            f"{_shown(x):>{width}}" for x, width in ((ours, 9), (floor, 9), (hordak, 9), (django_ledger, 10))
        )
        print(f"{words:<58}{figures}{_shown(ratio, 2):>8}  {wanted}{'' if good else '  MISSED'}", flush=True)
        if not good:
            self.missed.append(words)


def _shown(value: float | None, digits: int | None = None) -> str:
    """Three digits that say something."""
    if value is None:
        return ""
    if digits is None:
        digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return f"{value:,.{digits}f}"
