"""Where the books of the bench are: a database for each on one cluster, and an environment of their own for the rivals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import databases
from config import database

REQUIREMENTS = databases.ROOT / "bench" / "requirements.txt"
RIVALS = {
    "hordak": "mptt,djmoney,hordak",
    "django_ledger": "treebeard,django_ledger",
}  # what each has in INSTALLED_APPS
SLOW = 2_000  # microseconds more for a commit, as a network disk would take


def folder() -> Path:
    path = database.var_dir() / "books"
    path.mkdir(parents=True, exist_ok=True)
    return path


def ours(name: str, verb: str, *arguments: object) -> dict[str, Any]:
    """What `bench.books.ours` told of that database."""
    return json.loads(databases.run(name, "-m", "bench.books.ours", verb, *map(str, arguments)) or "{}")


def floor(name: str, verb: str, *arguments: object) -> dict[str, Any]:
    return json.loads(databases.run(name, "-m", "bench.books.floor", verb, *map(str, arguments)) or "{}")


def rival(which: str, name: str, verb: str, *arguments: object) -> dict[str, Any]:
    """What a rival told of its database, from its own environment."""
    environment = os.environ | {
        "DATABASE_URL": databases.address(name),
        "DJANGO_SETTINGS_MODULE": "bench.rivals.settings",
        "RIVAL": RIVALS[which],
    }
    command = [str(_rivals_python()), "-m", f"bench.rivals.{which}", verb, *map(str, arguments)]
    done = subprocess.run(command, cwd=databases.ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout or "{}")


def _rivals_python() -> Path:
    """The Python of the rivals' environment; it is made anew when their list changes."""
    home = database.var_dir() / "venv"
    python, stamp = home / "bin" / "python", home / "requirements.txt"
    if not stamp.exists() or stamp.read_bytes() != REQUIREMENTS.read_bytes():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        install = [
            str(python),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
            str(REQUIREMENTS),
        ]
        subprocess.run(install, check=True)
        stamp.write_bytes(REQUIREMENTS.read_bytes())
    return python


def made(name: str, fill: Callable[[str], object], *, anew: bool = False) -> str:
    """The database of this name, filled once and kept."""
    if anew or not databases.exists(name):
        draft = f"{name}_draft"
        databases.create(draft)
        fill(draft)
        databases.drop(name)
        databases.rename(draft, name)
    return name


@contextmanager
def slow_commits(*names: str) -> Iterator[None]:
    """Every commit on these databases takes two milliseconds more, whoever commits."""
    with databases.as_superuser() as superuser:
        for name in names:
            superuser.execute(f"ALTER DATABASE {name} SET commit_delay = {SLOW}")
            superuser.execute(f"ALTER DATABASE {name} SET commit_siblings = 0")
        try:
            yield
        finally:
            for name in names:
                superuser.execute(f"ALTER DATABASE {name} RESET ALL")
