"""One history. What the event tables told of the time before it goes into it; then they are dropped.

Its rows are numbered in the order of time, so those from before come before its first: below 0. An event table kept what a row
became, each time (of an order: what it was), and the transaction's start; what was and what became is the difference from one to
the next. Who worked at the database, and from where, was not kept then: the role is empty.
"""

import pgtrigger.migrations
from django.db import migrations

from claims import recording

WRITERS = ("claim", "evidence", "givenprice", "offer", "policy")
KEPT_WHAT_IT_BECAME = (
    *(f"claims_{model}" for model in WRITERS),
    "incidents_incident",
    "incidents_outagewindow",
    "incidents_abnormalrange",
    "incidents_liquidationratio",
)
SNAPSHOT = "to_jsonb(event) - '{pgh_id,pgh_created_at,pgh_label,pgh_context_id,pgh_obj_id}'::text[]"
EVENT = "pgh_id AS number, pgh_created_at AS at, pgh_context_id AS context_id, pgh_obj_id AS object_id"
ONE_AFTER_THE_OTHER = "OVER (PARTITION BY pgh_obj_id ORDER BY pgh_id)"
SINCE = "SELECT applied FROM django_migrations WHERE app = 'claims' AND name = '0019_history'"


def told_by(table: str) -> str:
    """The events of a table from before the history, each with the row as it became and as it had been."""
    claim = recording.TRACKED[table].claim
    return f"""
        SELECT '{table}' AS kind, number, at, context_id, object_id, operation, ({claim}) AS claim_id,
               CASE operation WHEN 'delete' THEN said WHEN 'update' THEN had END AS was,
               CASE WHEN operation <> 'delete' THEN said END AS became
          FROM (SELECT {EVENT}, pgh_label AS operation, {SNAPSHOT} AS said, lag({SNAPSHOT}) {ONE_AFTER_THE_OTHER} AS had
                  FROM {table}event AS event) AS event
         WHERE at < coalesce(({SINCE}), 'infinity')
    """  # noqa: S608


CORRECTED = f"""
    SELECT 'incidents_order', {EVENT}, 'update', NULL::bigint, {SNAPSHOT},
           coalesce(lead({SNAPSHOT}) {ONE_AFTER_THE_OTHER},
                    (SELECT to_jsonb(one) FROM incidents_order one WHERE one.id = pgh_obj_id))
      FROM incidents_orderevent AS event
"""  # noqa: S608
TAKE_OVER = f"""
    INSERT INTO claims_change (id, at, action, kind, operation, object_id, claim_id, user_id, source, role, application, old, new)
    SELECT least((SELECT min(id) FROM claims_change), 0)
           - row_number() OVER (ORDER BY at DESC, action DESC, kind DESC, number DESC),
           at, action, kind, operation, object_id, claim_id,
           CASE WHEN source->>'user' ~ '^[0-9]{{1,18}}$' THEN (source->>'user')::bigint
                ELSE (SELECT id FROM auth_user WHERE username = source->>'by') END,
           source, '', '',
           CASE WHEN both_known THEN old ELSE was END,
           CASE WHEN both_known THEN new ELSE became END
      FROM (SELECT told.*, coalesce(context.metadata, '{{}}') AS source, was IS NOT NULL AND became IS NOT NULL AS both_known,
                   coalesce(context_id::text, 't' || (extract(epoch FROM at) * 1000000)::bigint) AS action
              FROM ({" UNION ALL ".join([*map(told_by, KEPT_WHAT_IT_BECAME), CORRECTED])}) AS told
              LEFT JOIN pghistory_context AS context ON context.id = context_id) AS told
      LEFT JOIN LATERAL (
           SELECT jsonb_object_agg(key, was->key) AS old, jsonb_object_agg(key, value) AS new
             FROM jsonb_each(became) WHERE was->key IS DISTINCT FROM value) AS difference ON true
     WHERE NOT both_known OR new IS NOT NULL
"""  # noqa: S608


class Migration(migrations.Migration):
    dependencies = [
        ("claims", "0024_payments_come_back"),
        ("incidents", "0007_customers_found_as_one_types"),
        ("pghistory", "0007_auto_20250421_0444"),
    ]

    operations = [
        migrations.RunSQL(recording.INSTALL, migrations.RunSQL.noop),
        migrations.RunSQL(
            [
                "SET LOCAL timezone = 'UTC'",
                f"ALTER TABLE {recording.TABLE} DISABLE TRIGGER history_writes_itself",
                TAKE_OVER,
                f"ALTER TABLE {recording.TABLE} ENABLE TRIGGER history_writes_itself",
            ],
            migrations.RunSQL.noop,
        ),
        *(
            pgtrigger.migrations.RemoveTrigger(model_name=model, name=name)
            for model in WRITERS
            for name in ("insert_insert", "update_update")
        ),
        *(pgtrigger.migrations.RemoveTrigger(model_name=f"{model}event", name="append_only") for model in WRITERS),
        *(migrations.DeleteModel(name=f"{model}event") for model in WRITERS),
    ]
