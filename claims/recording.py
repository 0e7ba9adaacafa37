"""History, kept by the database itself: which tables, and the triggers that write what was and what became. SQL, installed by
the migrations.

Plain triggers, as the laws of the books: no setting of a session passes them over (pgtrigger's own can be ignored by one). A
change is written by its own statement, with the session's role, its address and program, and the context that a screen, a
command or a task put around it (django-pghistory). Nobody else writes history, and nobody changes or empties it. Who changes a
text here adds a migration that runs `INSTALL` again.
"""

from __future__ import annotations

from dataclasses import dataclass

TABLE = "claims_change"


@dataclass(frozen=True)
class Tracked:
    """A table whose rows have a history. `claim`: which claim a row is about, of its values as `said` (jsonb)."""

    claim: str = "NULL"
    secret: str = ""  # a column of which only *that* it changed is kept
    ignored: tuple[str, ...] = ()  # columns that are nobody's decision, or not to be kept for good
    operations: tuple[str, ...] = ("insert", "update", "delete")


OF_CLAIM = Tracked("(said->>'claim_id')::bigint")
TRACKED = {
    "claims_claim": Tracked("(said->>'id')::bigint"),
    "claims_contact": OF_CLAIM,
    "claims_evidence": OF_CLAIM,
    "claims_step": OF_CLAIM,
    "claims_offer": OF_CLAIM,
    "claims_offerline": Tracked("(SELECT claim_id FROM claims_offer one WHERE one.id = (said->>'offer_id')::bigint)"),
    "claims_decision": OF_CLAIM,
    "claims_award": OF_CLAIM,
    "claims_compensation": Tracked(
        "(SELECT claim_id FROM claims_award one WHERE one.id = (said->>'award_id')::bigint)"
    ),
    "claims_bonus": OF_CLAIM,
    "claims_payoutline": OF_CLAIM,
    "claims_letter": OF_CLAIM,
    "claims_payoutbatch": Tracked(),
    "claims_payoutfile": Tracked(),
    "claims_payoutlimit": Tracked(),
    "claims_lettertemplate": Tracked(),
    "claims_policy": Tracked(),
    "claims_givenprice": Tracked(),
    "claims_team": Tracked(),
    "claims_team_members": Tracked(),
    # What a worker has taken in so far; and the first rows that a look showed, which are people's letters.
    "claims_contactfile": Tracked(ignored=("claims_created", "contacts_added", "found")),
    "incidents_incident": Tracked(),
    "incidents_outagewindow": Tracked(),
    "incidents_abnormalrange": Tracked(),
    "incidents_liquidationratio": Tracked(),
    # Facts come by the million, and their file is their record; what is corrected or taken away afterwards is not.
    "incidents_order": Tracked(operations=("update", "delete")),
    "auth_user": Tracked(secret="password", ignored=("last_login",)),  # noqa: S106 the column's name
    "auth_group": Tracked(),
    "auth_group_permissions": Tracked(),
    "auth_user_groups": Tracked(),
    "auth_user_user_permissions": Tracked(),
}
# A session keeps the plan of its first statement for all later ones: a plan made while a table had one row must not read the
# whole of it for each of a thousand, nor one made for a thousand be compiled anew for each single row.
SETTINGS = "SET search_path = public, pg_temp SET timezone = 'UTC' SET enable_seqscan = off SET jit = off"
HIDDEN = '"•••"'
LINE = """
        INSERT INTO claims_change (action, user_id, source, role, client, application, at, kind, operation, object_id, claim_id,
                                   old, new)
        SELECT doing, person, said_of_itself, session_user, client, application, instant, TG_TABLE_NAME"""

# --- one function a table, so that its statements are planned once: a full join is never done row by row

