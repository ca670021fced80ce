"""The WSGI application that gunicorn serves."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
# Less than GitHub waits for an answer (10 s): it is told to come again, and the portal's thread is free.
os.environ.setdefault("SLIPWAY_DATABASE_WAIT_SECONDS", "6")
application = get_wsgi_application()
