"""How far long work in a terminal has come: one line on standard error, never in a log or a pipe."""

from __future__ import annotations

import sys
from collections.abc import Callable


def line(*, quiet: bool) -> Callable[[int, int], None] | None:
    """Shows (done, total) as a percentage; None where nobody looks: `quiet`, or standard error is no terminal."""
    if quiet or not sys.stderr.isatty():
        return None

    def show(done: int, total: int) -> None:
        end = "" if done < total else "\n"
        sys.stderr.write(f"\r{100 * done // max(total, 1):3} %{end}")
        sys.stderr.flush()

    return show
