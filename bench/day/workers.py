"""Two queue workers; one of them dies by SIGKILL every few seconds, with all its processes, and is started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent.parent


def surroundings(folder: Path) -> dict[str, str]:
    """Letters, files and the log of this day go to its own folder: the environment of whoever takes part in it."""
    return {
        "EMAIL_URL": f"filemail:///{folder / 'mail'}",
        "FILES_DIR": str(folder / "files"),
        "LETTERS_ENABLED": "yes",
        "WORKERS": "2",
        "LOG_LEVEL": "ERROR",
    }


class Workers:
    """`with Workers(...)`: they work inside the block; `kills` says how often one of them died so far."""

    def __init__(self, log: Path, *, kill_every: float, environment: dict[str, str] | None = None):
        self.kill_every, self.environment, self.kills = kill_every, environment, 0
        self.log: IO[bytes] = log.open("ab")
        self.ended = threading.Event()
        self.steady, self.doomed = self._start(), self._start()
        self.killer = threading.Thread(target=self._kill_all_the_while, daemon=True)

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "manage.py", "qcluster"], cwd=ROOT, env=self.environment, stdout=self.log, stderr=self.log,
            start_new_session=True,
        )  # fmt: skip

    def _kill_all_the_while(self) -> None:
        while not self.ended.wait(self.kill_every):
            self._kill(self.doomed)
            self.kills += 1
            self.doomed = self._start()

    @staticmethod
    def _kill(process: subprocess.Popen[bytes]) -> None:
        """The whole group: a power cut."""
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def __enter__(self) -> Workers:
        self.killer.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.ended.set()
        self.killer.join()
        for process in (self.steady, self.doomed):
            self._kill(process)
        self.log.close()
