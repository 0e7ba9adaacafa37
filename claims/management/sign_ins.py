"""The demo's staff and their passwords, kept beside the database's data so that a second run prints the same ones."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from pathlib import Path

from django.contrib.auth import get_user_model
from django.db import transaction

from claims import staff
from jobs.console import Refusal

ROLES = {"ana": "agent", "mia": "manager", "max": "manager", "aude": "auditor"}
OURS = "{}@demo.invalid"  # the e-mail address that says: this person is the demo's


def exist() -> bool:
    """Whether the demo has made a person here: it was begun in this database."""
    return get_user_model().objects.filter(email__in=[OURS.format(name) for name in ROLES]).exists()


@transaction.atomic
def passwords(kept: Path) -> dict[str, str]:
    """Everybody's password, which works: the one in the file while it is still theirs, else a new one.

    Somebody who had this name before the demo keeps their own password and has '' here; without the role: Refusal.
    """
    known = _read(kept)
    found = {name: _password(name, role, known.get(name, {})) for name, role in ROLES.items()}
    told = {name: {"password": word, "stored": _stored(name)} for name, word in found.items() if word}
    if told != known:
        _write(kept, told)
    return found


def _password(name: str, role: str, known: dict[str, str]) -> str:
    person = get_user_model().objects.filter(username=name).first()
    if person and person.email != OURS.format(name):
        if not person.groups.filter(name=role).exists():
            raise Refusal(f"there is a {name} already who is no {role}: load the demo into a database of its own")
        return ""
    if person and known.get("stored") == _stored(name):
        return known["password"]
    made = secrets.token_urlsafe(12)
    staff.employ(name, role, password=made)
    if person:  # known to the database, not to the file
        person.set_password(made)
        person.save(update_fields=["password"])
    get_user_model().objects.filter(username=name).update(email=OURS.format(name))
    return made


def _stored(name: str) -> str:
    """A fingerprint of the password as this database stores it: another database, another password, another fingerprint."""
    return hashlib.sha256(get_user_model().objects.get(username=name).password.encode()).hexdigest()


def _read(kept: Path) -> dict[str, dict[str, str]]:
    try:
        return json.loads(kept.read_text())
    except (FileNotFoundError, ValueError):
        return {}


def _write(kept: Path, told: dict) -> None:
    """Whole or not at all, and for its owner's eyes only."""
    kept.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
    draft = kept.with_name(f".{kept.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with open(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        json.dump(told, file, indent=1)
    draft.replace(kept)
