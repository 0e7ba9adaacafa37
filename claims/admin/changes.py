"""At the desk: what a correction changed, order by order; and the orders that the trading desk restores."""

from __future__ import annotations

import tempfile

from django.core.exceptions import PermissionDenied
from django.http import FileResponse
from django.shortcuts import get_object_or_404

from claims import changes
from claims.admin.incident_pages import IncidentPages
from claims.assessment import incidents
from claims.exports import write_changes, write_restores
from claims.models import Assessment, Verdict

SHOWN = 100  # orders on the page; the file has them all


class Changes(IncidentPages):
    """The addresses, under the claims' own."""

    def changes_urls(self):
        return [
            self.desk_at("runs/", self.runs_view, "claims_runs"),
            self.desk_at("runs/<int:pk>/", self.run_view, "claims_run"),
            self.desk_at("runs/<int:pk>/changes.csv", self.changes_file, "claims_run_changes"),
            self.desk_at("restores.csv", self.restores_file, "claims_restores"),
        ]

    def runs_view(self, request, reference):
        """All runs over more than one claim, newest first."""
        incident = self._seen(request, reference)
        runs = Assessment.objects.filter(incident=incident, claim__isnull=True, finished_at__isnull=False)
        runs = runs.select_related("policy", "requested_by")[:SHOWN]
        return self.incident_page(request, "claims/runs.html", incident, runs=runs)

    def run_view(self, request, reference, pk):
        incident = self._seen(request, reference)
        run = self._run(incident, pk)
        return self.incident_page(
            request,
            "claims/run.html",
            incident,
            run=run,
            summary=[in_words(row) for row in changes.summary(run)],
            rows=[in_words(row) for row in changes.largest(run, limit=SHOWN)],
            shown=SHOWN,
        )

    def changes_file(self, request, reference, pk):
        incident = self._seen(request, reference, "claims.export_verdict")
        run = self._run(incident, pk)
        return self._file(lambda file: write_changes(run, file), f"{reference}-run-{run.pk}-changes.csv")

    def restores_file(self, request, reference):
        incident = self._seen(request, reference, "claims.export_verdict")
        return self._file(lambda file: write_restores(incident, file), f"{reference}-restores.csv")

    def _seen(self, request, reference, permission=None):
        if not self.has_view_permission(request) or (permission and not request.user.has_perm(permission)):
            raise PermissionDenied
        return get_object_or_404(incidents(), reference=reference)

    @staticmethod
    def _run(incident, pk) -> Assessment:
        runs = Assessment.objects.filter(incident=incident).select_related("policy", "requested_by", "claim")
        return get_object_or_404(runs, pk=pk)

    @staticmethod
    def _file(write, name) -> FileResponse:
        """Through a temporary file: a connection that breaks off does not hold a query open."""
        file = tempfile.TemporaryFile()  # noqa: SIM115 the response closes it
        write(file)
        file.seek(0)
        return FileResponse(file, as_attachment=True, filename=name, content_type="text/csv; charset=utf-8")


def in_words(row: dict) -> dict:
    """A changed order, its outcomes in words."""
    words = dict(Verdict.Outcome.choices)
    return row | {"old_words": words.get(row["old_outcome"]), "new_words": words.get(row["new_outcome"])}
