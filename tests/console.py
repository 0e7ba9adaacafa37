"""The portal's commands as a script uses them: `--json` in, one object and an exit code out."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

from django.core.management import CommandError, call_command


def portal(*arguments: Any) -> tuple[int, dict]:
    """Run a command; its exit code and the one object it printed."""
    printed, code = StringIO(), 0
    try:
        call_command(*map(str, arguments), "--json", stdout=printed, stderr=StringIO())
    except SystemExit as ended:
        code = ended.code
    except CommandError as error:
        return error.returncode, {}
    [line] = printed.getvalue().splitlines()
    return code, json.loads(line)


def done(*arguments: Any) -> dict:
    """Run a command that must succeed."""
    code, result = portal(*arguments)
    assert code == 0, result
    return result
