"""Where files of people are kept: outside every public path, for the owner's eyes only."""

import os

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

    def url(self, name: str | None) -> str:
        raise ValueError("private files have no address; a view checks who asks and sends them")
