"""A stranger's file is opened in a child process that may die: `examine` starts it, `python -m claims.probe` is it."""

from __future__ import annotations

import dataclasses
import json
import os
import resource
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import IO

from claims.evidence import Inspection, Unfit, inspect

MEMORY = 1 << 30  # bytes of address space: 25 megapixels three times over, with Python around them
CPU_SECONDS, WALL_SECONDS = 10, 40  # the second for a machine that is busy with other things
OUTPUT = 64 << 20  # bytes: no preview of 1600 by 1600 is larger
LIMITS = {
    resource.RLIMIT_AS: MEMORY,
    resource.RLIMIT_CPU: CPU_SECONDS,
    resource.RLIMIT_FSIZE: OUTPUT,
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_NOFILE: 64,
}
ROOT = Path(__file__).resolve().parent.parent
TOO_HEAVY = 3  # the child's exit status when its memory did not suffice


class ProbeBroken(Exception):
    """The child did not run at all: our fault, not the file's."""


def examine(file: IO[bytes]) -> Inspection:
    """What `evidence.inspect` says of an open file (one with a descriptor), found out by a child under limits.

    Raises Unfit, also when the child was killed, ran out of memory or of time; ProbeBroken when it could not work.
    """
    file.flush()
    file.seek(0)
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as said:
        try:
            status = subprocess.run(
                [sys.executable, "-m", "claims.probe"],
                cwd=ROOT,
                env={"PATH": os.defpath, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},  # none of our secrets
                stdin=file,
                stdout=output,
                stderr=said,
                timeout=WALL_SECONDS,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            raise Unfit("too_heavy") from None
        if status < 0 or status == TOO_HEAVY:  # killed by a signal: a codec crashed, or a limit was reached
            raise Unfit("too_heavy")
        output.seek(0), said.seek(0)
        if status:
            raise ProbeBroken(said.read(4000).decode("utf-8", "replace"))
        return _read(output)


def _read(output: IO[bytes]) -> Inspection:
    """One line of JSON, then the preview."""
    found = json.loads(output.readline())
    if "unfit" in found:
        raise Unfit(found["unfit"], **found["details"])
    taken = found["captured_at"]
    found |= {
        "captured_at": taken and datetime.fromisoformat(taken),
        "findings": tuple(found["findings"]),
        "preview": output.read(),
    }
    return Inspection(**found)


def main() -> None:
    """The child: limits first, then the file from standard input."""
    for limit, value in LIMITS.items():
        resource.setrlimit(limit, (value, value))
    try:
        found = dataclasses.asdict(inspect(sys.stdin.buffer.read()))
    except Unfit as unfit:
        found = {"unfit": unfit.code, "details": unfit.details}
    except MemoryError:
        sys.exit(TOO_HEAVY)
    preview = found.pop("preview", b"")
    sys.stdout.buffer.write(json.dumps(found, default=str).encode() + b"\n" + preview)


if __name__ == "__main__":
    main()
