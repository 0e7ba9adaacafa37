"""Two people at the same moment, made certain: hold a lock, let them run into it, see them wait, let go."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

PATIENCE = 30.0


class Person(threading.Thread):
    """Somebody with a database connection of their own: `answer` is what the call returned or raised."""

    def __init__(self, call: Callable[[], Any]):
        super().__init__(daemon=True)
        self.call, self.answer = call, None
        self.start()

    def run(self) -> None:
        try:
            self.answer = self.call()
        except Exception as error:
            self.answer = error
        finally:
            connection.close()

    def finished(self) -> Any:
        self.join(PATIENCE)
        assert not self.is_alive(), "still waits for a lock"
        return self.answer


@contextmanager
def held(table: str, where: str = "TRUE") -> Iterator[None]:
    """These rows, locked by a third party until the end of the block."""
    other = connection.copy()
    other.set_autocommit(False)
    try:
        with other.cursor() as cursor:
            cursor.execute(f"SELECT FROM {table} WHERE {where} FOR UPDATE")  # noqa: S608
        yield
    finally:
        other.rollback()
        other.close()


def wait_until(fact: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + PATIENCE
    while not fact():
        assert time.monotonic() < until, f"it never happened: {what}"
        time.sleep(0.05)


def wait_for_waiting(number: int, statement: str = "") -> None:
    """Until so many sessions of this database wait for a lock, in statements with this word."""
    wait_until(lambda: waiting(statement) == number, f"{number} wait for a lock")


def waiting(statement: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND wait_event_type = 'Lock' AND strpos(query, %s) > 0""",
            [statement],
        )
        return cursor.fetchone()[0]
