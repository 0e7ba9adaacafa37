"""The journal as a file: for a spreadsheet, for a program, for a program of others that adds it up again. Streamed."""

from ledger.exports.beancount import write_beancount
from ledger.exports.hledger import write_hledger
from ledger.exports.lines import write_jsonl
from ledger.exports.table import COLUMNS, table, write_csv

__all__ = ["COLUMNS", "table", "write_beancount", "write_csv", "write_hledger", "write_jsonl"]
