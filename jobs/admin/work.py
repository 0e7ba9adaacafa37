"""Background work people can see: what waits, runs, failed and ended, who works, and the two buttons of a manager."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import display
from unfold.views import ChangeList

from jobs import estimate, office, pulse, queue
from jobs.models import Job
from jobs.screens import schedules, work

LIVELY, CALM = 3, 15  # seconds between two looks: while something goes on, and else


def in_words(jobs: Iterable[Job]) -> list[work.Piece]:
    """The jobs, as the settings and the room that asked for them call them."""
    return work.told(jobs, settings.TASKS, import_string(settings.JOBS_ABOUT))


class StateFilter(admin.SimpleListFilter):
    """Work in one state; without a choice, all of it."""

    title, parameter_name = gettext_lazy("state"), "state"

    def lookups(self, request, model_admin):
        return Job.State.choices

    def queryset(self, request, jobs):
        state = self.value()
        if state == Job.State.RUNNING:  # somebody is at it, be it only a helper
            return jobs.filter(Q(state=state) | Q(helpers__state=state)).distinct()
        return jobs.filter(state=state) if state else jobs


class WorkList(ChangeList):
    """A page of jobs, each in words."""

    result_list: list[Job]

    def get_results(self, request):
        super().get_results(request)
        jobs = list(self.result_list)
        for job, piece in zip(jobs, in_words(jobs), strict=True):
            job.piece = piece
        self.result_list = jobs


@admin.register(Job)
class JobAdmin(office.ReadOnlyScreen):
    empty_says = gettext_lazy("No background work like this was asked for yet.")
    list_display = ["what", "condition", "progress", "times", "people", "tries", "trouble", "act"]
    list_display_links = None
    list_filter = [StateFilter]
    list_filter_sheet = False
    list_before_template, list_after_template = "jobs/engine.html", "jobs/schedules.html"
    search_fields = ["key", "error", "worker"]
    search_help_text = gettext_lazy("Key, error or worker")

    # --- the list

    def get_queryset(self, request):
        return work.pieces()

    def get_changelist(self, request, **kwargs):
        return WorkList

    def changelist_view(self, request, extra_context=None):
        now = timezone.now()
        extra = {"title": _("Jobs"), "stuck": reverse(settings.JOBS_STUCK), **_engine(now)}
        extra["schedules"] = schedules.lines(settings.TASKS, now=now)
        response = super().changelist_view(request, extra | (extra_context or {}))
        if shown_list := getattr(response, "context_data", {}).get("cl"):
            spec = next(spec for spec in shown_list.filter_specs if isinstance(spec, StateFilter))
            response.context_data["chips"] = _counted(spec.choices(shown_list))
            unfinished = any(job.piece.live for job in shown_list.result_list)
            response.context_data["every"] = LIVELY if unfinished else CALM
        return response

    @display(description=gettext_lazy("work"), ordering="task")
    def what(self, job):
        about = job.piece.about
        if about.link:
            of = format_html('<a class="mg-link" href="{}">{}</a>', about.link, about.words)
        else:
            of = about.words or job.key
        at = reverse("admin:jobs_job_change", args=[job.pk])
        return format_html('<div><a class="mg-link" href="{}">{}</a><br>{}</div>', at, job.piece.task, of)

    @display(description=gettext_lazy("state"), ordering="state")
    def condition(self, job):
        return office.badge(job.piece.state, job.piece.state.label)

    @display(description=gettext_lazy("progress"))
    def progress(self, job):
        return render_to_string("jobs/_bar.html", {"piece": job.piece})

    @display(description=gettext_lazy("since"), ordering="created_at")
    def times(self, job):
        return render_to_string("jobs/_times.html", {"job": job})

    @display(description=gettext_lazy("asked by"))
    def people(self, job):
        return job.piece.about.by or _("the system")

    @display(description=gettext_lazy("attempts"), ordering="attempts")
    def tries(self, job):
        return _("%(n)s of %(most)s") % {"n": job.attempts, "most": job.max_attempts}

    @display(description=gettext_lazy("error"))
    def trouble(self, job):
        if not job.piece.error:
            return "–"
        at = reverse("admin:jobs_job_change", args=[job.pk])
        first = job.piece.error.partition("\n")[0]
        return format_html('<a class="mg-link mg-small" href="{}">{}</a>', at, first[:77] + "…" * (len(first) > 77))

    def get_list_display(self, request):
        """The buttons are for whoever may press them."""
        return self.list_display if request.user.has_perm(queue.PERMISSION) else self.list_display[:-1]

    @display(description="")
    def act(self, job):
        """Inside the list's own form: each button names its address."""
        return render_to_string("jobs/_act.html", {"piece": job.piece})

    # --- one job

    def get_urls(self):
        return [
            self.at("<int:pk>/retry/", self.retry_view, "retry"),
            self.at("<int:pk>/cancel/", self.cancel_view, "cancel"),
            *super().get_urls(),
        ]

    def change_view(self, request, object_id, form_url="", extra_context=None):
        if request.method != "GET" or not self.has_view_permission(request) or not object_id.isdecimal():
            raise PermissionDenied
        now = timezone.now()
        job = get_object_or_404(work.pieces(), pk=_leading(int(object_id)))
        (piece,) = in_words([job])
        return self.framed(
            request,
            "jobs/job.html",
            title=piece.task,
            subtitle=job.key,
            original=job,
            piece=piece,
            stages=work.stages(job),
            parts=work.parts(job),
            left=estimate.estimate(job, now=now).left if piece.live else None,
            may_act=request.user.has_perm(queue.PERMISSION),
            every=LIVELY,
        )

    def retry_view(self, request, pk):
        return self._act(request, pk, queue.retry, _("It is tried again, from where it stopped."))

    def cancel_view(self, request, pk):
        return self._act(
            request, pk, queue.cancel, _("Cancelled: what is under way is finished, nothing more is begun.")
        )

    @staticmethod
    def _act(request, pk, verb: Callable, done: str):
        """One verb on the job; told in words, shown on the page it was pressed on."""
        if request.method != "POST" or not request.user.has_perm(queue.PERMISSION):
            raise PermissionDenied
        try:
            verb(get_object_or_404(Job, pk=pk), by=request.user, now=timezone.now())
            messages.success(request, done)
        except queue.JobRefused as refusal:
            messages.error(request, str(refusal))
        if "back" in request.POST:
            return redirect("admin:jobs_job_changelist")
        return redirect("admin:jobs_job_change", pk)


def _leading(pk: int) -> int:
    """The first job of the work that this one does, too."""
    return Job.objects.filter(pk=pk).values_list("helps", flat=True).first() or pk


def _engine(now) -> dict:
    """The state of the engine room: who works, at what, and what is wrong."""
    health = pulse.health(wanted=settings.WORKERS, now=now)
    doing = {piece.job.worker: piece for piece in in_words(work.at_work(health.alive + health.gone))}
    return {
        "health": health,
        "alive": [(cluster, doing.get(cluster.cluster)) for cluster in health.alive],
        "gone": [(cluster, doing.get(cluster.cluster)) for cluster in health.gone],
        "read_at": now,
    }


def _counted(choices) -> list[dict]:
    """The filter's choices as chips, each with how many there are."""
    first, *rest = choices
    found = work.counts()
    chips = [first | {"display": _("All"), "count": sum(found.values())}]
    return chips + [chip | {"count": found.get(code, 0)} for chip, code in zip(rest, Job.State.values, strict=True)]
