"""Who works at the desk: a staff user in one of the three roles."""

from __future__ import annotations

import secrets

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import transaction

ROLES = ("agent", "manager", "auditor")


def known(name: str) -> bool:
    return get_user_model().objects.filter(username=name).exists()


@transaction.atomic
def employ(name: str, role: str, *, password: str = "") -> str:
    """The staff user `name` in exactly this role. Returns the password if it was made up here, else ''.

    Somebody who is known keeps their password, whatever is given.
    """
    person, created = get_user_model().objects.get_or_create(username=name, defaults={"is_staff": True})
    made = secrets.token_urlsafe(15) if created and not password else ""
    if created:
        person.set_password(made or password)
    person.is_staff = person.is_active = True
    person.save()
    person.groups.set([Group.objects.get(name=role)])
    return made
