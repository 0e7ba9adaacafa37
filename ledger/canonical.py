"""The canonical form of an entry and of a seal, and their hashes, as SQL: docs/seals.md says the same in words. Pure.

A field is a netstring, `<number of its UTF-8 bytes>:<its bytes>,`, so no two contents have one form. An entry's hash is the
SHA-256 of its fields; a batch's root that of its entries' hashes, in the order of their ids; a seal's hash that of its fields.
"""

from __future__ import annotations

from collections.abc import Iterable

# To the microsecond, in UTC: `2022-11-18T09:00:00.000000Z`.
INSTANT = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""


def text(value: str) -> str:
    """The SQL of a text as a netstring, as arguments for concat(). The database is UTF-8: its octets are the bytes."""
    return f"octet_length({value}), ':', {value}, ','"


def fixed(length: int, value: str) -> str:
    """The same for a text whose length is known: a date and an instant of four-digit years."""
    return f"'{length}:', {value}, ','"


def instant(column: str) -> str:
    return fixed(27, INSTANT.format(column))


def concat(fields: Iterable[str]) -> str:
    return f"concat({', '.join(fields)})"


ENTRY = (
    text("entry.id::text"),
    text("entry.reference"),
    text("entry.category"),
    fixed(10, "to_char(entry.effective_on::timestamp, 'YYYY-MM-DD')"),
    text("entry.description"),
    text("coalesce(original.reference, '')"),
    instant("entry.posted_at"),
    text("coalesce(entry.posted_by_id::text, '')"),
    text("entry.transfer_count::text"),
)
TRANSFER = (
    text("transfer.line::text"),
    "debit.form",
    "credit.form",
    text("trim_scale(transfer.amount)::text"),
    text("transfer.asset_id"),
)
SEAL = (
    text("seal.number::text"),
    instant("seal.sealed_at"),
    text("seal.entry_count::text"),
    text("seal.first_entry::text"),
    text("seal.last_entry::text"),
    text("seal.root"),
    text("seal.previous"),
)
NO_SEAL = "0" * 64  # what the first seal names as the one before it
NAMED = f"(SELECT id, {concat([text('name')])} AS form FROM ledger_account OFFSET 0)"  # once per account  # noqa: S608


def entry_hashes(*, entries: str = "true", transfers: str = "true") -> str:
    """A query of (id, hash) of the entries that a condition on `entry` names, and their transfers one on `transfer`."""
    return f"""
    SELECT entry.id, sha256(convert_to({concat((*ENTRY, "moves.form"))}, 'UTF8')) AS hash
      FROM ledger_journalentry entry
      LEFT JOIN ledger_journalentry original ON original.id = entry.reverses_id
      LEFT JOIN (
          SELECT entry_id, string_agg(form, '') AS form  -- of sorted rows: to sort each entry's own costs twice as much
            FROM (SELECT transfer.entry_id, {concat(TRANSFER)} AS form
                    FROM ledger_transfer transfer
                    JOIN {NAMED} AS debit ON debit.id = transfer.debit_id
                    JOIN {NAMED} AS credit ON credit.id = transfer.credit_id
                   WHERE {transfers}
                   ORDER BY transfer.entry_id, transfer.line) AS move
           GROUP BY entry_id) AS moves ON moves.entry_id = entry.id
     WHERE {entries}
    """  # noqa: S608 our own text


ROOT = "encode(sha256(string_agg(hashed.hash, ''::bytea ORDER BY hashed.id)), 'hex')"  # of a query `hashed`
SEAL_HASH = f"encode(sha256(convert_to({concat(SEAL)}, 'UTF8')), 'hex')"
