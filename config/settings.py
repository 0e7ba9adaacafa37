"""The portal's settings, all from the environment; README.md lists the variables.

Development is the default: it needs no variable at all. `MAKEGOOD_ENV=production` refuses to start without its secrets.
"""

import json
import os
import secrets
import warnings
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _

from config import database
from config.sidebar import NAVIGATION

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = database.var_dir()
FILES_DIR = Path(os.environ.get("FILES_DIR") or VAR_DIR)  # evidence and uploads; shared when there are several machines

ENVIRONMENT = env.str("MAKEGOOD_ENV", default="development")
if ENVIRONMENT not in {"development", "production"}:
    raise ImproperlyConfigured(f"MAKEGOOD_ENV is {ENVIRONMENT!r}; it must be development or production")
PRODUCTION = ENVIRONMENT == "production"


def required(name: str) -> str:
    """A variable that production cannot do without."""
    value = os.environ.get(name, "").strip()
    if not value:
        raise ImproperlyConfigured(f"{name} must be set in the environment when MAKEGOOD_ENV=production")
    return value


def storage(name: str, default: dict) -> dict:
    """Where files are kept, as Django's STORAGES has it: the variable's JSON."""
    try:
        found = json.loads(os.environ.get(name) or json.dumps(default))
    except json.JSONDecodeError:
        found = None
    if (
        not isinstance(found, dict)
        or not isinstance(found.get("BACKEND"), str)
        or found.keys() - {"BACKEND", "OPTIONS"}
    ):
        example = '{"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": {"bucket_name": "evidence"}}'
        raise ImproperlyConfigured(f"{name} must be JSON such as {example}")
    return found


def development_key() -> str:
    """A secret key made once for this data folder, readable by its owner only."""
    VAR_DIR.mkdir(mode=0o711, parents=True, exist_ok=True)
    kept = VAR_DIR / "secret_key"
    if not kept.exists():
        draft = VAR_DIR / f".secret_key.{os.getpid()}.{secrets.token_hex(4)}"
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(50))
        try:
            os.link(draft, kept)  # fails if another process was first; then its key is the one
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return kept.read_text().strip()


# ---- safety ----------------------------------------------------------------------------------------------------------

if PRODUCTION:
    SECRET_KEY = required("SECRET_KEY")
    required("ALLOWED_HOSTS")
    ALLOWED_HOSTS = env.list("ALLOWED_HOSTS")
else:
    SECRET_KEY = os.environ.get("SECRET_KEY") or development_key()
    ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])

DEBUG = env.bool("DEBUG", default=False)
if DEBUG and PRODUCTION:
    raise ImproperlyConfigured("DEBUG shows secrets to visitors; unset it when MAKEGOOD_ENV=production")

PORTAL_URL = env.str(  # where people find the portal, for the links in e-mails
    "PORTAL_URL", default=f"https://{ALLOWED_HOSTS[0].lstrip('.')}" if PRODUCTION else "http://localhost:8000"
).rstrip("/")
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=PRODUCTION)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]  # asked by the balancer from inside, without TLS
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=365 * 24 * 3600 if PRODUCTION else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE_HSTS_SECONDS > 0
SECURE_REFERRER_POLICY = "same-origin"  # a customer's address carries their token
if env.bool("TRUST_FORWARDED_PROTO", default=False):  # only behind a proxy that sets or strips the header itself
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)  # of ours, each adding to X-Forwarded-For whom it saw
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PRODUCTION
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 12 * 3600  # a working day
X_FRAME_OPTIONS = "DENY"

