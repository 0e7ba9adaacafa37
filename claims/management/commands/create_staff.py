"""`create_staff NAME --role agent`: a staff user; the password comes from standard input, or is made up and printed once."""

from __future__ import annotations

import sys

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from claims import staff
from jobs.console import PortalCommand, Refusal


class Command(PortalCommand):
    help = "Create a staff user in one role, or set the role of one who is known; their password stays."

    def arguments(self, parser):
        parser.add_argument("name")
        parser.add_argument("--role", required=True, choices=staff.ROLES)

    def act(self, *, name, role, **_options):
        given = "" if staff.known(name) or sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
        if given:
            try:
                validate_password(given)
            except ValidationError as weak:
                raise Refusal(*weak.messages) from weak
        made = staff.employ(name, role, password=given)
        return {"user": name, "role": role} | ({"password": made} if made else {})
