"""Settings come from the environment, and production is loud about what it lacks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = {
    "MAKEGOOD_ENV": "production",
    "SECRET_KEY": "a-key-of-fifty-characters-that-nobody-has-seen-before-0123456789",
    "ALLOWED_HOSTS": "portal.example,www.portal.example",
    "DATABASE_URL": "postgres://portal:secret@db.example:5433/portal?sslmode=require",
    "EMAIL_URL": "smtp+tls://desk:secret@mail.example:587",
}
SHOW = """
import json, django.conf
s = django.conf.settings
print(json.dumps({name: getattr(s, name) for name in
    ("DEBUG", "ALLOWED_HOSTS", "PORTAL_URL", "STORAGES",
     "SESSION_COOKIE_SECURE", "SECURE_SSL_REDIRECT", "SECRET_KEY", "USE_TZ", "TIME_ZONE")}
    | {"database": {k: v for k, v in s.DATABASES["default"].items() if k in ("HOST", "PORT", "NAME", "USER", "OPTIONS")}
    }))
"""


def run(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    known = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    env = known | {"DJANGO_SETTINGS_MODULE": "config.settings"} | variables
    return subprocess.run([sys.executable, *command], cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def settings(**variables: str) -> dict:
    done = run("-c", SHOW, **variables)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("missing", ["SECRET_KEY", "ALLOWED_HOSTS", "EMAIL_URL"])
def test_production_names_what_is_missing(missing):
    done = run("-c", SHOW, **{name: value for name, value in PRODUCTION.items() if name != missing})
    assert done.returncode != 0
    assert f"{missing} must be set" in done.stderr


def test_production_refuses_debug_and_unknown_environments_are_refused():
    assert "DEBUG" in run("-c", SHOW, **PRODUCTION, DEBUG="1").stderr
    assert "prod" in run("-c", SHOW, MAKEGOOD_ENV="prod").stderr


def test_production_is_what_the_environment_says():
    found = settings(**PRODUCTION)
    assert found["ALLOWED_HOSTS"] == ["portal.example", "www.portal.example"]
    assert (found["DEBUG"], found["SESSION_COOKIE_SECURE"], found["SECURE_SSL_REDIRECT"]) == (False, True, True)
    assert found["database"] == {
        "HOST": "db.example",
        "PORT": 5433,
        "NAME": "portal",
        "USER": "portal",
        "OPTIONS": {"prepare_threshold": 0, "sslmode": "require"},
    }


def test_production_passes_djangos_deployment_check():
    done = run("manage.py", "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert done.returncode == 0, done.stdout + done.stderr


def test_links_in_e_mails_lead_to_the_first_host_or_to_what_is_said():
    assert settings(**PRODUCTION)["PORTAL_URL"] == "https://portal.example"
    assert settings(**PRODUCTION, PORTAL_URL="https://desk.example/")["PORTAL_URL"] == "https://desk.example"


def test_evidence_is_kept_where_the_environment_says():
    elsewhere = {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": {"bucket_name": "evidence"}}
    assert settings(**PRODUCTION, EVIDENCE_STORAGE=json.dumps(elsewhere))["STORAGES"]["evidence"] == elsewhere
    assert settings(**PRODUCTION)["STORAGES"]["evidence"]["BACKEND"] == "config.storage.PrivateStorage"


@pytest.mark.parametrize("broken", ["s3://evidence", '{"OPTIONS": {}}'])
def test_a_storage_that_is_none_is_refused_at_the_start(broken):
    done = run("-c", SHOW, **PRODUCTION, EVIDENCE_STORAGE=broken)
    assert done.returncode != 0
    assert (
        'EVIDENCE_STORAGE must be JSON such as {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": {'
        in done.stderr
    )


def test_a_secret_key_may_begin_with_a_dollar_sign():
    assert settings(**PRODUCTION | {"SECRET_KEY": "$" + "k" * 60})["SECRET_KEY"].startswith("$k")


def test_development_needs_nothing_and_keeps_its_key_to_itself(tmp_path):
    first, second = settings(VAR_DIR=str(tmp_path)), settings(VAR_DIR=str(tmp_path))
    assert first["SECRET_KEY"] == second["SECRET_KEY"] == (tmp_path / "secret_key").read_text()
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600
    assert (first["DEBUG"], first["USE_TZ"], first["TIME_ZONE"]) == (False, True, "UTC")
    assert not (tmp_path / "postgres").exists()  # settings alone start nothing


def test_the_back_office_alone_may_evaluate_scripts(client, db):
    staff = client.get("/staff/login/").headers["Content-Security-Policy"]
    public = client.get("/no-such-page").headers["Content-Security-Policy"]
    assert "'unsafe-eval'" in staff
    assert "unsafe" not in public
    assert "default-src 'none'" in public


def test_private_files_have_no_address(files_dir):
    from django.core.files.base import ContentFile
    from django.core.files.storage import storages

    name = storages["evidence"].save("proof.png", ContentFile(b"proof"))
    assert (files_dir / "evidence" / name).stat().st_mode & 0o777 == 0o600
    with pytest.raises(ValueError, match="no address"):
        storages["evidence"].url(name)
