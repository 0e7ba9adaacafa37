"""The embedded PostgreSQL: a private cluster for a checkout that has no DATABASE_URL.

Its data lies in VAR_DIR/postgres. It listens on a Unix socket only, in a folder that nobody else can enter, and asks
for a password (VAR_DIR/postgres.pass): other users of the machine have no way in. As root the server runs as an account
of its own. `python -m config.database start|stop|status|url|psql` works it by hand.
"""

import contextlib
import fcntl
import hashlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

import psycopg
from psycopg import sql

from config import binaries
from config.binaries import DatabaseError, say

NAME = "makegood"  # of the database, of its role and, where PostgreSQL brought no account, of the system account
SERVER_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "fsync": "on",
    "log_timezone": "UTC",
    "timezone": "UTC",
}
START_PATIENCE = 5.0  # seconds: a killed server's process and lock file linger for one or two


def var_dir() -> Path:
    """The folder of everything this checkout keeps: VAR_DIR, else `var` in the checkout."""
    return Path(os.environ.get("VAR_DIR") or Path(__file__).resolve().parent.parent / "var").resolve()


def is_embedded() -> bool:
    return not os.environ.get("DATABASE_URL")


def url() -> str:
    """The embedded database's address. Asks nothing and starts nothing."""
    place = urlencode({"host": str(socket_dir()), "passfile": str(passfile())})
    return f"postgresql://{NAME}@/{NAME}?{place}"


def passfile() -> Path:
    return var_dir() / "postgres.pass"


def socket_dir() -> Path:
    """Short, because a socket's path may have 107 bytes at most; the same for every process that names this VAR_DIR."""
    named_after = hashlib.sha256(str(var_dir()).encode()).hexdigest()[:16]
    return Path("/tmp") / f"makegood-{named_after}"  # noqa: S108 (its owner and rights are checked before use)


