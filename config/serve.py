"""Serve the portal from one machine: the web server and two queue workers, kept alive and stopped together.

`python -m config.serve [--demo]`. PORT and BIND say where. On several machines run gunicorn and `manage.py qcluster`
under the machines' own supervisor instead.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import FrameType

PYTHON = sys.executable
MANAGE = [PYTHON, "manage.py"]
STEADY = 60.0  # seconds after which a child counts as healthy again
LONGEST_PAUSE = 30.0
EARLY_DEATHS = 5  # in a row: then something is wrong that no restart will mend
STOP_PATIENCE = 30.0  # seconds for requests and tasks in progress; a task that is cut off is taken up again later


class Stopped(Exception):
    """Somebody asked us to stop."""


@dataclass
class Child:
    """One process that should always be there."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    due_at: float = 0.0
    deaths: int = field(default=0)

    def start(self) -> None:
        """Start it in a session of its own: Ctrl-C reaches only us, and we end the children in order."""
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(self.command, start_new_session=True, preexec_fn=die_with_parent)  # noqa: PLW1509

    def tend(self) -> None:
        """Start it again if it died, after a pause that doubles each time."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.due_at:
                self.start()
        elif self.process.poll() is not None:
            self.kill_group()  # a queue's main process leaves its own children behind
            self.deaths = 1 if now - self.started_at > STEADY else self.deaths + 1
            if self.deaths >= EARLY_DEATHS:
                raise SystemExit(f"serve: {self.name} died {self.deaths} times in a row; giving up")
            pause = min(2.0 ** (self.deaths - 1), LONGEST_PAUSE)
            say(f"{self.name} ended with code {self.process.returncode}; again in {pause:.0f} s")
            self.process, self.due_at = None, now + pause

    def ask_to_stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()

    def is_gone(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def kill_group(self) -> None:
        if self.process:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()


def die_with_parent() -> None:
    """Linux: get SIGTERM when the supervisor is killed outright, so that nothing goes on holding the port."""
    if sys.platform == "linux":
        set_death_signal = 1
        ctypes.CDLL(None).prctl(set_death_signal, signal.SIGTERM)


def main(arguments: list[str]) -> int:
    address = address_from(os.environ)
    refuse_taken(address)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop_on_signal)

    from config import database  # noqa: PLC0415 (a taken port is told before anything is loaded)

    ours = False
    try:
        ours = database.ensure_started()
        prepare("--demo" in arguments)
        supervise(children_at(address), address)
    except Stopped:
        pass
    except database.DatabaseError as error:
        raise SystemExit(f"serve: {error}") from error
    finally:
        if ours:
            database.stop()
            say("stopped, and the database with it")
        else:
            say("stopped")
    return 0


def address_from(environment: Mapping[str, str]) -> tuple[str, int]:
    port = environment.get("PORT") or "8000"
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise SystemExit(f"serve: PORT is {port!r}; it must be a number from 1 to 65535")
    return environment.get("BIND") or "127.0.0.1", int(port)


def refuse_taken(address: tuple[str, int]) -> None:
    """End at once, in one line, when the port is not free."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as gunicorn: closing connections do not count
        try:
            probe.bind(address)
        except OSError as error:
            raise SystemExit(
                f"serve: cannot use {address[0]}:{address[1]} ({error.strerror}); choose another with PORT=…"
            ) from error


def prepare(demo: bool) -> None:
    """Bring the database up to date; gather static files if they are served from a folder; load the demo if asked."""
    steps = [["migrate", "--verbosity", "0"], ["sync_schedules", "--verbosity", "0"]]
    if os.environ.get("MAKEGOOD_ENV") == "production":
        steps.append(["collectstatic", "--no-input", "--verbosity", "0"])
    if demo:
        steps.append(["demo"])
    for step in steps:
        process = subprocess.Popen([*MANAGE, *step], start_new_session=True, preexec_fn=die_with_parent)  # noqa: PLW1509
        try:
            code = process.wait()
        except Stopped:
            process.terminate()
            process.wait()
            raise
        if code:
            raise SystemExit(f"serve: `manage.py {step[0]}` failed with code {code}")


def children_at(address: tuple[str, int]) -> list[Child]:
    web = [PYTHON, "-m", "gunicorn", "config.wsgi", "--bind", f"{address[0]}:{address[1]}", "--no-control-socket"]
    web += ["--worker-class", "gthread", "--workers", "2", "--threads", "4", "--log-level", "warning"]
    # Two queues of one worker, not one of two: a killed idle worker can hang its whole queue.
    return [Child("web", web), Child("worker 1", [*MANAGE, "qcluster"]), Child("worker 2", [*MANAGE, "qcluster"])]


def supervise(children: list[Child], address: tuple[str, int]) -> None:
    """Keep the children alive until a signal comes, then end them all."""
    told = False
    try:
        while True:
            for child in children:
                child.tend()
            if not told and answers(address):
                told = True
                announce(address)
            time.sleep(0.25)
    finally:
        end(children)


def end(children: list[Child]) -> None:
    """Ask every child to finish its work; kill what has not ended in time. A second Ctrl-C kills at once."""
    try:
        for child in children:
            child.ask_to_stop()
        until = time.monotonic() + STOP_PATIENCE
        while not all(child.is_gone() for child in children) and time.monotonic() < until:
            time.sleep(0.1)
    except Stopped:
        say("stopping at once")
    finally:
        for child in children:
            child.kill_group()


def answers(address: tuple[str, int]) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(address) == 0


def announce(address: tuple[str, int]) -> None:
    host = "localhost" if address[0] in {"127.0.0.1", "0.0.0.0"} else address[0]  # noqa: S104 (compared, not bound)
    print(f"\nMakegood is up. Ctrl-C stops it.\n  public front   http://{host}:{address[1]}/")
    print(f"  back office    http://{host}:{address[1]}/staff/", flush=True)


def stop_on_signal(number: int, frame: FrameType | None) -> None:
    raise Stopped


def say(line: str) -> None:
    print(f"serve: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
