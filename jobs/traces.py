"""What history is told of a task: its name, from the moment a worker begins it until it ends."""

from __future__ import annotations

import pghistory

_entered: list[pghistory.context] = []


def begin(*, task: dict, **_signal: object) -> None:
    """A worker begins this task: all that it changes says so."""
    func = task["func"]
    context = pghistory.context(task=func if isinstance(func, str) else f"{func.__module__}.{func.__name__}")
    context.__enter__()
    _entered.append(context)


def end(**_signal: object) -> None:
    while _entered:
        _entered.pop().__exit__(None, None, None)
