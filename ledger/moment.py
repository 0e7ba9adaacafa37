"""One view of the books for several questions, whatever is posted meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper


@contextmanager
def snapshot(of: str = "") -> Iterator[CursorWrapper | None]:
    """A transaction that only reads: all questions in it see the books of its first one, or of a moment that another exported.

    Inside a caller's transaction it is the caller's view, and None.
    """
    if connection.in_atomic_block:
        yield None
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if of:
            cursor.execute("SET TRANSACTION SNAPSHOT %s", [of])
        cursor.execute("SET LOCAL jit = off")  # compiling long expressions takes longer than working them out
        yield cursor
