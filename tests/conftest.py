"""What every test stands on: a database, private files, a real worker, a browser; and which tests may be skipped."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import TransactionTestCase
from django.utils import translation

from config import database
from tests import flush, skips

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--strict-skips", metavar="FILE", help="fail on every skipped test that FILE does not name")


def pytest_configure(config: pytest.Config) -> None:
    if listed := config.getoption("--strict-skips"):
        config.pluginmanager.register(skips.StrictSkips(Path(listed)), "strict-skips")


def pytest_sessionstart(session: pytest.Session) -> None:
    database.ensure_started()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    absent = {}
    if not SHARED.is_dir():
        absent["shared"] = "the real data is not here: no folder ../shared beside the project"
    if not browser_path():
        absent["browser"] = f"no browser in PATH ({', '.join(BROWSERS)})"
    if not shutil.which("hledger"):
        absent["hledger"] = "no hledger in PATH (Debian: apt install hledger)"
    for item in items:
        for marker, reason in absent.items():
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


def browser_path() -> str | None:
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Keep what the migrations loaded, and put it back after each transactional test (tests/flush.py)."""
    with django_db_blocker.unblock():
        flush.remember()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda case: flush.restore())
        yield


@pytest.fixture(autouse=True)
def files_dir(tmp_path: Path, settings: Any) -> Path:
    """Evidence and uploads of a test go to its own folder."""
    settings.FILES_DIR = tmp_path / "files"
    return settings.FILES_DIR


@pytest.fixture(autouse=True)
def quick_passwords(settings: Any) -> None:
    """Half a million rounds a password keep thieves out, and tests waiting."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    """A page read in Chinese leaves its language to nobody."""
    with translation.override("en"):
        yield


@pytest.fixture
def shared() -> Path:
    """The real data beside the project; only for tests marked `shared`."""
    return SHARED


@pytest.fixture
def command_env(transactional_db: None, files_dir: Path) -> dict[str, str]:
    """The environment in which a separate process works on this test's database and files."""
    from django.db import connection

    url = urlsplit(os.environ.get("DATABASE_URL") or database.url())
    url = url._replace(path=f"/{connection.settings_dict['NAME']}")
    return os.environ | {"DATABASE_URL": url.geturl(), "FILES_DIR": str(files_dir)}


@pytest.fixture
def worker(command_env: dict[str, str], tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Start real queue workers on the test's database: `process = worker()`. Whatever still runs is killed at the end.

    Each is the leader of its process group: `os.killpg(process.pid, signal.SIGKILL)` is a power cut.
    """
    started: list[subprocess.Popen[bytes]] = []
    log = tmp_path / "worker.log"

    def start() -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            command = [sys.executable, "manage.py", "qcluster"]
            process = subprocess.Popen(
                command, cwd=ROOT, env=command_env, stdout=output, stderr=output, start_new_session=True
            )
        started.append(process)
        return process

    yield start
    for process in started:
        kill_group(process)
    print(log.read_text() if log.exists() else "")  # pytest shows it when the test failed


def kill_group(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One Chromium for all tests of this process."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, pytest.MonkeyPatch.context() as patch:
        # playwright runs an event loop in this thread, which Django takes for asynchronous code
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        options = ["--no-sandbox", "--disable-background-networking", "--disable-dev-shm-usage"]
        chromium = playwright.chromium.launch(executable_path=browser_path(), args=options)
        yield chromium
        chromium.close()


def is_complaint(said: Any) -> bool:
    return said.type == "error" and not said.location["url"].endswith("/favicon.ico")


@pytest.fixture
def page(browser: Any, live_server: Any) -> Iterator[Any]:
    """A fresh browser window on the live server; the test fails if the page complained of scripts or of the policy."""
    context = browser.new_context(base_url=live_server.url, viewport={"width": 1400, "height": 1000})
    window, complaints = context.new_page(), []
    window.on("pageerror", lambda error: complaints.append(str(error)))
    window.on("console", lambda said: complaints.append(said.text) if is_complaint(said) else None)
    yield window
    context.close()
    assert complaints == []