CONTENT_SECURITY_POLICY = {  # config/site.py loosens two sources for the back office
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "media-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "CommonPasswordValidator", "NumericPasswordValidator")
] + [{"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}}]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

# ---- what it is made of ----------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",  # the basic one: the default would put its own site over ours
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.import_export",
    "config.apps.PortalAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "django_q",
    "import_export",
    "crispy_forms",
    "django_htmx",
    "pgtrigger",
    "pghistory",
    "csp",
    "incidents",
    "claims",
    "ledger",
    "jobs",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "jobs.middleware.Whereabouts",  # after authentication: history names the person
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CRISPY_ALLOWED_TEMPLATE_PACKS = CRISPY_TEMPLATE_PACK = "unfold_crispy"

# ---- the database, its cache and its queue ---------------------------------------------------------------------------

DATABASES = {"default": env.db_url_config(os.environ.get("DATABASE_URL") or database.url())}
DATABASES["default"] |= {
    # A socket folder arrives as an option; dbshell and the like look for it here.
    "HOST": DATABASES["default"].get("OPTIONS", {}).pop("host", "") or DATABASES["default"]["HOST"],
    "CONN_MAX_AGE": 60,  # nine times the queue's throughput; the pool option breaks it, because workers fork
    "CONN_HEALTH_CHECKS": True,
    # For the one statement that binds on the server (ledger/posting.py); Django's own cursors bind here and prepare nothing.
    "OPTIONS": {"prepare_threshold": 0} | DATABASES["default"].get("OPTIONS", {}),
}
CACHES = {
    "default": {  # not local memory: processes on every machine must see the same cache
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "django_cache",
    }
}
Q_CLUSTER = {  # run as many of these as you like: one worker each, so that a dead worker never blocks another
    "name": "makegood",
    "orm": "default",
    "workers": 1,
    "timeout": 120,
    "queue_limit": 2,
    "bulk": 1,
    "retry": 900,  # more than timeout * (1 + queue_limit + bulk): a task is never handed out while it still runs
    "max_attempts": 3,
    "ack_failures": False,  # True would switch the retries off
    "save_limit": 0,
    "poll": 0.5,
    "recycle": 200,
    "catch_up": False,
    "cache": "default",
    "label": "Queue",
}
SLA_WARN_BEFORE = timedelta(hours=env.int("SLA_WARN_BEFORE_HOURS", default=24))  # a claim is due
OFFER_REMINDER_BEFORE = timedelta(hours=env.int("OFFER_REMINDER_HOURS", default=48))  # it expires
WORKERS = env.int("WORKERS", default=2)  # that run, on all machines together: so many share a long job
SCHEDULES: dict[str, dict[str, str | int]] = {  # task name: django-q2 schedule fields; `sync_schedules` writes them
    "claims.tasks.sweep": {"schedule_type": "I", "minutes": 1},
    "claims.tasks.watch_clocks": {"schedule_type": "I", "minutes": 5},
    "claims.tasks.watch_offers": {"schedule_type": "I", "minutes": 1},
    "claims.tasks.verify_nightly": {"schedule_type": "D", "at": "02:30"},  # UTC
    "jobs.tasks.beat": {"schedule_type": "I", "minutes": 1},
    "ledger.tasks.seal": {"schedule_type": "I", "minutes": 1},
}

# What the page of the jobs asks of the rooms that have work done, by name: it knows nobody.
JOBS_ABOUT = "claims.screens.errands.about"  # what jobs are about, in words and with a link
JOBS_STUCK = "admin:claims_stuck"  # the page of what got stuck, of which it shows a part
TASKS = {  # task: what people call it
    "claims.tasks.approve_straight_through": _("Straight-through approval"),
    "claims.tasks.assess": _("Assessment"),
    "claims.tasks.inspect": _("Inspection of a screen recording"),
    "claims.tasks.preview": _("Preview of a policy"),
    "claims.tasks.send_letters": _("Letters"),
    "claims.tasks.sweep": _("Sweep: what got stuck is queued again"),
    "claims.tasks.take_contacts_in": _("Import of contacts"),
    "claims.tasks.verify": _("Verification of the books"),
    "claims.tasks.verify_nightly": _("Verification of the books, every night"),
    "claims.tasks.watch_clocks": _("Claims that are due soon or late"),
    "claims.tasks.watch_offers": _("Offers that expire"),
    "jobs.tasks.beat": _("Which workers are alive"),
    "ledger.tasks.seal": _("Sealing of the books"),
}


# ---- files -----------------------------------------------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = not PRODUCTION  # development serves from the sources: no collectstatic, so no STATIC_ROOT
if not PRODUCTION:
    warnings.filterwarnings("ignore", message=f"No directory at: {STATIC_ROOT}")

EVIDENCE_MAX_BYTES = env.int("EVIDENCE_MAX_BYTES", default=20 * 1024 * 1024)  # of one screenshot
EVIDENCE_MAX_VIDEO_BYTES = env.int("EVIDENCE_MAX_VIDEO_BYTES", default=200 * 1024 * 1024)  # of one screen recording
EVIDENCE_STORAGE = storage(  # where it is kept: never one with public addresses
    "EVIDENCE_STORAGE", {"BACKEND": "config.storage.PrivateStorage", "OPTIONS": {"folder": "evidence"}}
)
STORAGES = {
    "default": {"BACKEND": "config.storage.PrivateStorage", "OPTIONS": {"folder": "files"}},
    "evidence": EVIDENCE_STORAGE,
    "import_export": {"BACKEND": "config.storage.PrivateStorage", "OPTIONS": {"folder": "uploads"}},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

# ---- letters to customers --------------------------------------------------------------------------------------------

LETTERS_ENABLED = env.bool("LETTERS_ENABLED", default=True)  # off: none is written
if PRODUCTION and LETTERS_ENABLED:
    required("EMAIL_URL")
# Development keeps them in a folder: nothing leaves the machine.
vars().update(env.email_url("EMAIL_URL", default=f"filemail:///{quote(str(VAR_DIR / 'mail'))}"))
EMAIL_TIMEOUT = 10  # seconds: a mail server that hangs costs an attempt, not a worker
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Compensation desk <desk@localhost>")

# ---- words, times, money ---------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = ["config.formats"]  # ISO, in UTC, in every language
USE_TZ = True
TIME_ZONE = "UTC"

# ---- the back office -------------------------------------------------------------------------------------------------

# Without these two, any staff user may import and export everything.
IMPORT_EXPORT_IMPORT_PERMISSION_CODE = "import"
IMPORT_EXPORT_EXPORT_PERMISSION_CODE = "export"
IMPORT_EXPORT_TMP_STORAGE_CLASS = "import_export.tmp_storages.MediaStorage"  # the private "import_export" storage

# What the books ask of the rooms that post to them, by name: they know nobody.
LEDGER_ORIGIN = "admin:claims_entry_origin"  # the page behind an entry, by its id
INCIDENTS_HISTORY = "claims.history.of_rows"  # what was changed, for the incidents' own pages
LEDGER_FILTERS = ["claims.admin.books.IncidentFilter", "claims.admin.books.ByHandFilter"]  # of the journal
LEDGER_VERIFY = "admin:claims_verify_books"  # the button that has everything verified, and whether that is under way


UNFOLD = {
    "SITE_TITLE": "Makegood",
    "SITE_HEADER": "Makegood",
    "SITE_SUBHEADER": _("Compensation desk"),
    "SITE_ICON": lambda request: static("makegood/icon.svg"),
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("makegood/icon.svg")}],
    "SHOW_LANGUAGES": True,
    "SHOW_HISTORY": False,  # the admin's own log knows only the admin; the database's history knows everything
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "claims.dashboard.dashboard",
    "STYLES": [
        lambda request: static("makegood/office.css"),
        lambda request: static("makegood/charts.css"),
        lambda request: static("makegood/books.css"),
    ],
    "SCRIPTS": [lambda request: static("makegood/office.js"), lambda request: static("makegood/charts.js")],
    "COLORS": {
        "primary": {  # white text on 600 and 600 on white both pass WCAG AA
            "50": "#f0f7fb",
            "100": "#dcedf6",
            "200": "#bbdcec",
            "300": "#8cc3dd",
            "400": "#56a5c9",
            "500": "#3a9bc7",
            "600": "#0b6a99",
            "700": "#0a587f",
            "800": "#0c4a69",
            "900": "#0f3e57",
            "950": "#0a283a",
        },
        "font": {  # one step darker than unfold's: its grey on grey fails AA
            "subtle-light": "var(--color-base-600)",
            "default-light": "var(--color-base-700)",
        },
    },
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": NAVIGATION,
    },
}

# ---- logs: everything to standard error, standard output belongs to the commands -------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="WARNING")},
    "loggers": {
        "django": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="WARNING"), "propagate": False},
        "django-q": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="WARNING"), "propagate": False},
    },
}
