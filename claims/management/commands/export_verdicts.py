"""`export_verdicts INCIDENT`: the verdicts in force, one row per claim and order."""

from __future__ import annotations

from claims.exports import write_verdicts
from claims.management.rows_of import RowsOfIncident


class Command(RowsOfIncident):
    help = "The verdicts in force as CSV, one row per claim and order."
    write = staticmethod(write_verdicts)
