"""What a picture or a screen recording really is: its bytes in, what a reviewer should know out.

Knows no claim, no database, no Django. Never call `inspect`, `glance` or `watch` on a stranger's file in a process that
matters: `claims.probe` runs them in a child with limits.
"""

from claims.evidence.kinds import SUFFIXES, is_recording, sniff
from claims.evidence.pictures import inspect
from claims.evidence.said import Inspection, Still, Unfit, seen_against

BYTES_MAX = 20 << 20  # of a picture, unless the door says otherwise
RECORDING_BYTES_MAX = 200 << 20

__all__ = [
    "BYTES_MAX",
    "RECORDING_BYTES_MAX",
    "SUFFIXES",
    "Inspection",
    "Still",
    "Unfit",
    "inspect",
    "is_recording",
    "seen_against",
    "sniff",
]
