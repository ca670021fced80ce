"""`manage.py serve`: the portal's pages, API and webhooks over HTTP."""

from argparse import ArgumentParser
from functools import partial
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.core.wsgi import get_wsgi_application
from django.db import connections

from portal import exposure
from portal.serving import Serving, listen, serve, supervise


class Command(BaseCommand):
    help = "Serves the portal. Slow connections hold no thread; TLS is for a proxy in front of it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--bind", default="127.0.0.1:8000", help="host:port; [] around an IPv6 address.")
        parser.add_argument("--processes", type=int, default=2)
        parser.add_argument("--threads", type=int, default=8, help="Requests that a process works on at once.")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            serving = Serving.parse(options["bind"], options["processes"], options["threads"])
            exposure.check_bind(serving.host)
            listening = listen(serving)
        except (ImproperlyConfigured, OSError) as error:
            raise CommandError(f"The portal cannot listen at {options['bind']}: {error}") from None
        # A connection that two processes share would mix up their answers.
        connections.close_all()
        self.stdout.write(f"Serving at http://{options['bind']}")
        supervise(serving.processes, partial(serve, serving, listening, get_wsgi_application()))
