"""A crew of writers: each posts one fact after the other, each committed, for so many seconds. All ledgers share it."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Callable
from itertools import chain
from statistics import quantiles

WARM_UP = 20  # postings of each writer before it counts: connections, plans
PATIENCE = 300  # seconds until all are warm
_fork = multiprocessing.get_context("fork")

Post = Callable[[str], object]


def crew(ready: Callable[[], Post], writers: str, seconds: str) -> None:
    """Post with so many processes, one connection each; prints one JSON object: postings a second, p99 in ms.

    `ready` is called in each process and returns what posts one fact under a name that no other posting has.
    """
    start, told = _fork.Barrier(int(writers), timeout=PATIENCE), _fork.SimpleQueue()
    processes = [
        _fork.Process(target=_write, args=(ready, float(seconds), start, told), daemon=True)
        for _ in range(int(writers))
    ]
    for process in processes:
        process.start()
    found = [told.get() for _process in processes]
    for process in processes:
        process.join()
    print(json.dumps({
        "per_second": sum(len(taken) / sum(taken) for taken in found),
        "p99": 1000 * quantiles(chain.from_iterable(found), n=100)[98],
    }))  # fmt: skip


def _write(ready: Callable[[], Post], seconds: float, start, told) -> None:
    """One writer, in its own process: tells how long each of its postings took."""
    post, name = ready(), f"{os.getpid()}-{time.time_ns()}"
    for nth in range(WARM_UP):
        post(f"{name}-warm-{nth}")
    start.wait()
    taken: list[float] = []
    began = last = time.perf_counter()
    while last - began < seconds:
        post(f"{name}-{len(taken)}")
        taken.append(-last + (last := time.perf_counter()))
    told.put(taken)
