"""A user's files and the commands that read them."""

from __future__ import annotations

import json
from io import StringIO

from django.core.management import call_command

ORDER = {
    "order_id": "O1",
    "account": "carla-1",
    "customer": "carla",
    "symbol": "BTCUSDT",
    "side": "long",
    "quantity": "0.5",
    "entry_price": "16950",
    "opened_at": "2022-11-16T13:00:00Z",
    "exit_price": "16500",
    "closed_at": "2022-11-16T14:20:00Z",
    "close_reason": "liquidation",
}


def run(command: str, *args: object) -> tuple[int, dict]:
    """The exit code and the JSON object of a command."""
    out = StringIO()
    try:
        call_command(command, *map(str, args), json=True, stdout=out)
    except SystemExit as end:
        return int(end.code or 0), json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def csv_of(*rows: dict, sign: str = ",") -> str:
    """Rows as a CSV text; the first row names the columns."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [sign.join(names), *(sign.join(row.get(name, "") for name in names) for row in rows)]
    return "\n".join(lines) + "\n"


def counts(result: dict) -> tuple[int, int, int, int, int]:
    return tuple(result[key] for key in ("rows", "created", "updated", "unchanged", "rejected"))
