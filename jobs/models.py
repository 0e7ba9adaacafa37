"""The engine room: work that outlives a request, and the pulse of those who do it."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class JobQuerySet(models.QuerySet):
    def unfinished(self) -> JobQuerySet:
        """Waiting, running or paused: it will go on."""
        return self.filter(state__in=Job.UNFINISHED)

    def sharing(self, job: Job) -> JobQuerySet:
        """The job whose parts this one does, and all that help it."""
        return self.filter(Q(pk=job.shared.pk) | Q(helps=job.shared.pk))

    def stranded(self, now, *, left_by: Iterable[str] = ()) -> JobQuerySet:
        """Running with a lease that ended, or in the hands of one of these clusters, which are dead: nobody works on it."""
        return self.filter(Q(lease_until__lt=now) | Q(worker__in=left_by), state=Job.State.RUNNING)

    def leading(self) -> JobQuerySet:
        """One row a piece of work: whoever only helps is left out."""
        return self.filter(helps__isnull=True)


class Job(models.Model):
    """A piece of background work: taken under a lease, counted before it is tried, done in slices that commit with it.

    Long work is cut into parts that any number of workers share. Each further worker has a job of its own that helps: a lease,
    attempts and an end of its own, so that whoever dies is missed by himself alone.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("waiting")
        RUNNING = "running", _("running")
        PAUSED = "paused", _("paused")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", pgettext_lazy("state", "cancelled")

    UNFINISHED = (State.QUEUED, State.RUNNING, State.PAUSED)
    RETRIABLE = (State.FAILED, State.CANCELLED)

    key = models.CharField(
        _("key"), max_length=100, unique=True, help_text=_("names the work: the same work is queued once")
    )
    task = models.CharField(_("task"), max_length=100)
    argument = models.JSONField(_("argument"), default=dict)
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    max_attempts = models.PositiveSmallIntegerField(_("attempts at most"), default=3)
    lease_until = models.DateTimeField(_("lease until"), null=True, blank=True)
    worker = models.CharField(_("worker"), max_length=100, blank=True, help_text=_("who took it last"))
    helps = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="helpers", verbose_name=_("helps with")
    )
    done = models.PositiveIntegerField(_("done"), default=0)
    total = models.PositiveIntegerField(_("total"), default=0)
    error = models.TextField(_("error"), blank=True)
    created_at = models.DateTimeField(_("created at"))
    queued_at = models.DateTimeField(_("queued at"), help_text=_("last handed to the workers"))
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    handled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("handled by"),
        help_text=_("who cancelled it or had it tried again last"),
    )
    handled_at = models.DateTimeField(_("handled at"), null=True, blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("job"), _("jobs")
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(attempts__lte=F("max_attempts")), name="job_attempts_bounded"),
            models.CheckConstraint(
                condition=~Q(state="running") | Q(lease_until__isnull=False), name="job_running_has_lease"
            ),
        ]
        indexes = [models.Index(fields=["state", "lease_until"], name="job_by_state")]

    def __str__(self):
        return self.key

    @property
    def trouble(self) -> str:
        """The error in a line; the rest says where in the program it arose."""
        return self.error.partition("\n")[0]

    @property
    def shared(self) -> Job:
        """The job whose parts this one does: itself, or the one it helps."""
        return self.helps or self


class PartQuerySet(models.QuerySet):
    def unfinished(self) -> PartQuerySet:
        return self.filter(finished_at__isnull=True)


class Part(models.Model):
    """A slice of a shared job: whoever holds its row's lock does it, and says so in the commit of its effect."""

    job = models.ForeignKey(Job, models.CASCADE, related_name="parts", verbose_name=_("job"), db_index=False)
    stage = models.PositiveSmallIntegerField(_("stage"), default=0, help_text=_("begins when the one before has ended"))
    first = models.BigIntegerField(_("first key"))
    last = models.BigIntegerField(_("last key"))
    size = models.PositiveIntegerField(_("size"), default=0, help_text=_("of what is counted as progress"))
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    objects = PartQuerySet.as_manager()

    class Meta:
        verbose_name, verbose_name_plural = _("part"), _("parts")
        ordering = ["job", "stage", "first"]
        constraints = [
            models.UniqueConstraint(fields=["job", "stage", "first"], name="part_once"),
            models.CheckConstraint(condition=Q(last__gte=F("first")), name="part_ends_after_it_begins"),
        ]

    def __str__(self):
        return f"{self.first}–{self.last}"


class Heartbeat(models.Model):
    """When a worker cluster was last seen alive."""

    cluster = models.CharField(_("cluster"), max_length=100, primary_key=True, help_text=_("its machine and process"))
    since = models.DateTimeField(_("at work since"))
    seen_at = models.DateTimeField(_("seen at"))

    class Meta:
        verbose_name, verbose_name_plural = _("heartbeat"), _("heartbeats")
        ordering = ["cluster"]

    def __str__(self):
        return self.cluster
