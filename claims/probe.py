"""A stranger's file is opened in a child process that may die (`claims.evidence.child`): here it is started and listened to."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import IO

from claims.evidence import Inspection, Still, Unfit

WALL_SECONDS = {"inspect": 40, "glance": 40, "watch": 480}  # for a machine that is busy with other things
TO_BEGIN, PER_SECOND = 30, 4  # of them for a recording: to begin with, and for each of its own seconds
ROOT = Path(__file__).resolve().parent.parent
TOO_HEAVY = 3  # the child's exit status when its memory did not suffice


class ProbeBroken(Exception):
    """The child did not run at all: our fault, not the file's."""


def seconds_to_watch(length: Decimal | None) -> int:
    """How long the child may take over a recording of this length; of an unknown one, the longest."""
    longest = WALL_SECONDS["watch"]
    return longest if length is None else min(longest, TO_BEGIN + PER_SECOND * math.ceil(length))


def examine(file: IO[bytes], work: str = "inspect", within: float | None = None) -> Inspection:
    """What the child finds out about an open file (one with a descriptor): `inspect` a picture, `glance` at a recording
    or `watch` it in full; `within` fewer seconds than the work may take at most.

    Raises Unfit, also when the child was killed, ran out of memory or of time; ProbeBroken when it could not work.
    """
    too_heavy = "too_heavy" if work == "inspect" else "too_heavy_recording"
    file.flush()
    file.seek(0)
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as said:
        try:
            status = subprocess.run(
                [sys.executable, "-m", "claims.evidence.child", work],
                cwd=ROOT,
                env={"PATH": os.defpath, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},  # none of our secrets
                stdin=file,
                stdout=output,
                stderr=said,
                timeout=WALL_SECONDS[work] if within is None else within,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            raise Unfit(too_heavy) from None
        if status < 0 or status == TOO_HEAVY:  # killed by a signal: a codec crashed, or a limit was reached
            raise Unfit(too_heavy)
        output.seek(0), said.seek(0)
        if status:
            raise ProbeBroken(said.read(4000).decode("utf-8", "replace"))
        return _read(output)


def _read(output: IO[bytes]) -> Inspection:
    """One line of JSON, then the preview and the stills."""
    found = json.loads(output.readline())
    if "unfit" in found:
        raise Unfit(found["unfit"], **found["details"])
    taken, seconds = found["captured_at"], found["seconds"]
    found |= {
        "captured_at": taken and datetime.fromisoformat(taken),
        "findings": tuple(found["findings"]),
        "seconds": Decimal(seconds) if seconds else None,
        "preview": output.read(found["preview"]),
        "stills": tuple(Still(Decimal(at), output.read(size)) for at, size in found["stills"]),
    }
    return Inspection(**found)
