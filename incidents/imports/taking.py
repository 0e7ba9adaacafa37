"""What all imports share: rows taken over into their table, the file remembered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from django.db import connection

from incidents.models import ImportedFile
from jobs import bulk
from jobs.cells import Column

TABLES = {
    "instruments": ("incidents_asset", "incidents_instrument"),
    "orders": ("incidents_customer", "incidents_account", "incidents_order"),
    "quotes": ("incidents_quote",),
}
NOTHING = {"created": 0, "updated": 0, "unchanged": 0}


UNKNOWN_SYMBOL = """
    SELECT line, 'symbol', 'a known symbol; import its instrument first' FROM bulk_row
     WHERE symbol IS NOT NULL AND NOT EXISTS (SELECT FROM incidents_instrument i WHERE i.symbol = bulk_row.symbol)
"""


def but(columns: Sequence[Column], present: Sequence[Column]) -> tuple[Column, ...]:
    """Those columns that are not present by name."""
    names = {column.name for column in present}
    return tuple(column for column in columns if column.name not in names)


def upsert(
    table: str, *, key: tuple[str, ...], values: Mapping[str, tuple[str, str]], source: str, present: set[str]
) -> tuple[int, int]:
    """Insert the new rows and correct those that differ: (created, updated). Columns that the file lacks stay as they are.

    To be called under `bulk.lock`. Where no row is there yet, none is looked for one by one.
    """
    insert = f"""
        INSERT INTO {table} AS t ({", ".join(values)})
        SELECT {", ".join(value for _column, value in values.values())} FROM {source}
    """  # noqa: S608 our own text
    if not _any_known(table, key=key, values=values, source=source):
        return execute(insert), 0
    corrected = [name for name, (column, _value) in values.items() if column in present and name not in key]
    then = ", ".join(f"{name} = excluded.{name}" for name in corrected)
    now, new = (", ".join(f"{side}.{name}" for name in corrected) for side in ("t", "excluded"))
    with connection.cursor() as cursor:
        cursor.execute(f"""
            WITH done AS (
                {insert}
                    ON CONFLICT ({", ".join(key)}) DO UPDATE SET {then} WHERE ({now}) IS DISTINCT FROM ({new})
                RETURNING t.xmax = 0 AS created  -- PostgreSQL's sign of a row that was not there before
            )
            SELECT count(*) FILTER (WHERE created), count(*) FILTER (WHERE NOT created) FROM done
        """)  # noqa: S608 our own text
        return cursor.fetchone()


def _any_known(table: str, *, key: tuple[str, ...], values: Mapping[str, tuple[str, str]], source: str) -> bool:
    same = " AND ".join(f"t.{name} = {values[name][1]}" for name in key)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT FROM {source} JOIN {table} t ON {same})")  # noqa: S608
        return cursor.fetchone()[0]


def done(
    kind: str, path: Path, batch: bulk.Batch, *, created: int, updated: int, now: datetime, **more: object
) -> dict:
    """Remember the file, unless it brought nothing that was not known from it, and sum up."""
    result = batch.result(created=created, updated=updated, unchanged=batch.rows - created - updated, **more)
    remember(kind, path, batch, result, changed=bool(created or updated), now=now)
    if created or updated:
        bulk.analyze(*TABLES[kind])
    return result


def remember(kind: str, path: Path, batch: bulk.Batch, result: dict, *, changed: bool, now: datetime) -> None:
    """Keep an accepted file's name and SHA-256 with what became of it; the same file that changed nothing is not kept again."""
    if changed or not ImportedFile.objects.filter(kind=kind, sha256=batch.sha256).exists():
        summary = {key: value for key, value in result.items() if key not in ("rejected", "errors")}
        ImportedFile.objects.create(
            kind=kind, name=path.name[-255:], sha256=batch.sha256, summary=summary, imported_at=now
        )


def execute(sql: str, params=()) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.rowcount
