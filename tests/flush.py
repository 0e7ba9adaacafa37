"""Emptying the database between transactional tests.

Django's own flush cannot do it: the books refuse TRUNCATE by trigger, and what migrations loaded (groups, assets,
accounts) would be gone. Here the triggers of our tables rest for one transaction, and a copy taken at the start comes
back. Nothing needs `serialized_rollback`.
"""

from django.db import connection, transaction

COPY = "as_migrated"  # the schema that keeps the content of a freshly migrated database

TABLES = """
    SELECT c.oid::regclass::text, c.relname,
           EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal)
    FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND c.relname <> 'django_migrations' ORDER BY c.relname
"""
COLUMNS = """
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
"""


def remember() -> None:
    """Copy every table that the migrations filled."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {COPY} CASCADE; CREATE SCHEMA {COPY}")
        for table, name, _ in _tables(cursor):
            cursor.execute(f"SELECT EXISTS (SELECT FROM {table})")  # noqa: S608
            if cursor.fetchone()[0]:
                cursor.execute(f'CREATE TABLE {COPY}."{name}" AS SELECT {_columns(cursor, table)} FROM {table}')  # noqa: S608


def restore() -> None:
    """Make every table what it was after the migrations."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '20s'")  # a process that the test left behind: say so, do not hang
        tables = _tables(cursor)
        guarded = [table for table, _, has_triggers in tables if has_triggers]
        for table in guarded:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(f"TRUNCATE {', '.join(table for table, _, _ in tables)}")
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", [COPY])
        kept = {name for (name,) in cursor.fetchall()}
        for table, name, _ in tables:
            if name in kept:
                columns = _columns(cursor, table)
                cursor.execute(f'INSERT INTO {table} ({columns}) SELECT {columns} FROM {COPY}."{name}"')  # noqa: S608
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # ALTER TABLE refuses while foreign keys wait to be checked
        for table in guarded:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def _tables(cursor) -> list[tuple[str, str, bool]]:
    cursor.execute(TABLES)
    return cursor.fetchall()


def _columns(cursor, table: str) -> str:
    cursor.execute(COLUMNS, [table])
    return cursor.fetchone()[0]
