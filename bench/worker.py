"""One worker of the portal: does a job's turns to its end, and says how long it took and how much memory it held.

`python -m bench.worker JOB`: prints `ready`, begins when a line comes in, prints one JSON object.
"""

from __future__ import annotations

import json
import resource
import sys
import time

import django

django.setup()

from claims import tasks
from jobs.models import Job


def main(job: int) -> None:
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.monotonic()
    while Job.objects.filter(pk=job, state__in=Job.UNFINISHED).exists():
        tasks.assess(job)
    state = Job.objects.values_list("state", flat=True).get(pk=job)
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"state": state, "seconds": time.monotonic() - began, "megabytes": held}), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
