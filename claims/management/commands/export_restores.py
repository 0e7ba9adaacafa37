"""`export_restores INCIDENT`: the restore instructions for the trading desk, one row per approved order."""

from __future__ import annotations

from claims.exports import write_restores
from claims.management.rows_of import RowsOfIncident


class Command(RowsOfIncident):
    help = "The approved orders that the trading desk restores, as CSV: account, symbol, side, quantity, entry price."
    write = staticmethod(write_restores)