def is_running() -> bool:
    """Whether the database answers to our password."""
    if not passfile().exists() or not socket_dir().exists():
        return False
    try:
        psycopg.connect(url(), connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def ensure_started() -> bool:
    """Start the embedded database if it is wanted and not up. True when this call started it."""
    if not is_embedded() or is_running():
        return False
    with _lock():
        if is_running():  # another command was faster
            return False
        Cluster.open().start()
        return True


def stop() -> bool:
    """Stop the embedded database, if it is up. True when this call stopped it."""
    if not is_embedded() or not (var_dir() / "postgres").exists():
        return False
    with _lock():
        return Cluster.open().stop()


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    """One process at a time may create, start or stop the cluster."""
    var_dir().mkdir(mode=0o711, parents=True, exist_ok=True)
    with open(var_dir() / "postgres.lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Account:
    """Who the server runs as: ourselves, or for root (whom PostgreSQL refuses) an account of its own."""

    def __init__(self, owned: Path) -> None:
        self.is_other = os.geteuid() == 0
        if owned.exists():  # whoever made the cluster works it, even if a better account has come since
            self.entry = pwd.getpwuid(owned.stat().st_uid)
        else:
            self.entry = self._other() if self.is_other else pwd.getpwuid(os.geteuid())

    @staticmethod
    def _other() -> pwd.struct_passwd:
        for name in ("postgres", NAME):
            with contextlib.suppress(KeyError):
                return pwd.getpwnam(name)
        subprocess.run(["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", NAME], check=True)
        return pwd.getpwnam(NAME)

    def run(self, *command: str | Path, output: int = subprocess.DEVNULL) -> int:
        """Run a program as this account, in a session of its own so that Ctrl-C does not reach what it starts."""
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            start_new_session=True,
            check=False,
            user=self.entry.pw_uid if self.is_other else None,
            group=self.entry.pw_gid if self.is_other else None,
            extra_groups=[] if self.is_other else None,
        ).returncode

    def own(self, path: Path) -> None:
        if self.is_other:
            os.chown(path, self.entry.pw_uid, self.entry.pw_gid)

    def reaches(self, folder: Path) -> bool:
        return self.run("test", "-x", folder) == 0


class Cluster:
    """The folder of one PostgreSQL cluster and the programs that work it."""

    def __init__(self, home: Path, account: Account) -> None:
        self.home, self.account, self.data = home, account, home / "data"

    @classmethod
    def open(cls) -> "Cluster":
        """The cluster of this VAR_DIR; its folder is made when there is none."""
        kept = var_dir() / "postgres"
        account = Account(kept)
        if not kept.exists():
            kept.unlink(missing_ok=True)  # a link to a folder that is gone
            if not account.reaches(var_dir()):
                kept.symlink_to(elsewhere())
                say(f"{account.entry.pw_name} may not enter {var_dir()}; the data goes to {kept.readlink()}")
            kept.resolve().mkdir(mode=0o700, parents=True)
            account.own(kept.resolve())  # before anything is in it, so that its owner is who works it
        return cls(kept.resolve(), account)

    @property
    def bin(self) -> Path:
        made_by = self.data / "PG_VERSION"
        return binaries.find(self.home, made_by.read_text().strip() if made_by.exists() else None)

    def start(self) -> None:
        self._claim_socket_dir()
        if not self.data.exists():
            self._create()
        elif not passfile().exists():
            raise DatabaseError(f"{passfile()} is missing: put it back, or move {self.home} away to start afresh")
        self._start_server()
        self._create_database()

    def stop(self) -> bool:
        stopped = self._pg_ctl("stop", "-m", "fast", "-w", "-t", "60") == 0
        shutil.rmtree(socket_dir(), ignore_errors=True)
        return stopped

    def _claim_socket_dir(self) -> None:
        """Make the folder of the socket ours alone, and refuse one that somebody else laid out in our name."""
        folder, uid = socket_dir(), self.account.entry.pw_uid
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
            self.account.own(folder)
        found = folder.lstat()
        if folder.is_symlink() or found.st_uid != uid or found.st_mode & 0o077:
            raise DatabaseError(f"{folder} belongs to somebody else or is open to others; remove it")

    def _create(self) -> None:
        """Make the cluster under another name first: a half-made one is never mistaken for a whole one."""
        self._end_predecessor()
        draft = self.home / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        password = secrets.token_urlsafe(32)
        with tempfile.NamedTemporaryFile("w", dir=self.home) as told:
            told.write(password)
            told.flush()
            self.account.own(Path(told.name))
            options = ["--username=postgres", f"--pwfile={told.name}", "--auth=scram-sha-256"]
            options += ["--locale=C.UTF-8", "--encoding=UTF8"]
            if self._logged(self.bin / "initdb", "-D", draft, *options):
                raise DatabaseError(f"the cluster could not be made; see {log_path()}")
        passfile().unlink(missing_ok=True)
        with open(os.open(passfile(), os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as file:
            file.write(f"*:*:*:*:{password}\n")
        draft.rename(self.data)

    @staticmethod
    def _end_predecessor() -> None:
        """End a server whose VAR_DIR was deleted under it: it still holds the socket."""
        for lock in socket_dir().glob(".s.PGSQL.*.lock"):
            with contextlib.suppress(ProcessLookupError, ValueError, IndexError):
                pid = int(lock.read_text().split()[0])
                if b"postgres" not in Path(f"/proc/{pid}/cmdline").read_bytes():
                    continue
                os.kill(pid, signal.SIGINT)
                _wait(partial(_is_gone, lock), START_PATIENCE)

    def _start_server(self) -> None:
        settings = SERVER_SETTINGS | {"unix_socket_directories": str(socket_dir())}
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        if not _wait(lambda: self._pg_ctl("start", "-w", "-t", "60", "-o", options) == 0, START_PATIENCE):
            raise DatabaseError(f"PostgreSQL did not start; see {log_path()}")

    def _pg_ctl(self, verb: str, *options: str) -> int:
        return self._logged(self.bin / "pg_ctl", verb, "-D", self.data, *options)

    def _logged(self, *command: str | Path) -> int:
        """The server keeps the output it is given: it must be our log, never the pipe of whoever called us."""
        with open(os.open(log_path(), os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600), "ab") as log:
            return self.account.run(*command, output=log.fileno())

    def _create_database(self) -> None:
        """The role that owns our database is no superuser; it may make databases, for the tests."""
        with psycopg.connect(url(), user="postgres", dbname="postgres", autocommit=True) as connection:
            role, password = sql.Identifier(NAME), passfile().read_text().strip().rpartition(":")[2]
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [NAME]).fetchone():
                create = sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}")
                connection.execute(create.format(role, sql.Literal(password)))
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))


def elsewhere() -> Path:
    """A folder the server's account can reach when VAR_DIR is closed to it. Nobody's rights are widened for it."""
    parent = Path("/var/lib/makegood")
    parent.mkdir(exist_ok=True)
    parent.chmod(0o711)  # whatever the umask: the server must be able to pass
    return parent / f"{socket_dir().name}-{secrets.token_hex(4)}"


def log_path() -> Path:
    return var_dir() / "postgres.log"


def _is_gone(path: Path) -> bool:
    return not path.exists()


def _wait(done: Callable[[], bool], seconds: float) -> bool:
    """Try until it is done or the time is up."""
    until = time.monotonic() + seconds
    while not done():
        if time.monotonic() > until:
            return False
        time.sleep(0.25)
    return True


def main(arguments: list[str]) -> int:
    verb = arguments[0] if arguments else "status"
    if not is_embedded():
        print("DATABASE_URL is set: there is no embedded database to work")
        return 2
    match verb:
        case "start":
            print("started" if ensure_started() else "already up")
        case "stop":
            print("stopped" if stop() else "was not up")
        case "status":
            print(f"up, data in {(var_dir() / 'postgres').resolve()}" if is_running() else "down")
            return 0 if is_running() else 1
        case "url":
            print(url())
        case "psql":
            ensure_started()
            os.execvp("psql", ["psql", url(), *arguments[1:]])  # noqa: S606, S607 (the user's own psql)
        case _:
            print("usage: python -m config.database start|stop|status|url|psql", file=sys.stderr)
            return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except DatabaseError as error:
        sys.exit(f"error: {error}")
