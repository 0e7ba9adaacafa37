"""A small day of an outage: thirty contacts, a few files, a worker that is killed all the while; nothing lost, nothing twice."""

import json
import subprocess
import sys

import pytest

from bench.day.workers import ROOT, surroundings


@pytest.mark.django_db(transaction=True)
def test_nothing_is_lost_or_done_twice_while_a_worker_dies_all_the_time(command_env, tmp_path):
    asked = ["--contacts", "30", "--uploads", "8", "--kill-every", "8"]
    day = subprocess.run(
        [sys.executable, "-m", "bench.day.run", str(tmp_path), *asked],
        cwd=ROOT,
        env=command_env | {"DJANGO_SETTINGS_MODULE": "config.settings"} | surroundings(tmp_path),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    told = json.loads(day.stdout)
    assert told["faults"] == []
    figures = told["figures"]
    assert (figures["contacts"], figures["claims"], figures["bonuses"], figures["uploads"]) == (30, 27, 27, 8)
    assert figures["awards"] > 0
    assert figures["kills by SIGKILL"] > 0
