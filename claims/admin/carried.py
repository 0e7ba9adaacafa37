"""A small file that its page carries, signed, from the preview to the one click that takes it in: nothing is kept meanwhile."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.core import signing

LARGEST = 1 << 20  # bytes of a file that a page carries
SECONDS = 3600  # that a preview may be confirmed

BadSignature = signing.BadSignature  # of what was changed, or is too old


def seal(name: str, content: bytes, figures: Any, *, salt: str) -> str:
    """The file and what the person sees of it, as text for a hidden field."""
    said = {"name": name, "file": b64encode(content).decode(), "figures": figures}
    return signing.dumps(said, salt=salt, compress=True)


def unseal(text: str, *, salt: str) -> tuple[str, bytes, Any]:
    """Name, content and figures of what `seal` made. Raises BadSignature."""
    said = signing.loads(text, salt=salt, max_age=SECONDS)
    return said["name"], b64decode(said["file"]), said["figures"]


@contextmanager
def as_file(name: str, content: bytes) -> Iterator[Path]:
    """The upload as a file of its name, for as long as it is read."""
    with TemporaryDirectory(prefix="makegood-") as folder:
        file = Path(folder) / (Path(name).name or "file.csv")
        file.write_bytes(content)
        yield file
