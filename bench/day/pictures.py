"""What customers send: honest screenshots, some by several customers, and files from folders; laid out to be uploaded."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

from bench.day.facts import END, START
from claims.demo.screenshots import SUBJECTS, draw
from claims.models import Claim

SAME = 0.05  # share: a picture that another customer sent, too
NOT_SENT = {"SOURCE.md"}


def lay_out(folder: Path, number: int, *, images: list[Path]) -> int:
    """So many files named `<claim>__<mark>__<name>`, the given ones among them. Returns how many."""
    folder.mkdir()
    chance = random.Random(800)  # noqa: S311
    claims = list(Claim.objects.order_by("pk").values_list("pk", flat=True))
    given = [path for place in images for path in sorted(place.iterdir()) if path.name not in NOT_SENT]
    files = [(path.name, path.read_bytes()) for path in given]
    while len(files) < max(number, len(given)):
        files.append(chance.choice(files) if files and chance.random() < SAME else _drawn(len(files), chance))
    for mark, (name, content) in enumerate(files):
        (folder / f"{chance.choice(claims)}__{mark}__{name}").write_bytes(content)
    return len(files)


def _drawn(mark: int, chance: random.Random) -> tuple[str, bytes]:
    taken_at = START + (END - START + timedelta(hours=1)) * chance.random()
    return draw(chance.choice(sorted(SUBJECTS)), taken_at=taken_at, mark=f"#{mark}")
