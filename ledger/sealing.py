"""Seal the books: whatever entries have no seal yet get one, each seal the successor of the one before (docs/seals.md).

Nobody who posts waits for a seal, and no order of commits is needed: what commits late has no seal yet, so the next one takes it.
"""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction

from ledger.canonical import NO_SEAL, ROOT, SEAL_HASH, entry_hashes
from ledger.models import Seal

SEALING = 19_785  # our class of advisory locks: who seals against who seals
AT_MOST = 100_000  # entries under one seal
LOOK_BACK = "1 hour"  # what commits later than this after its posting is found at night, when all is looked at

# Where an ordinary look for entries without a seal begins: entries before it were sealed, or commit very late.
HORIZON = f"""
    SELECT coalesce(min(first_entry), 0) FROM ledger_seal
     WHERE sealed_at >= (SELECT sealed_at FROM ledger_seal ORDER BY number DESC LIMIT 1) - interval '{LOOK_BACK}'
"""  # noqa: S608 our own text
UNSEALED = """
    SELECT min(id) AS first, max(id) AS last
      FROM (SELECT id FROM ledger_journalentry entry
             WHERE id >= %(horizon)s AND NOT EXISTS (SELECT FROM ledger_sealing WHERE entry_id = entry.id)
             ORDER BY id LIMIT %(at_most)s) AS unsealed
"""
# With its ends as numbers the planner knows how little there is to read. What committed between them since is taken, too.
SEAL = f"""
    WITH hashed AS MATERIALIZED ({
    entry_hashes(
        entries='''entry.id BETWEEN %(first)s AND %(last)s
       AND NOT EXISTS (SELECT FROM ledger_sealing WHERE entry_id = entry.id)''',
        transfers="transfer.entry_id BETWEEN %(first)s AND %(last)s",
    )
}), batch AS (
        SELECT count(*) AS entry_count, min(id) AS first_entry, max(id) AS last_entry, {ROOT} AS root FROM hashed
    ), seal AS (
        SELECT coalesce(last.number, 0) + 1 AS number, %(now)s::timestamptz AS sealed_at, batch.*,
               coalesce(last.hash, '{NO_SEAL}') AS previous
          FROM batch LEFT JOIN (SELECT number, hash FROM ledger_seal ORDER BY number DESC LIMIT 1) AS last ON true
    ), made AS (
        INSERT INTO ledger_seal (number, sealed_at, entry_count, first_entry, last_entry, root, previous, hash)
        SELECT number, sealed_at, entry_count, first_entry, last_entry, root, previous, {SEAL_HASH} FROM seal
        RETURNING number
    ), covered AS (
        INSERT INTO ledger_sealing (entry_id, seal_id) SELECT hashed.id, made.number FROM hashed CROSS JOIN made
    )
    SELECT number FROM made
"""  # noqa: S608


def seal(*, now: datetime, everything: bool = False) -> Seal | None:
    """Seal what has no seal yet, in commits of at most 100,000 entries; the last seal made, None where there was nothing.

    Ordinarily looks back over the seals of an hour; `everything`: over the whole journal, for what committed later than that.
    """
    last = None
    while made := _seal_batch(now=now, everything=everything):
        last = made
        if made.entry_count < AT_MOST:
            break
    return last


@transaction.atomic
def _seal_batch(*, now: datetime, everything: bool) -> Seal | None:
    """One seal. Who seals at the same moment waits here, and then sees what we sealed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, 0), set_config('jit', 'off', true)", [SEALING])
        horizon = 0 if everything else _horizon(cursor)
        cursor.execute(UNSEALED, {"horizon": horizon, "at_most": AT_MOST})
        first, last = cursor.fetchone()
        if first is None:
            return None
        cursor.execute(SEAL, {"first": first, "last": last, "now": now})
        [number] = cursor.fetchone()
    return Seal.objects.get(number=number)


def _horizon(cursor) -> int:
    cursor.execute(HORIZON)
    [first] = cursor.fetchone()
    return first
