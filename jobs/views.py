"""For the balancer and the operator: is the process alive, can it work."""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache

from jobs import pulse


@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """This process answers; it asks nobody else."""
    return JsonResponse({"ok": True})


@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """The database answers and is up to date; the workers' last sign of life is told, and does not decide."""
    try:
        executor = MigrationExecutor(connection)
        missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
        seen, alive = (None, False) if missing else (pulse.last_beat(), pulse.workers_alive(timezone.now()))
    except DatabaseError:
        return JsonResponse({"ok": False, "database": "unreachable"}, status=503)
    workers = "unknown" if seen is None else "alive" if alive else "silent"
    told = {"ok": not missing, "database": "reachable", "migrations_missing": missing, "workers": workers}
    return JsonResponse(told | {"worker_seen_at": seen}, status=503 if missing else 200)
