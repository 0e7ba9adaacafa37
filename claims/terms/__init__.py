"""What a policy says: its TOML file, checked in full, and the frozen terms the rest of the room reads (rules §3).

`read` turns a file's text into a document (plain JSON, kept in `Policy.document`), `parse` a document into `Terms`, `write` a
document into TOML again.
"""

from pathlib import Path

from claims.terms.file import complete, read, write
from claims.terms.kinds import KINDS
from claims.terms.sense import LONGEST_NAME, TermsError, nonsense
from claims.terms.shape import CLAUSE, LANGUAGES, REASONS, REFERENCES, REMEDIES, SECTIONS
from claims.terms.values import Anchor, Clause, Terms, anchor, digest, duration, parse

PRESETS = {path.stem: path for path in sorted((Path(__file__).parent.parent / "presets").glob("*.toml"))}

__all__ = [
    "CLAUSE",
    "KINDS",
    "LANGUAGES",
    "LONGEST_NAME",
    "PRESETS",
    "REASONS",
    "REFERENCES",
    "REMEDIES",
    "SECTIONS",
    "Anchor",
    "Clause",
    "Terms",
    "TermsError",
    "anchor",
    "complete",
    "digest",
    "duration",
    "nonsense",
    "parse",
    "read",
    "write",
]
