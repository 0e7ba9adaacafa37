"""The journal as JSON, one object a line: every entry with its transfers, then the seals that they are under."""

from __future__ import annotations

from datetime import date
from typing import BinaryIO

from ledger.canonical import INSTANT
from ledger.exports.copying import EFFECTIVE, REVERSES, copied_lines
from ledger.moment import snapshot

TRANSFER = """format('{"line":%%s,"debit":%%s,"credit":%%s,"amount":"%%s","asset":%%s}', transfer.line, to_json(debit.name),
                             to_json(credit.name), trim_scale(transfer.amount), to_json(transfer.asset_id))"""
ENTRIES = f"""
    SELECT row_to_json(line) FROM (
        SELECT entry.id AS entry, entry.reference, entry.category, entry.effective_on, entry.description,
               coalesce({REVERSES}, '') AS reverses, {INSTANT.format("entry.posted_at")} AS posted_at,
               coalesce(entry.posted_by_id::text, '') AS posted_by,
               concat('[', string_agg({TRANSFER}, ',' ORDER BY transfer.line), ']')::json AS transfers, sealing.seal_id AS seal
          FROM ledger_journalentry entry
          LEFT JOIN ledger_sealing sealing ON sealing.entry_id = entry.id
          LEFT JOIN (ledger_transfer transfer
                     JOIN ledger_account debit ON debit.id = transfer.debit_id
                     JOIN ledger_account credit ON credit.id = transfer.credit_id) ON transfer.entry_id = entry.id
         WHERE {EFFECTIVE}
         GROUP BY entry.id, sealing.seal_id
         ORDER BY entry.id) AS line
"""  # noqa: S608 our own text
SEALS = f"""
    SELECT row_to_json(line) FROM (
        SELECT number AS seal, {INSTANT.format("sealed_at")} AS sealed_at, entry_count AS entries, first_entry, last_entry,
               root, previous, hash
          FROM ledger_seal seal
         WHERE number = ANY (ARRAY(SELECT DISTINCT sealing.seal_id
                                     FROM ledger_journalentry entry JOIN ledger_sealing sealing ON sealing.entry_id = entry.id
                                    WHERE {EFFECTIVE}))
         ORDER BY number) AS line
"""  # noqa: S608 our own text


def write_jsonl(file: BinaryIO, *, first: date | None = None, last: date | None = None) -> int:
    """The entries effective from `first` to `last`, both inside, by their number. Returns how many entries."""
    with snapshot():
        entries = copied_lines(file, ENTRIES, {"first": first, "last": last})
        copied_lines(file, SEALS, {"first": first, "last": last})
        return entries