RECORD = """
DECLARE
    context jsonb := nullif(current_setting('pghistory.context_metadata', true), '')::jsonb;
    said_of_itself jsonb := coalesce(context, '{}');
    doing text := coalesce(nullif(current_setting('pghistory.context_id', true), ''), 'x' || pg_current_xact_id()::text);
    instant timestamptz := clock_timestamp();
    person bigint := CASE WHEN context->>'user' ~ '^[0-9]{1,18}$' THEN (context->>'user')::bigint
                          ELSE (SELECT id FROM auth_user WHERE username = context->>'by') END;
    client inet := inet_client_addr();
    application text := coalesce(current_setting('application_name', true), '');
BEGIN
    IF TG_OP = 'UPDATE' THEN
        -- Materialized: or each row would be made anew for each of its columns.
        WITH pair AS MATERIALIZED (
             SELECT id, gone, fresh, coalesce(fresh, gone) AS said
               FROM (SELECT id, to_jsonb(before)IGNORED AS gone FROM before) AS earlier
               FULL JOIN (SELECT id, to_jsonb(after)IGNORED AS fresh FROM after) AS later USING (id)
              WHERE gone IS DISTINCT FROM fresh)LINE,
               CASE WHEN gone IS NULL THEN 'insert' WHEN fresh IS NULL THEN 'delete' ELSE 'update' END,
               id, CLAIM,
               CASE WHEN fresh IS NULL THEN goneSECRET ELSE was END,
               CASE WHEN gone IS NULL THEN freshSECRET ELSE became END
          FROM pair
          LEFT JOIN LATERAL (
               SELECT jsonb_object_agg(key, WAS) AS was, jsonb_object_agg(key, BECAME) AS became
                 FROM jsonb_each(fresh) WHERE gone->key IS DISTINCT FROM value) AS difference ON true
         ORDER BY id;
    ELSIF TG_OP = 'INSERT' THENLINE, 'insert', id, CLAIM, NULL, said
          FROM (SELECT id, to_jsonb(after)IGNOREDSECRET AS said FROM after) AS fresh ORDER BY id;
    ELSELINE, 'delete', id, CLAIM, said, NULL
          FROM (SELECT id, to_jsonb(before)IGNOREDSECRET AS said FROM before) AS gone ORDER BY id;
    END IF;
    RETURN NULL;
END
"""
REFUSE = """
BEGIN
    RAISE EXCEPTION 'Cannot % rows of %: %', lower(TG_OP), TG_TABLE_NAME, TG_ARGV[0] USING ERRCODE = 'MG001';
END
"""
SEEN = {
    "insert": "AFTER INSERT ON {table} REFERENCING NEW TABLE AS after",
    "update": "AFTER UPDATE ON {table} REFERENCING OLD TABLE AS before NEW TABLE AS after",
    "delete": "AFTER DELETE ON {table} REFERENCING OLD TABLE AS before",
}
NO_CHANGE = "'history is never changed'"
NO_TRUNCATE = "'its rows have a history, which TRUNCATE would pass over'"
WRITES_ITSELF = "'history is written by the database alone'"


def _function(table: str, tracked: Tracked) -> str:
    hide = f"CASE key WHEN '{tracked.secret}' THEN '{HIDDEN}' ELSE %s END" if tracked.secret else "%s"
    words = {
        "LINE": LINE,
        "CLAIM": tracked.claim,
        "IGNORED": f" - ARRAY{list(tracked.ignored)}" if tracked.ignored else "",
        "SECRET": f" - '{tracked.secret}'" if tracked.secret else "",
        "WAS": hide % "gone->key",
        "BECAME": hide % "value",
    }
    body = RECORD
    for word, sql in words.items():
        body = body.replace(word, sql)
    return (
        f"CREATE OR REPLACE FUNCTION history_of_{table}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER {SETTINGS} "
        f"AS $body${body}$body$"
    )


def triggers() -> dict[tuple[str, str], str]:
    """(table, name): what it does. All of them have to be there and switched on."""
    found = {
        (TABLE, "history_unchanged"): f"BEFORE UPDATE OR DELETE OR TRUNCATE ON {TABLE} FOR EACH STATEMENT "
        f"EXECUTE FUNCTION history_refuses({NO_CHANGE})",
        (TABLE, "history_writes_itself"): f"BEFORE INSERT ON {TABLE} FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0) "
        f"EXECUTE FUNCTION history_refuses({WRITES_ITSELF})",
    }
    for table, tracked in TRACKED.items():
        for operation in tracked.operations:
            seen = SEEN[operation].format(table=table)
            does = f"{seen} FOR EACH STATEMENT EXECUTE FUNCTION history_of_{table}()"
            found[table, f"history_{operation}"] = does
        found[table, "whole_history"] = (
            f"BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION history_refuses({NO_TRUNCATE})"
        )
    return found


INSTALL = [
    f"CREATE OR REPLACE FUNCTION history_refuses() RETURNS trigger LANGUAGE plpgsql AS $body${REFUSE}$body$",
    *(_function(table, tracked) for table, tracked in TRACKED.items()),
    *(
        statement
        for (table, name), does in triggers().items()
        for statement in (f"DROP TRIGGER IF EXISTS {name} ON {table}", f"CREATE TRIGGER {name} {does}")
    ),
]
REMOVE = [
    *(f"DROP TRIGGER IF EXISTS {name} ON {table}" for table, name in triggers()),
    *(f"DROP FUNCTION IF EXISTS history_of_{table}" for table in TRACKED),
    "DROP FUNCTION IF EXISTS history_refuses",
]
