"""What the portal's role may do in the database: everything it needs for its work, and of the books to read them and to call
the functions that post. The books themselves it can neither change nor empty, and no guard of theirs is in its hands.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db import connection, transaction
from psycopg import sql

from ledger import laws

ADDED_TO = {  # tables of the books with rows that come from the portal itself; the laws keep what is in them
    "ledger_seal": "INSERT",
    "ledger_sealing": "INSERT",
    "ledger_verification": "INSERT",
    "ledger_rate": "INSERT",
    "ledger_period": "INSERT, UPDATE, DELETE",
}
CALLED = ("ledger_post_one", "ledger_post", "ledger_post_staged")  # what else the laws are made of is called by these
ROLE = "SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = %s"
OWNED = """
    SELECT count(*) FROM pg_shdepend JOIN pg_roles role ON role.oid = refobjid
     WHERE refclassid = 'pg_authid'::regclass AND deptype = 'o' AND rolname = %s
       AND dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
"""
OURS = """
    SELECT relname::text FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relowner = current_user::regrole ORDER BY relname
"""
# Whatever way it comes: by a grant to everybody, to the role, or to a role that it can become.
TOO_MUCH = """
    SELECT DISTINCT concat(privilege, ' on ', book, ', as ', role.rolname)
      FROM pg_roles role, unnest(%s::text[]) AS book,
           unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER', 'REFERENCES']) AS privilege
     WHERE pg_has_role(%s, role.oid, 'MEMBER') AND has_table_privilege(role.oid, book, privilege)
       AND NOT (book || ' ' || privilege) = ANY (%s) ORDER BY 1
"""
MAY_CREATE = "SELECT has_schema_privilege(%s, 'public', 'CREATE')"


class GrantError(Exception):
    """A role that the portal must not work as; the message says why."""


@transaction.atomic
def grant(role: str) -> dict[str, int]:
    """Give an existing role that owns nothing exactly what the portal needs, instead of what it had: tables of each kind.

    Runs as the owner of the tables, after every migration. Raises GrantError, and then nothing was changed.
    """
    _check(role)
    tables = [name for (name,) in _rows(OURS)]
    books = [model._meta.db_table for model in apps.get_app_config("ledger").get_models()]
    others = [table for table in tables if table not in books]
    if not set(books) <= set(tables):
        raise GrantError("the books belong to somebody else; run this as the role that owns the tables")
    _run("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}", role)
    _run("REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {role}", role)
    _run("REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM {role}", role)
    _run("REVOKE ALL ON SCHEMA public FROM {role}", role)
    _run("REVOKE CREATE ON SCHEMA public FROM PUBLIC", role)
    _run(f"REVOKE ALL ON FUNCTION {', '.join(laws.FUNCTIONS)} FROM PUBLIC", role)
    _run("GRANT USAGE ON SCHEMA public TO {role}", role)
    _run("GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO {role}", role, others)
    _run("GRANT SELECT ON {tables} TO {role}", role, books)
    for table, rights in ADDED_TO.items():
        _run(f"GRANT {rights} ON {{tables}} TO {{role}}", role, [table])
    _run("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}", role)
    _run(f"GRANT EXECUTE ON FUNCTION {', '.join(CALLED)} TO {{role}}", role)
    _check_that_it_is_all(role, books)
    return {"tables": len(others), "books": len(books)}


def _check(role: str) -> None:
    found = _rows(ROLE, role)
    if not found:
        raise GrantError(f"there is no role {role}: CREATE ROLE {role} LOGIN PASSWORD '…', as a superuser")
    if any(found[0]):
        raise GrantError(f"{role} is a superuser or makes roles: nothing would keep it from the books")
    if _rows(OWNED, role)[0][0]:
        raise GrantError(
            f"{role} owns something in this database, and an owner may do anything with it; take another role"
        )


def _check_that_it_is_all(role: str, books: list[str]) -> None:
    """What everybody may, and what the role may as a member of others, counts as well."""
    wanted = [f"{table} {right}" for table, rights in ADDED_TO.items() for right in rights.split(", ")]
    if found := _rows(TOO_MUCH, books, role, wanted):
        raise GrantError(f"{role} may still more than it should: {'; '.join(what for (what,) in found[:5])}")
    if _rows(MAY_CREATE, role)[0][0]:
        raise GrantError(
            f"{role} may make functions among ours: as a superuser, REVOKE CREATE ON SCHEMA public FROM PUBLIC"
        )


def _run(statement: str, role: str, tables: list[str] | None = None) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, tables or []))
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL(statement).format(role=sql.Identifier(role), tables=names).as_string(connection.connection)
        )


def _rows(query: str, *params: Any) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(query, list(params) or None)
        return cursor.fetchall()
