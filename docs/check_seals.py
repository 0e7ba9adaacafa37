"""Recompute every seal of a journal that `export_ledger --format jsonl` wrote. Needs Python 3 and nothing of the portal.

    python3 check_seals.py JOURNAL.jsonl [NUMBER:HASH ...]

NUMBER:HASH are seals that you kept from earlier: the journal must still have them. The whole journal is needed (an export without
--from and --to). Exit 0: every seal is what the entries make it. Exit 1: refused; the first broken link is named.
"""

import hashlib
import json
import sys
from dataclasses import dataclass, field

NOTHING_BEFORE = "0" * 64  # what the first seal has for the one before it


class Refused(Exception):
    """The journal is not what was sealed."""


@dataclass
class Batch:
    """What the entries of the file say about the seal that they are under."""

    entries: int = 0
    first: int = 0
    last: int = 0
    root: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def add(self, number: int, digest: bytes) -> None:
        self.entries, self.first, self.last = self.entries + 1, self.first or number, number
        self.root.update(digest)


def netstrings(*values: object) -> bytes:
    """Each value as its length in bytes, a colon, its text in UTF-8, a comma: no two lists of values look alike."""
    texts = [str(value).encode() for value in values]
    return b"".join(b"%d:%s," % (len(text), text) for text in texts)


def digest_of(entry: dict) -> bytes:
    transfers = entry["transfers"]
    head = ("entry", "reference", "category", "effective_on", "description", "reverses", "posted_at", "posted_by")
    values = [*(entry[key] for key in head), len(transfers)]
    for transfer in transfers:
        values += [transfer[key] for key in ("line", "debit", "credit", "amount", "asset")]
    return hashlib.sha256(netstrings(*values)).digest()


def hash_of(seal: dict) -> str:
    keys = ("seal", "sealed_at", "entries", "first_entry", "last_entry", "root", "previous")
    return hashlib.sha256(netstrings(*(seal[key] for key in keys))).hexdigest()


def read(lines) -> tuple[dict[int, Batch], list[dict], int]:
    """The batches of entries by seal, the seals, and how many entries are under none yet."""
    batches: dict[int, Batch] = {}
    seals: list[dict] = []
    unsealed = latest = 0
    for line in lines:
        row = json.loads(line)
        if "entry" not in row:
            seals.append(row)
        elif row["entry"] <= latest:
            raise Refused(
                f"entry {row['entry']} ({row['reference']}) comes after entry {latest}: doubled, or out of order"
            )
        else:
            latest = row["entry"]
            if row["seal"] is None:
                unsealed += 1
            else:
                batches.setdefault(row["seal"], Batch()).add(latest, digest_of(row))
    return batches, seals, unsealed


def check(batches: dict[int, Batch], seals: list[dict], kept: list[str]) -> None:
    """Refused at the first seal that is not what its entries, or the seal before it, make it."""
    previous = NOTHING_BEFORE
    for number, seal in enumerate(seals, start=1):
        found = batches.pop(number, Batch())
        says = {
            "seal": number,
            "entries": found.entries,
            "first_entry": found.first,
            "last_entry": found.last,
            "root": found.root.hexdigest(),
            "previous": previous,
        }
        for key, value in says.items():
            if seal[key] != value:
                raise Refused(f"seal {number}: its {key} is {seal[key]}, the journal makes it {value}")
        if seal["hash"] != hash_of(seal):
            raise Refused(f"seal {number}: its hash is {seal['hash']}, computed anew it is {hash_of(seal)}")
        previous = seal["hash"]
    if batches:
        raise Refused(f"seal {min(batches)}: entries are under it, and it is not in the journal")
    known = {f"{seal['seal']}:{seal['hash']}" for seal in seals}
    for seal in kept:
        if seal not in known:
            raise Refused(f"the seal that you kept is not in the journal: {seal}")


def main(path: str, kept: list[str]) -> None:
    with open(path, encoding="utf-8") as file:
        batches, seals, unsealed = read(file)
    sealed = sum(batch.entries for batch in batches.values())
    check(batches, seals, kept)
    latest = f"; the latest is {seals[-1]['seal']}:{seals[-1]['hash']}" if seals else ""
    print(f"{sealed} entries under {len(seals)} seals, {unsealed} not sealed yet{latest}")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    try:
        main(sys.argv[1], sys.argv[2:])
    except (Refused, KeyError, TypeError, ValueError) as error:
        sys.exit(f"refused: {error if isinstance(error, Refused) else f'this is no journal: {error!r}'}")
