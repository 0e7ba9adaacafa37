"""Programs of others that read the books: what they complain of, and what they make the balances."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

from beancount import loader
from beancount.core.data import Transaction

from ledger.reports import trial_balance
from tests.conftest import ROOT

Balances = dict[tuple[str, str], Decimal]


def exported(write, **days) -> str:
    """What `write` makes of the books."""
    file = io.BytesIO()
    write(file, **days)
    return file.getvalue().decode()


def booked(as_of=None) -> Balances:
    """What our own trial balance says, zeros left out."""
    return {(line.account, line.asset): line.balance for line in trial_balance(as_of) if line.balance}


def beancount_complains(text: str) -> list[str]:
    _entries, errors, _options = loader.load_string(text)
    return [error.message for error in errors]


def beancount_says(text: str) -> Balances:
    """No complaint, and the balances by account and commodity, zeros left out."""
    entries, errors, _options = loader.load_string(text)
    assert [error.message for error in errors] == []
    balances: Balances = defaultdict(Decimal)
    for entry in entries:
        if isinstance(entry, Transaction):
            for posting in entry.postings:
                balances[posting.account, posting.units.currency] += posting.units.number
    return {key: balance for key, balance in balances.items() if balance}


def hledger(text: str, *arguments: str) -> subprocess.CompletedProcess:
    command = ["hledger", "-f", "-", *arguments]
    utf8 = {"LC_ALL": "C.UTF-8", "PATH": "/usr/local/bin:/usr/bin:/bin"}
    return subprocess.run(command, input=text, capture_output=True, text=True, env=utf8)


def hledger_complains(text: str) -> str:
    """What its strict check says, and whether the days are in order; nothing if all is well."""
    checked = hledger(text, "check", "--strict", "ordereddates")
    assert bool(checked.stderr) == bool(checked.returncode)
    return checked.stderr


def hledger_says(text: str) -> Balances:
    """No complaint in strict mode, and the balances by account and commodity, zeros left out."""
    told = hledger(text, "balance", "--strict", "--flat", "--no-total", "--layout=bare", "--output-format=csv")
    assert (told.stderr, told.returncode) == ("", 0)
    rows = csv.DictReader(io.StringIO(told.stdout))
    found = {(row["account"], row["commodity"]): Decimal(row["balance"]) for row in rows}
    return {key: balance for key, balance in found.items() if balance}


def seals_complain(path: Path, *kept: str) -> str:
    """What the auditor's own program says against the seals of a jsonl journal; nothing if all is well."""
    checked = subprocess.run(
        [sys.executable, "-I", ROOT / "docs" / "check_seals.py", path, *kept], capture_output=True, text=True
    )
    assert bool(checked.stderr) == bool(checked.returncode)
    return checked.stderr
