"""The process that may die: `python -m claims.evidence.child inspect|glance|watch` reads a stranger's file from its standard
input under limits, and writes one line of JSON, then the pictures."""

from __future__ import annotations

import ctypes
import dataclasses
import json
import resource
import signal
import sys

from claims.evidence.pictures import inspect
from claims.evidence.recordings import glance, watch
from claims.evidence.said import Inspection, Unfit

MEMORY = 1 << 30  # bytes of address space: 25 megapixels three times over, with Python around them
CPU_SECONDS = {"inspect": 10, "glance": 10, "watch": 240}  # ten minutes at 60 frames a second and 1080 lines take 120
OUTPUT = 64 << 20  # bytes: no preview of 1600 by 1600 is larger, nor a dozen stills
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG
TOO_HEAVY = 3  # the exit status when the memory did not suffice
WORK = {"inspect": lambda file: inspect(file.read()), "glance": glance, "watch": watch}


def limit(work: str) -> None:
    """From here on; and whoever waited for the answer takes us along when they die."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
    limits = {
        resource.RLIMIT_AS: MEMORY,
        resource.RLIMIT_CPU: CPU_SECONDS[work],
        resource.RLIMIT_FSIZE: OUTPUT,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 64,
    }
    for name, value in limits.items():
        resource.setrlimit(name, (value, value))


def main(work: str) -> None:
    """Limits first, then the file."""
    limit(work)
    try:
        line, pictures = told(WORK[work](sys.stdin.buffer))
    except Unfit as unfit:
        line, pictures = {"unfit": unfit.code, "details": unfit.details}, []
    except MemoryError:
        sys.exit(TOO_HEAVY)
    sys.stdout.buffer.write(json.dumps(line, default=str).encode() + b"\n" + b"".join(pictures))


def told(said: Inspection) -> tuple[dict, list[bytes]]:
    """An inspection as a line of JSON and the pictures behind it: the preview, then the stills."""
    line = {field.name: getattr(said, field.name) for field in dataclasses.fields(said)}
    line |= {"preview": len(said.preview), "stills": [(still.at, len(still.picture)) for still in said.stills]}
    return line, [said.preview, *(still.picture for still in said.stills)]


if __name__ == "__main__":
    main(sys.argv[1])
