"""People of the desk: one command, one role, a password said once."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import global_settings
from django.contrib.auth.models import User

from claims import staff

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.django_db
def test_a_password_is_made_up_once_and_then_kept():
    made = staff.employ("ana", "agent")
    assert User.objects.get().check_password(made)
    assert staff.employ("ana", "manager", password="another one entirely") == ""
    ana = User.objects.get()
    assert ana.check_password(made)
    assert [group.name for group in ana.groups.all()] == ["manager"]
    assert (ana.is_staff, ana.is_superuser) == (True, False)


def create_staff(env, *arguments, stdin=""):
    command = [sys.executable, "manage.py", "create_staff", *arguments, "--json"]
    done = subprocess.run(command, cwd=ROOT, env=env, input=stdin, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else {}


def test_the_command_takes_a_password_or_makes_one(command_env, settings):
    settings.PASSWORD_HASHERS = global_settings.PASSWORD_HASHERS  # as the command has them; tests are in a hurry
    assert create_staff(command_env, "ana", "--role", "agent", stdin="correct horse battery\n") == (
        0,
        {"user": "ana", "role": "agent"},
    )
    assert User.objects.get(username="ana").check_password("correct horse battery")
    code, told = create_staff(command_env, "mia", "--role", "manager")
    assert (code, set(told)) == (0, {"user", "role", "password"})
    assert User.objects.get(username="mia").check_password(told["password"])
    assert create_staff(command_env, "mia", "--role", "auditor", stdin="ignored for who is known\n")[1] == {
        "user": "mia",
        "role": "auditor",
    }


def test_a_weak_password_is_refused_and_nobody_is_created(command_env):
    code, told = create_staff(command_env, "ana", "--role", "agent", stdin="12345\n")
    assert (code, "errors" in told) == (1, True)
    assert not User.objects.exists()


def test_an_unknown_role_is_a_wrong_usage(command_env):
    assert create_staff(command_env, "ana", "--role", "king")[0] == 2
