"""The WSGI application, as `manage.py serve` or any other server serves it."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup(set_prefix=False)

from portal.http_request import Handler  # noqa: E402 - Django is set up first, as its own get_wsgi_application does

application = Handler()
