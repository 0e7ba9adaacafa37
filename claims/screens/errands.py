"""What a background job is about, for the page of the jobs: the incident, the claim, the policy, and who asked for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils.translation import gettext as _

from claims.models import Assessment, ContactFile, Evidence, Preview
from jobs.models import Job
from jobs.screens.work import About


def about(jobs: Iterable[Job]) -> dict[int, About]:
    """Job id -> what it is about, for jobs whose argument names something we know; a question a kind, not a job."""
    jobs = list(jobs)
    known = {name: tell({job.argument[name] for job in jobs if name in job.argument}) for name, tell in TELL.items()}
    told: dict[int, About] = {}
    for job in jobs:
        for name, found in known.items():
            if name in job.argument and (words := found.get(job.argument[name])):
                told.setdefault(job.pk, words)
    return told


def _assessments(ids: set[int]) -> dict[int, About]:
    runs = Assessment.objects.filter(pk__in=ids).select_related("incident", "claim", "requested_by") if ids else ()
    return {run.pk: _run(run) for run in runs}


def _run(run: Assessment) -> About:
    incident, by = run.incident.reference, str(run.requested_by or "")
    if run.claim:
        return About(run.claim.reference, run.claim.get_absolute_url(), by)
    at = reverse("admin:claims_desk", args=[incident])
    return About(_("%(incident)s, what waits") % {"incident": incident} if run.waiting_only else incident, at, by)


def _previews(ids: set[int]) -> dict[int, About]:
    found = Preview.objects.filter(pk__in=ids).select_related("policy__incident", "requested_by") if ids else ()
    return {row.pk: About(str(row.policy), row.policy.get_absolute_url(), str(row.requested_by or "")) for row in found}


def _evidence(ids: set[int]) -> dict[int, About]:
    files = Evidence.objects.filter(pk__in=ids).select_related("claim", "received_by") if ids else ()
    return {
        row.pk: About(f"{row.claim}, {row.name}", row.claim.get_absolute_url(), str(row.received_by or ""))
        for row in files
    }


def _contact_files(ids: set[int]) -> dict[int, About]:
    files = ContactFile.objects.filter(pk__in=ids).select_related("incident", "added_by") if ids else ()
    return {row.pk: _contact_file(row) for row in files}


def _contact_file(file: ContactFile) -> About:
    incident = file.incident.reference
    return About(f"{incident}, {file.name}", reverse("admin:claims_desk", args=[incident]), str(file.added_by))


def _people(ids: set[int | None]) -> dict[int, About]:
    """Whoever asked, where the argument names nothing else."""
    people = get_user_model().objects.in_bulk([pk for pk in ids if pk])
    return {pk: About("", "", str(user)) for pk, user in people.items()}


TELL: dict[str, Callable[[set], dict[int, About]]] = {
    "assessment": _assessments,
    "preview": _previews,
    "evidence": _evidence,
    "contact_file": _contact_files,
    "by": _people,
}
