"""One import in a process of its own: `python -m bench.importer orders|quotes FILE` prints seconds and megabytes as JSON."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path

import django

django.setup()

from django.utils import timezone

from incidents import imports

VERBS = {"orders": imports.import_orders, "quotes": imports.import_quotes}


def main(kind: str, path: Path) -> None:
    began = time.monotonic()
    result = VERBS[kind](path, now=timezone.now())
    seconds = time.monotonic() - began
    assert not result["errors"] and result["created"] == result["rows"], result
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "megabytes": peak}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
