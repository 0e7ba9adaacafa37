"""The clock of the engine room: what runs every so often, and who was alive a moment ago."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta

from django.db import transaction
from django_q.models import Schedule

from jobs.models import Heartbeat

QUIET = timedelta(minutes=3)  # a beat a minute, up to half a minute late, and one that may be missed
FORGOTTEN = timedelta(days=1)  # a machine that is gone for good


@transaction.atomic
def keep_schedules(wanted: Mapping[str, Mapping], *, now: datetime) -> tuple[int, int]:
    """Make django-q2's schedules these tasks, by dotted name: (created, removed). Run again it changes nothing.

    A schedule that is there keeps its next run: whoever restarts every few seconds must not put it off for ever. A new one
    runs at once, or first at the time of day that `at` says (UTC, "02:30").
    """
    created = 0
    for name, fields in wanted.items():
        kept = {"func": name, "repeats": -1, **fields}
        first = _next(kept.pop("at", None), now)
        _schedule, is_new = Schedule.objects.update_or_create(
            name=name, defaults=kept, create_defaults=kept | {"next_run": first}
        )
        created += is_new
    removed, _by_model = Schedule.objects.filter(name__contains=".").exclude(name__in=wanted).delete()
    return created, removed


def _next(at: str | None, now: datetime) -> datetime:
    """The next instant at that time of day; now, where none is said."""
    if at is None:
        return now
    there = datetime.combine(now.astimezone(UTC), time.fromisoformat(at), UTC)
    return there if there > now else there + timedelta(days=1)


def beat(cluster: str, *, now: datetime) -> None:
    """This cluster of workers takes tasks now."""
    Heartbeat.objects.update_or_create(cluster=cluster, defaults={"seen_at": now})
    Heartbeat.objects.filter(seen_at__lt=now - FORGOTTEN).delete()


def last_beat() -> datetime | None:
    """When any cluster was last seen alive; None before the first time."""
    return Heartbeat.objects.order_by("-seen_at").values_list("seen_at", flat=True).first()


def workers_alive(now: datetime) -> bool:
    """Whether any cluster took a task in the last minutes: the answer that `/readyz` gives."""
    seen = last_beat()
    return seen is not None and seen >= now - QUIET
