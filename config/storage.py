"""Where files of people are kept: outside every public path, for the owner's eyes only."""

import os
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.storage import FileSystemStorage


class PrivateStorage(FileSystemStorage):
    """A folder in FILES_DIR that no address leads to."""

    def __init__(self, folder: str) -> None:
        super().__init__(file_permissions_mode=0o600, directory_permissions_mode=0o700)
        self.folder = folder

    @property
    def base_location(self) -> str:  # type: ignore[override]
        """Asked each time, so that a test can move the folder under a field that is already made."""
        return os.path.join(settings.FILES_DIR, self.folder)

    @property
    def location(self) -> str:  # type: ignore[override]
        return os.path.abspath(self.base_location)

    def _save(self, name: str, content: Any) -> str:
        """A file stands under its name whole or not at all, and after a power cut as well."""
        draft = os.path.join(os.path.dirname(name), f".{secrets.token_hex(8)}.part")
        try:
            flush(self.path(super()._save(draft, content)))
            name = self._link(draft, name)
        finally:
            self.delete(draft)
        for folder in Path(name).parents:  # the new names of new folders too, up to our own
            flush(self.path(str(folder)))
        return name

    def _link(self, draft: str, name: str) -> str:
        """The name that the draft's file stands under now: never that of another file."""
        while True:
            try:
                os.link(self.path(draft), self.path(name))
            except FileExistsError:
                name = self.get_available_name(name)
            else:
                return name

    def url(self, name: str | None) -> str:
        raise ValueError("private files have no address; a view checks who asks and sends them")


def flush(path: str) -> None:
    """Onto the disk, not only to the system; a folder as well, or its new names may be lost."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
