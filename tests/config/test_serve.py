"""`make run` from outside: it serves, mends itself, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def serve(port: int, env: dict[str, str]) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "config.serve"],
        cwd=ROOT,
        env=env | {"PORT": str(port)},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def children(process: subprocess.Popen) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def status(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/staff/login/", timeout=10) as answer:  # noqa: S310
        return answer.status


def wait(done, seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_it_serves_restarts_a_dead_child_and_stops_cleanly(port, command_env):
    process = serve(port, command_env)
    try:
        for line in process.stdout:
            if "/staff/" in line:
                break
        assert status(port) == 200
        before = children(process)
        assert len(before) == 3
        os.kill(before[1], signal.SIGKILL)
        wait(lambda: len(children(process)) == 3 and children(process) != before)
        family = children(process)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=40) == 0
        assert not any(Path(f"/proc/{pid}").exists() for pid in family)
    finally:
        process.kill()


def test_a_taken_port_is_one_clear_line(port, command_env):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", port))
        holder.listen()
        process = serve(port, command_env)
        said, _ = process.communicate(timeout=10)
    assert process.returncode == 1
    assert said.count("\n") == 1
    assert f"127.0.0.1:{port}" in said and "PORT=" in said
