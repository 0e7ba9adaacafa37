"""The seals: recomputed from the rows they cover, each the successor of the one before (docs/seals.md)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ledger.canonical import NO_SEAL, ROOT, SEAL_HASH, entry_hashes
from ledger.models import Seal

LATE = "5 minutes"  # after an entry was posted, a seal that does not cover it is no coincidence

LINKS = f"""
    WITH covered AS (
        SELECT sealing.seal_id, count(*) AS sealings, count(hashed.id) AS entries, {ROOT} AS root,
               (array_agg(sealing.entry_id ORDER BY sealing.entry_id) FILTER (WHERE hashed.id IS NULL))[1:10] AS gone,
               min(sealing.entry_id) AS first_entry, max(sealing.entry_id) AS last_entry
          FROM ledger_sealing sealing
          LEFT JOIN ({entry_hashes()}) AS hashed ON hashed.id = sealing.entry_id
         GROUP BY sealing.seal_id
    ), link AS (
        SELECT coalesce(seal.number, covered.seal_id) AS number, seal.hash IS NULL AS lost,
               lag(seal.number, 1, 0) OVER chain AS before,
               seal.previous IS DISTINCT FROM lag(seal.hash, 1, '{NO_SEAL}') OVER chain AS astray,
               seal.hash IS DISTINCT FROM {SEAL_HASH} AS rewritten,
               seal.entry_count, coalesce(covered.entries, 0) AS entries, covered.gone,
               covered.root IS DISTINCT FROM seal.root AS altered,
               (covered.first_entry, covered.last_entry) IS DISTINCT FROM (seal.first_entry, seal.last_entry) AS moved,
               format('entries %s to %s', seal.first_entry, seal.last_entry) AS span
          FROM ledger_seal seal FULL JOIN covered ON covered.seal_id = seal.number
        WINDOW chain AS (ORDER BY coalesce(seal.number, covered.seal_id))
    ), told AS (
        SELECT number, concat_ws('; ',
               CASE WHEN lost THEN format('is not in the books, but %s entries are under it', entries) END,
               CASE WHEN number > before + 1 THEN format('comes after seal %s: what was between is gone', before)
                    WHEN astray AND NOT lost THEN 'does not name the hash of the seal before it' END,
               CASE WHEN rewritten AND NOT lost THEN 'its hash is not that of its own fields' END,
               CASE WHEN entries < entry_count
                    THEN format('sealed %s entries (%s), of which %s are in the books%s', entry_count, span, entries,
                                '; gone: ' || array_to_string(gone, ', '))
                    WHEN entries > entry_count
                    THEN format('sealed %s entries (%s), and %s are in the books', entry_count, span, entries)
                    WHEN moved AND NOT lost THEN format('does not cover the %s that it sealed', span)
                    WHEN altered AND NOT lost
                    THEN format('the content of its %s entries (%s) is not what was sealed', entry_count, span) END) AS wrong
          FROM link
    )
    SELECT format('seal %s', number),
           CASE WHEN row_number() OVER (ORDER BY number) = 1 THEN 'the first broken link of the chain: ' ELSE '' END || wrong
      FROM told WHERE wrong <> '' ORDER BY number
"""  # noqa: S608 our own text
UNSEALED = f"""
    SELECT entry.reference, format('is in no seal, though seal %s was made long after it was posted', last.number)
      FROM (SELECT * FROM ledger_seal ORDER BY number DESC LIMIT 1) AS last
      JOIN ledger_journalentry entry ON entry.posted_at < last.sealed_at - interval '{LATE}'
      LEFT JOIN ledger_sealing sealing ON sealing.entry_id = entry.id
     WHERE sealing.entry_id IS NULL ORDER BY entry.id
"""  # noqa: S608
CHAIN = (LINKS, UNSEALED)


def kept_seals(kept: Sequence[str]) -> Iterator[str]:
    """What is wrong with seals that somebody wrote down as `number:hash`: history up to them is another one."""
    wanted = {seal: int(seal.partition(":")[0]) for seal in kept}
    found = {seal.number: str(seal) for seal in Seal.objects.filter(number__in=wanted.values())}
    for seal, number in wanted.items():
        if number not in found:
            yield f"seal {number}: {seal} was kept, and there is no such seal now: history was cut off or rewritten"
        elif found[number] != seal:
            yield f"seal {number}: {seal} was kept, and now it is {found[number]}: history was rewritten"
