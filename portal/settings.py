"""Slipway's settings, all from SLIPWAY_* variables; docs/how-to/operate.md lists them."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from portal import env, exposure, logs
from portal.private import private_file, private_folder

BASE_DIR = Path(__file__).resolve().parent.parent
VAR = private_folder(Path(env.text("SLIPWAY_VAR", str(BASE_DIR / "var"))))

DEBUG = env.flag("SLIPWAY_DEBUG", default=False)
DEVELOPMENT_KEY = "development-only-key-never-use-it-where-others-can-reach-the-portal"
SECRET_KEY = env.text("SLIPWAY_SECRET_KEY", DEVELOPMENT_KEY)
# Newest first: the first encrypts, all decrypt. Each is a Fernet key (32 bytes, url-safe base64).
ENCRYPTION_KEYS = env.words("SLIPWAY_ENCRYPTION_KEYS")
# Newest first: the first signs, all verify. Each is an Ed25519 key (32 bytes, base64).
AUDIT_SIGNING_KEYS = env.words("SLIPWAY_AUDIT_SIGNING_KEY")
AUDIT_HEADS = Path(env.text("SLIPWAY_AUDIT_HEADS", str(VAR / "audit-heads")))
URL = env.text("SLIPWAY_URL", "http://127.0.0.1:8000").rstrip("/")
SECURE = URL.startswith("https://")
BEHIND_PROXY = env.flag("SLIPWAY_BEHIND_PROXY", default=False)
ALLOWED_HOSTS = env.words("SLIPWAY_ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]")
CSRF_TRUSTED_ORIGINS = [URL] if SECURE else []
# Networks that outgoing calls may reach beside public addresses, and registries spoken to without TLS.
OUTBOUND_NETWORKS = env.words("SLIPWAY_OUTBOUND_NETWORKS")
# What the clusters' etcd takes as one request: its --max-request-bytes, 1.5 MiB where nobody has set another.
OBJECT_BYTES = env.number("SLIPWAY_OBJECT_BYTES", 1536 * 1024)
PLAIN_HTTP_REGISTRIES = frozenset(env.words("SLIPWAY_PLAIN_HTTP_REGISTRIES"))
# By what charts and kustomizations are rendered, as a command; empty: what is on the PATH.
HELM = env.text("SLIPWAY_HELM", "")
KUSTOMIZE = env.text("SLIPWAY_KUSTOMIZE", "")
# For the repository of manage.py deploy --git alone.
SOURCE_TOKEN = env.text("SLIPWAY_SOURCE_TOKEN", "")

# What makes this portal safe on one machine only, in words; "" for nothing.
UNSAFE = "SLIPWAY_SECRET_KEY is not set" if SECRET_KEY == DEVELOPMENT_KEY else "SLIPWAY_DEBUG is on" if DEBUG else ""
exposure.check_settings(
    unsafe=UNSAFE, hosts=[urlsplit(URL).hostname or "", *ALLOWED_HOSTS], behind_proxy=BEHIND_PROXY or SECURE
)
if SECURE and not ENCRYPTION_KEYS:
    raise ImproperlyConfigured("SLIPWAY_ENCRYPTION_KEYS is not set though SLIPWAY_URL is https. Set one Fernet key.")

LOG_FORMAT = env.choice("SLIPWAY_LOG_FORMAT", "console", {"console", "json"})
LOGGING = logs.configure(LOG_FORMAT, env.choice("SLIPWAY_LOG_LEVEL", "INFO", {"DEBUG", "INFO", "WARNING", "ERROR"}))
# A folder that all processes share where there are several; prometheus-client reads the variable when it is imported.
if METRICS_DIR := env.text("SLIPWAY_METRICS_DIR", ""):
    private_folder(Path(METRICS_DIR))
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = METRICS_DIR
METRICS_TOKEN = env.text("SLIPWAY_METRICS_TOKEN", "")

INSTALLED_APPS = [
    "django_q",
    "portal",
    "environments",
    "releases",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "csp",
]
MIDDLEWARE = [
    "portal.middleware.RequestLog",
    "portal.middleware.Doors",
    "portal.exposure.LocalOnly",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "portal.middleware.Readable",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "releases.pages.context.waiting",
            ],
        },
    }
]

DATABASES = {"default": env.database("SLIPWAY_DATABASE_URL", VAR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ON_POSTGRES = DATABASES["default"]["ENGINE"] == "django.db.backends.postgresql"
if not ON_POSTGRES:
    private_file(Path(str(DATABASES["default"]["NAME"])))

# facts: retry counts from the prefetch, so queue_limit x step / workers + timeout has to stay below it.
Q_CLUSTER = {
    "name": "rollouts",
    "orm": "default",
    "broker_class": "portal.orchestration.queue.broker.Broker",
    "workers": env.number("SLIPWAY_WORKERS", 4 if ON_POSTGRES else 2),
    "poll": 0.1,
    "bulk": 4,
    "queue_limit": 8,
    "timeout": 30,
    "retry": 180,
    "max_attempts": 1,
    "ack_failures": True,
    "save_limit": -1,
    "catch_up": False,
    "scheduler": False,
    # Seldom: each new worker leaves a file in the folder of metrics.
    "recycle": 100_000,
    "max_rss": 500_000,
    "label": "Queue",
}

# Processes for work of minutes to hours, apart from the queue's; 0: this orchestrator does none.
JOB_WORKERS = env.number("SLIPWAY_JOB_WORKERS", 2)
# How long a worker may keep a rollout or a job without a word; another takes it up after that.
LEASE_SECONDS = env.number("SLIPWAY_LEASE_SECONDS", 30)

AUTHENTICATION_BACKENDS = ["portal.people.backend.PersonBackend"]
PASSWORD_RESET_TIMEOUT = 24 * 3600
LOGIN_URL = "/sign-in"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = VAR / "static"
STATIC_ROOT.mkdir(exist_ok=True)
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = DEBUG
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024 * 1024
