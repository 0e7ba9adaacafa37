"""Background work as people read it: what it is about, how far it is, who is at it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from django.db.models import Count, Prefetch, Q, QuerySet, Sum

from jobs.models import Heartbeat, Job, JobQuerySet, Part

STATE = Job.State
SHOWN = 20  # parts on the page of one job: the latest ones, and the next


@dataclass(frozen=True)
class About:
    """What a job is for: the room that asked for it says so."""

    words: str
    link: str = ""
    by: str = ""  # who asked for it; empty: the house itself


Telling = Callable[[Iterable[Job]], Mapping[int, About]]


def pieces() -> JobQuerySet:
    """One row a piece of work, with whoever helps at it."""
    helpers = Prefetch("helpers", Job.objects.order_by("pk"))
    return Job.objects.leading().select_related("handled_by").prefetch_related(helpers)


@dataclass(frozen=True)
class Piece:
    """A piece of work: its first job and those that help it."""

    job: Job
    task: str  # in words
    about: About

    @property
    def hands(self) -> list[Job]:
        return [self.job, *self.job.helpers.all()]

    @property
    def state(self) -> STATE:
        """Of all hands: it runs while anybody is at it."""
        running = any(hand.state == STATE.RUNNING for hand in self.hands)
        return STATE.RUNNING if running else STATE(self.job.state)

    @property
    def done(self) -> int:
        return min(sum(hand.done for hand in self.hands), self.job.total)

    @property
    def percent(self) -> int:
        return 100 * self.done // self.job.total if self.job.total else 0

    @property
    def workers(self) -> list[str]:
        """Who is at it now; of work that has ended, who was at it last."""
        now_at_it = [hand.worker for hand in self.hands if hand.state == STATE.RUNNING]
        return now_at_it or [worker for worker in (self.job.worker,) if worker]

    @property
    def error(self) -> str:
        """In full, of whichever hand has one."""
        return next((hand.error for hand in self.hands if hand.error), "")

    @property
    def may_cancel(self) -> bool:
        return any(hand.state in Job.UNFINISHED for hand in self.hands)

    @property
    def may_retry(self) -> bool:
        return any(hand.state in Job.RETRIABLE for hand in self.hands)

    @property
    def live(self) -> bool:
        return self.may_cancel


def told(jobs: Iterable[Job], tasks: Mapping[str, object], telling: Telling) -> list[Piece]:
    """The jobs in words. `tasks`: task -> words; a task that nobody named is shown as it is called."""
    jobs = list(jobs)
    about = telling(jobs)
    return [Piece(job, str(tasks.get(job.task, job.task)), about.get(job.pk, About(""))) for job in jobs]


def counts() -> dict[str, int]:
    """Pieces of work by state."""
    return dict(Job.objects.leading().order_by().values_list("state").annotate(Count("pk")))


def at_work(clusters: Iterable[Heartbeat]) -> QuerySet[Job]:
    """What these clusters have taken and not given back."""
    return Job.objects.filter(state=STATE.RUNNING, worker__in=[cluster.cluster for cluster in clusters])


def stages(job: Job) -> list:
    """Of long work: its parts by stage, with how many are done and what they hold."""
    done = Q(finished_at__isnull=False)
    counted = job.parts.order_by("stage").values("stage")
    return list(counted.annotate(parts=Count("pk"), done=Count("pk", filter=done), size=Sum("size")))


def parts(job: Job) -> list[Part]:
    """The parts that ended last, and those that come next."""
    ended = job.parts.filter(finished_at__isnull=False).order_by("-finished_at", "-pk")[:SHOWN]
    return [*reversed(ended), *job.parts.unfinished().order_by("stage", "first")[:SHOWN]]
