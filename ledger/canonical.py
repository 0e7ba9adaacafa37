"""The canonical form of an entry and of a seal, and their hashes, as SQL: docs/seals.md says the same in words. Pure.

A field is a netstring, `<number of its UTF-8 bytes>:<its bytes>,`, so no two contents have one form. An entry's hash is the
SHA-256 of its fields; a batch's root that of its entries' hashes, in the order of their ids; a seal's hash that of its fields.
"""

from __future__ import annotations

from collections.abc import Iterable


def netstring(value: str) -> str:
    """The SQL of a text as a netstring; NULL for NULL."""
    return f"octet_length(convert_to({value}, 'UTF8')) || ':' || {value} || ','"


def netstrings(values: Iterable[str]) -> str:
    return " || ".join(map(netstring, values))


def instant(column: str) -> str:
    return f"to_char({column} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"


ENTRY = (
    "entry.id::text",
    "entry.reference",
    "entry.category",
    "to_char(entry.effective_on, 'YYYY-MM-DD')",
    "entry.description",
    "coalesce(original.reference, '')",
    instant("entry.posted_at"),
    "coalesce(entry.posted_by_id::text, '')",
    "entry.transfer_count::text",
)
TRANSFER = (
    "transfer.line::text",
    "debit.name",
    "credit.name",
    "trim_scale(transfer.amount)::text",
    "transfer.asset_id",
)
SEAL = (
    "seal.number::text",
    instant("seal.sealed_at"),
    "seal.entry_count::text",
    "seal.first_entry::text",
    "seal.last_entry::text",
    "seal.root",
    "seal.previous",
)
NO_SEAL = "0" * 64  # what the first seal names as the one before it


def entry_hashes(chosen: str) -> str:
    """A query of (id, hash) of the entries that `chosen`, a FROM item with a column `id`, names."""
    return f"""
    SELECT entry.id, sha256(convert_to({netstrings(ENTRY)} || coalesce(moves.form, ''), 'UTF8')) AS hash
      FROM {chosen} AS chosen
      JOIN ledger_journalentry entry ON entry.id = chosen.id
      LEFT JOIN ledger_journalentry original ON original.id = entry.reverses_id
      LEFT JOIN LATERAL (
          SELECT string_agg({netstrings(TRANSFER)}, '' ORDER BY transfer.line) AS form
            FROM ledger_transfer transfer
            JOIN ledger_account debit ON debit.id = transfer.debit_id
            JOIN ledger_account credit ON credit.id = transfer.credit_id
           WHERE transfer.entry_id = entry.id) AS moves ON true
    """  # noqa: S608 our own text


ROOT = "encode(sha256(string_agg({}.hash, ''::bytea ORDER BY {}.id)), 'hex')"
SEAL_HASH = f"encode(sha256(convert_to({netstrings(SEAL)}, 'UTF8')), 'hex')"
