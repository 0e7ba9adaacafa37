"""The embedded PostgreSQL, each time a separate one in a folder of its own."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from config import database

ROOT = Path(database.__file__).resolve().parent.parent


@pytest.fixture
def var(tmp_path, monkeypatch):
    """A VAR_DIR as `mktemp -d` makes it: nobody else may enter."""
    folder = tmp_path / "var"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("VAR_DIR", str(folder))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    yield folder
    home = (folder / "postgres").resolve()
    database.stop()
    shutil.rmtree(home, ignore_errors=True)


def command(verb: str, **options) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "config.database", verb], cwd=ROOT, text=True, stdout=subprocess.PIPE, **options
    )


def postmaster(var: Path) -> int:
    return int((var / "postgres" / "data" / "postmaster.pid").read_text().split()[0])


def ask(question: str):
    with psycopg.connect(database.url()) as connection:
        cursor = connection.execute(question)
        return cursor.fetchone() if cursor.description else None


def test_it_starts_once_and_stops_and_starts_again(var):
    assert not database.is_running()
    assert database.ensure_started()
    assert not database.ensure_started()
    assert ask("SHOW fsync") == ("on",)
    assert ask("SHOW listen_addresses") == ("",)
    assert ask("SELECT current_user, rolsuper FROM pg_roles WHERE rolname = current_user") == ("makegood", False)
    assert database.stop()
    assert not database.is_running()
    assert not database.socket_dir().exists()
    assert database.ensure_started()


def test_what_was_committed_survives_a_killed_server(var):
    database.ensure_started()
    ask("CREATE TABLE note AS SELECT 42 AS number")
    os.kill(postmaster(var), signal.SIGKILL)
    assert database.ensure_started()
    assert ask("SELECT number FROM note") == (42,)


def test_two_commands_at_once_start_one_server(var):
    said = sorted(process.communicate()[0].strip() for process in [command("start"), command("start")])
    assert said == ["already up", "started"]
    assert database.is_running()


def test_a_half_made_cluster_is_made_again(var):
    database.ensure_started()
    database.stop()
    home = (var / "postgres").resolve()
    shutil.rmtree(home / "data")
    (home / "data.new").mkdir()
    assert database.ensure_started()


def test_a_deleted_folder_means_a_fresh_start_even_while_its_server_runs(var):
    database.ensure_started()
    ask("CREATE TABLE note AS SELECT 42 AS number")
    old = (var / "postgres").resolve()
    shutil.rmtree(var)
    assert database.ensure_started()
    assert ask("SELECT to_regclass('note')") == (None,)
    shutil.rmtree(old, ignore_errors=True)


def test_a_deep_folder_does_not_make_the_sockets_path_too_long(var, monkeypatch):
    deep = var.joinpath(*["a-long-name-of-a-folder"] * 8)
    monkeypatch.setenv("VAR_DIR", str(deep))
    assert database.ensure_started()
    home = (deep / "postgres").resolve()
    database.stop()
    shutil.rmtree(home)


def test_nobodys_rights_are_widened(var):
    before = [folder.stat().st_mode for folder in [var, *var.parents]]
    database.ensure_started()
    assert [folder.stat().st_mode for folder in [var, *var.parents]] == before
    assert (var / "postgres").resolve().stat().st_mode & 0o777 == 0o700
    assert database.socket_dir().stat().st_mode & 0o777 == 0o700
    assert database.passfile().stat().st_mode & 0o777 == 0o600


def test_without_the_password_nobody_gets_in(var):
    database.ensure_started()
    with pytest.raises(psycopg.OperationalError, match="no password"):
        psycopg.connect(f"postgresql://makegood@/makegood?host={database.socket_dir()}&passfile=/dev/null")


def test_a_socket_folder_that_others_can_enter_is_refused(var):
    database.socket_dir().mkdir(mode=0o755)
    try:
        with pytest.raises(database.DatabaseError, match="open to others"):
            database.ensure_started()
    finally:
        database.socket_dir().rmdir()


def test_the_server_keeps_no_pipe_of_the_command_that_started_it(var):
    started = time.monotonic()
    process = command("start", stderr=subprocess.STDOUT)
    assert "started" in process.communicate(timeout=30)[0]  # ends only when every holder of the pipe is gone
    assert time.monotonic() - started < 30
    assert database.is_running()


def test_a_given_database_is_used_and_nothing_is_started(var, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://someone@db.example/portal")
    assert not database.ensure_started()
    assert list(var.iterdir()) == []
