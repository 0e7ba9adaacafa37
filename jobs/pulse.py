"""The clock of the engine room: what runs every so often, who was alive a moment ago, and what is wrong."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from django.db import transaction
from django.db.models import Count, Q
from django_q.models import Schedule
from django_q.status import Stat

from jobs.models import Heartbeat, Job

QUIET = timedelta(minutes=3)  # a beat a minute, up to half a minute late, and one that may be missed
MISSED = timedelta(seconds=100)  # others were seen so much later: it is gone, though they are well
RECENTLY = timedelta(hours=1)  # so long a cluster that is gone is still told of
FORGOTTEN = timedelta(days=1)  # a machine that is gone for good
LONG = timedelta(minutes=5)  # nobody took a job in so long: the sweep hands it out again after two


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


# --- who is alive


def here() -> str:
    """The cluster this worker process belongs to: its machine, and the process that guards it."""
    return _cluster(socket.gethostname(), os.getppid())


def _cluster(machine: str, process: int) -> str:
    return f"{machine}:{process}"[:100]


def beat(cluster: str, *, now: datetime) -> None:
    """This cluster of workers is alive now."""
    _seen({cluster: now}, now)


def survey(*, now: datetime) -> None:
    """Whoever takes tasks notes every cluster that gave a sign of life in the last three seconds, its own among them."""
    _seen({here(): now} | _heard(), now)
    Heartbeat.objects.filter(seen_at__lt=now - FORGOTTEN).delete()


def dead(clusters: Iterable[str]) -> list[str]:
    """Those of the clusters that certainly work no more: nobody hears of them, and where they were, here, is no such process."""
    heard = _heard()
    return [cluster for cluster in clusters if cluster not in heard and _gone(cluster)]


def _heard() -> dict[str, datetime]:
    """Every cluster that gave a sign of life in the last three seconds, and since when it is at work."""
    return {_cluster(stat.host, stat.sentinel): stat.tob for stat in Stat.get_all()}


def _gone(cluster: str) -> bool:
    machine, _colon, process = cluster.rpartition(":")
    if machine != socket.gethostname() or not process.isdecimal():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # somebody else's: it is there
        pass
    return False


def _seen(since: Mapping[str, datetime], now: datetime) -> None:
    rows = [Heartbeat(cluster=name, since=began, seen_at=now) for name, began in sorted(since.items())]
    Heartbeat.objects.bulk_create(rows, update_conflicts=True, update_fields=["seen_at"], unique_fields=["cluster"])


def last_beat() -> datetime | None:
    """When any cluster was last seen alive; None before the first time."""
    return Heartbeat.objects.order_by("-seen_at").values_list("seen_at", flat=True).first()


def workers_alive(now: datetime) -> bool:
    """Whether any cluster took a task in the last minutes: the answer that `/readyz` gives."""
    seen = last_beat()
    return seen is not None and seen >= now - QUIET


# --- what is wrong


@dataclass(frozen=True)
class Health:
    """Who works and who is gone, and work that nobody carries. `wanted`: how many clusters ought to run."""

    alive: list[Heartbeat]
    gone: list[Heartbeat]  # in the last hour
    wanted: int
    stranded: int  # under way with a worker that died
    neglected: int  # handed out minutes ago and not taken

    @property
    def nobody(self) -> bool:
        return not self.alive

    @property
    def missing(self) -> int:
        return max(self.wanted - len(self.alive), 0)

    @property
    def alarm(self) -> bool:
        return bool(self.missing or self.stranded or self.neglected)


def health(*, wanted: int, now: datetime) -> Health:
    """The engine room at this moment, in two questions."""
    clusters = list(Heartbeat.objects.filter(seen_at__gte=now - RECENTLY).order_by("-seen_at", "cluster"))
    since = max(now - QUIET, clusters[0].seen_at - MISSED) if clusters else now
    alive = [cluster for cluster in clusters if cluster.seen_at >= since]
    counted = Job.objects.aggregate(
        stranded=Count("pk", filter=Q(state=Job.State.RUNNING, lease_until__lt=now)),
        neglected=Count("pk", filter=Q(state=Job.State.QUEUED, queued_at__lt=now - LONG)),
    )
    return Health(alive=alive, gone=[row for row in clusters if row not in alive], wanted=wanted, **counted)
