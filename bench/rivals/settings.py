"""Django with nothing but the rival that RIVAL names, on the database of DATABASE_URL."""

from __future__ import annotations

import os

from psycopg.conninfo import conninfo_to_dict

_address = conninfo_to_dict(os.environ["DATABASE_URL"])
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _address.pop("dbname"),
        "USER": _address.pop("user"),
        "OPTIONS": _address,
    }
}
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", *os.environ["RIVAL"].split(",")]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SECRET_KEY = "no secret: these books are made up"  # noqa: S105
USE_TZ = True
DEFAULT_CURRENCY = HORDAK_INTERNAL_CURRENCY = "USD"  # hordak has no currency of four letters
HORDAK_MAX_DIGITS, HORDAK_DECIMAL_PLACES = 28, 8
DJANGO_LEDGER_USE_DEPRECATED_BEHAVIOR = False
