"""A whole incident assessed: the portal's real code path beside the hand-written SQL, alternately, on the same tables.

`python -m bench.sweep ROUNDS` on the database of DATABASE_URL; prints one JSON object.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import product
from typing import Any

import django

django.setup()

from django.db import connection
from django.utils import timezone

from bench.databases import ROOT
from bench.floor import Floor
from bench.world import REFERENCE
from claims import workflow
from claims.models import Assessment, Claim
from claims.workflow.assessing import CLAIMS
from incidents.models import Incident, Instrument, Order
from jobs.models import Job, Part

COMPARED = (
    "order_id, claim_id, outcome, clause, reasons, holds, flags, reference_price, reference_bid, reference_ask, reference_at,"
    " quote_id, valued_price, amount, restore_amount, asset"
)
TOUCHED = ("claims_claim", "claims_change", "claims_verdict", "claims_referenceprice", "incidents_order")


def main(rounds: int) -> None:
    incident = Incident.objects.get(reference=REFERENCE)
    runs: dict[str, dict[int, list[float]]] = {"ours": {1: [], 2: []}, "floor": {1: [], 2: []}}
    megabytes, pairs = 0.0, []
    for turn, workers in product(range(rounds), (1, 2)):
        order = ("floor", "ours") if turn % 2 else ("ours", "floor")
        pair = {}
        for which in order:
            _quieten()
            seconds, held, run = ours(incident, workers) if which == "ours" else floor(incident, workers)
            runs[which][workers].append(seconds)
            megabytes, pair[which] = max(megabytes, held), run
            print(f"{seconds:8.1f} s  {which}, {workers} at it", file=sys.stderr, flush=True)
        pairs.append(pair)
    best = {which: {n: min(seconds) for n, seconds in by_workers.items()} for which, by_workers in runs.items()}
    differences = compare(pairs[0]["ours"], pairs[0]["floor"])
    print(json.dumps({"orders": Order.objects.count(), "claims": Claim.objects.count(), "seconds": best, "all": runs,
                      "megabytes": megabytes, "differences": differences}))  # fmt: skip


def _quieten() -> None:
    """Each run begins on tables that autovacuum has seen to, so that none pays for the one before."""
    with connection.cursor() as cursor:
        cursor.execute(
            "VACUUM (ANALYZE) claims_claim, claims_change, claims_verdict, claims_referenceprice, incidents_order"
        )


def ours(incident: Incident, workers: int) -> tuple[float, float, int]:
    """The portal: a queued assessment, its workers started beforehand; seconds, the most memory a worker held, the run."""
    job = workflow.queue_assessment(incident, hands=workers, now=timezone.now())
    hands = [job.pk, *Job.objects.filter(helps=job).values_list("pk", flat=True)]
    processes = [_worker(hand) for hand in hands]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    told: list[dict[str, Any]] = [json.loads(process.communicate()[0]) for process in processes]
    assert {one["state"] for one in told} == {"done"}, told
    run = Assessment.objects.latest("pk")
    assert run.finished_at and run.claims_assessed == Claim.objects.count()
    return max(one["seconds"] for one in told), max(one["megabytes"] for one in told), run.pk


def _worker(job: int) -> subprocess.Popen:
    command = [sys.executable, "-m", "bench.worker", str(job)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def floor(incident: Incident, workers: int) -> tuple[float, float, int]:
    """The hand-written SQL, in slices of the same claims."""
    run = workflow.request_assessment(incident, now=timezone.now())
    job = Job.objects.filter(key__startswith="assess-", helps=None).latest("pk")
    slices = list(Part.objects.filter(job=job, stage=CLAIMS).order_by("first").values_list("first", "last"))
    instruments = list(Instrument.objects.order_by("pk").values_list("pk", flat=True))
    seconds = Floor(os.environ["DATABASE_URL"], incident.pk, run.pk, instruments, slices).seconds(workers)
    return seconds, 0.0, run.pk


def compare(ours: int, floors: int) -> dict[str, Any]:
    """The two runs row by row: how many verdicts each has, and those of one that the other has not (the first five)."""
    rows = f"SELECT {COMPARED} FROM claims_verdict WHERE assessment_id = %s"  # noqa: S608 our own names
    told: dict[str, Any] = {}
    with connection.cursor() as cursor:
        for name, first, second in (("only ours", ours, floors), ("only the floor's", floors, ours)):
            cursor.execute(f"({rows}) EXCEPT ALL ({rows}) LIMIT 5", [first, second])
            told[name] = [[str(value) for value in row] for row in cursor.fetchall()]
        cursor.execute("SELECT count(*) FROM claims_verdict WHERE assessment_id = %s", [ours])
        told["verdicts"] = cursor.fetchone()[0]
    return told


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
