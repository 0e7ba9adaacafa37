"""Close a period: one person proposes it, another closes it, and from then on nothing posts on or before its last day.

The closing itself stores the balances and is refused by the database where it may not be (laws.py).
"""

from __future__ import annotations

from datetime import UTC, date, datetime

from django.db import DatabaseError, IntegrityError, transaction

from ledger.laws import REFUSED
from ledger.models import Period

PERMISSION = "ledger.close_period"


class ClosingError(Exception):
    """A period that is not closed; the message says why."""


def propose(last_day: date, *, by, now: datetime) -> Period:
    """Propose to close the books through that day; the same proposal again is the first one. Raises ClosingError."""
    _may(by)
    if last_day >= now.astimezone(UTC).date():
        raise ClosingError(f"{last_day} is not over; the last day that can be closed is yesterday")
    closed = Period.objects.closed_through()
    if closed and last_day <= closed:
        raise ClosingError(f"the books are closed through {closed} already; choose a later day")
    period, _created = Period.objects.get_or_create(last_day=last_day, defaults={"prepared_by": by, "prepared_at": now})
    return period


def close(period_id: int, *, by, now: datetime) -> Period:
    """Close a proposed period; somebody else than who proposed it. Raises ClosingError, also when somebody was faster."""
    _may(by)
    period = Period.objects.filter(pk=period_id).first()
    if period is None:
        raise ClosingError("that proposal was taken back")
    if period.prepared_by_id == by.pk:
        raise ClosingError(f"{by.get_username()} proposed to close through {period}; somebody else closes it")
    try:
        with transaction.atomic():
            if not Period.objects.proposed().filter(pk=period_id).update(closed_by=by, closed_at=now):
                raise ClosingError(f"the period through {period} is closed already")
    except IntegrityError as error:
        raise ClosingError(f"the books refuse to close through {period}: {error}") from error
    except DatabaseError as error:
        if getattr(error.__cause__, "sqlstate", None) != REFUSED:
            raise
        raise ClosingError(error.__cause__.diag.message_primary) from error
    return Period.objects.get(pk=period_id)


def take_back(period_id: int, *, by) -> None:
    """Take back a proposal that nobody has closed yet. Raises ClosingError for a closed one."""
    _may(by)
    if not Period.objects.proposed().filter(pk=period_id).delete()[0]:
        raise ClosingError("a closed period stays closed")


def _may(by) -> None:
    if by is None or not by.has_perm(PERMISSION):
        raise ClosingError(f"{by.get_username() if by else 'nobody'} has not the permission {PERMISSION}")
