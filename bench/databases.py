"""The bench's own cluster: a generated world per size, and a fresh copy of it for every measurement."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from bench.size import Size
from config import database

ROOT = Path(__file__).resolve().parent.parent


def address(name: str) -> str:
    """The address of one database of the cluster, for DATABASE_URL."""
    return database.url().replace(f"@/{database.NAME}?", f"@/{name}?")


def as_superuser(name: str = "postgres") -> psycopg.Connection:
    return psycopg.connect(address(name), user="postgres", autocommit=True)


def run(name: str, *command: str) -> str:
    """Run Python on that database, in a process of its own; what it printed."""
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=_environment(name), stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


@contextmanager
def asked(name: str, *command: str) -> Iterator[Callable[[object], Any]]:
    """A Python process on that database that answers questions, a line of JSON each."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, *command], cwd=ROOT, env=_environment(name), **pipes) as process:
        assert process.stdin is not None and process.stdout is not None
        question, answers = process.stdin, process.stdout

        def ask(what: object) -> Any:
            print(json.dumps(what), file=question, flush=True)
            return json.loads(answers.readline())

        yield ask
        question.close()


def _environment(name: str) -> dict[str, str]:
    return os.environ | {"DATABASE_URL": address(name), "DJANGO_SETTINGS_MODULE": "config.settings"}


def world(size: Size) -> str:
    """The database of a world of that size, generated once; its migrations are brought up to date."""
    name = f"world_{size.orders}"
    if not exists(name):
        began, draft = time.monotonic(), f"{name}_draft"
        create(draft)
        run(draft, "manage.py", "migrate", "--verbosity", "0")
        run(draft, "-m", "bench.world", str(size.orders))
        rename(draft, name)
        say(f"generated {size.orders:,} orders, {size.claims:,} claims, {size.quotes:,} quotes", began)
    run(name, "manage.py", "migrate", "--verbosity", "0")
    return name


def copy_of(world: str, name: str) -> str:
    """A copy of a world under this name, instead of the last one."""
    began = time.monotonic()
    drop(name)
    _sql(f"CREATE DATABASE {name} OWNER {database.NAME} TEMPLATE {world}{_by_file()}")
    say(f"copied {world}", began)
    return name


def _by_file() -> str:
    """Copying files beats writing them through the log; before version 15 there was no choice."""
    with as_superuser() as connection:
        return " STRATEGY FILE_COPY" if connection.info.server_version >= 150000 else ""


def exists(name: str) -> bool:
    with as_superuser() as connection:
        return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def create(name: str) -> None:
    """An empty database of this name, instead of the last one."""
    drop(name)
    _sql(f"CREATE DATABASE {name} OWNER {database.NAME}")


def drop(name: str) -> None:
    _sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def rename(name: str, new: str) -> None:
    _sql(f"ALTER DATABASE {name} RENAME TO {new}")


def _sql(*statements: str) -> None:
    with as_superuser() as connection:
        for statement in statements:
            connection.execute(statement)


def say(what: str, began: float) -> None:
    print(f"{time.monotonic() - began:8.1f} s  {what}", file=sys.stderr, flush=True)
