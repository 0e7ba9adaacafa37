"""What every command of the portal promises: ``--json`` prints one object, exit 1 means refused and nothing half-done."""

from __future__ import annotations

import getpass
import io
import json
import os
import socket
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pghistory
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandParser


class Refusal(Exception):
    """What a command does not do, with every reason at once. The rooms' own refusals are named in `Command.refusals`."""

    def __init__(self, *errors: str, result: dict | None = None):
        self.errors, self.result = list(errors), result or {}
        super().__init__("; ".join(errors))


class PortalCommand(BaseCommand, ABC):
    """A door for the console: arguments in, one call, a result as JSON or as a few plain lines.

    Subclasses define `arguments(parser)` and `act(**options) -> dict`. A result with `errors` or `rejected`, or that is not
    `ok`, exits with 1.
    """

    refusals: tuple[type[Exception], ...] = ()
    nothing: dict = {}  # the promised keys of a command that was refused as a whole

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print exactly one JSON object")
        self.arguments(parser)

    def arguments(self, parser: CommandParser) -> None:
        """The command's own arguments."""

    @property
    def called(self) -> str:
        """The command's name, for the history."""
        return type(self).__module__.rpartition(".")[2]

    @abstractmethod
    def act(self, **options) -> dict:
        """The one call, and what to print of it; nothing is printed of an empty result."""

    def handle(self, *args, **options) -> None:
        try:
            with pghistory.context(command=self.called, by=options.get("by"), machine=machine()):
                result = self.act(**options)
        except Refusal as refusal:
            result = self.nothing | refusal.result | {"errors": refusal.errors}
        except self.refusals as refusal:
            result = self.nothing | {"errors": getattr(refusal, "errors", None) or [str(refusal)]}
        if result:
            self.print(result, as_json=options["json"])
        if result.get("errors") or result.get("rejected") or result.get("ok") is False:
            sys.exit(1)

    def print(self, result: dict, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(result, default=str, ensure_ascii=False))
            return
        for key, value in result.items():
            if key not in ("errors", "problems"):
                self.stdout.write(f"{key.replace('_', ' ')}: {self.plain(value)}")
        for error in [*result.get("errors", ()), *result.get("problems", ())]:
            self.stderr.write(self.style.ERROR(str(error)))

    @staticmethod
    def plain(value) -> str:
        if isinstance(value, dict):
            return ", ".join(f"{key} {item}" for key, item in value.items()) or "none"
        if isinstance(value, list):
            return ", ".join(str(item) for item in value) or "none"
        return "none" if value is None else str(value)


@contextmanager
def written_to(output: str | None, stdout: Any) -> Iterator[BinaryIO]:
    """A binary file to write an export into: `output`, which appears whole or not at all, or the command's standard output."""
    if not output:
        with _standard(stdout) as file:
            yield file
        return
    path = Path(output)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            yield file
        draft.replace(path)
    except OSError as error:
        raise Refusal(f"{output}: {error.strerror}") from error
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _standard(stdout: Any) -> Iterator[BinaryIO]:
    """Standard output as bytes. Whoever reads it may stop early (`| head`): then we stop, too, without a word."""
    if not hasattr(stdout, "buffer"):  # a StringIO, where another program calls the command
        with io.BytesIO() as file:
            yield file
            stdout.write(file.getvalue().decode(), ending="")
        return
    try:
        yield stdout.buffer
        stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes once more at its end
        sys.exit(1)


def machine() -> str:
    """Who called the command and where, as the machine knows them: 'clerk@desk-3'."""
    try:
        caller = getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in a container
        caller = str(os.getuid())
    return f"{caller}@{socket.gethostname()}"


def text_of(file: str | Path) -> str:
    """The text of a file (UTF-8, a BOM is accepted), or a Refusal that says why there is none."""
    try:
        return Path(file).read_bytes().decode("utf-8-sig")  # its line ends as they are
    except OSError as error:
        raise Refusal(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Refusal(f"{file}: is not UTF-8 text ({error.reason} at byte {error.start})") from error


def staff_named(username: str):
    """The active staff user of `--by`, or a Refusal that says so."""
    user = get_user_model().objects.filter(username=username, is_active=True, is_staff=True).first()
    if user is None:
        raise Refusal(f"--by {username}: there is no active staff user of this name")
    return user
