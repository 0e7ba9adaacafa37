"""When things are due. Pure: instants in, instants out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True)
class Outage:
    """An incident's windows as one outage: merged spans in order, both ends inside. `end` is None while it lasts."""

    spans: tuple[tuple[datetime, datetime | None], ...]

    @property
    def start(self) -> datetime:
        return self.spans[0][0]

    @property
    def end(self) -> datetime | None:
        return self.spans[-1][1]

    @property
    def lasts(self) -> bool:
        return self.end is None

    def deadline(self, within: timedelta | None) -> datetime | None:
        """`within` after the last end; None: no deadline."""
        return None if within is None or self.end is None else self.end + within

    def in_time(self, at: datetime, within: timedelta | None) -> bool:
        """From the first start to the deadline, both inside (S1-E5); `Contact.objects.in_time` is the same in SQL."""
        deadline = self.deadline(within)
        return self.start <= at and (deadline is None or at <= deadline)


def due(submitted_at: datetime, within: timedelta | None) -> datetime | None:
    """When a claim must be decided (S2: about two weeks)."""
    return None if within is None else submitted_at + within
