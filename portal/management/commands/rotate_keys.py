"""`manage.py rotate_keys`: after a new key was put first into SLIPWAY_ENCRYPTION_KEYS, and before an old one goes."""

from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from portal import audit
from portal.actors import Actor
from portal.models import Blob
from portal.rotation import rotate_all, unreadable

SHOWN = 50


class Command(BaseCommand):
    help = (
        "Encrypts every stored secret anew, with the first key of SLIPWAY_ENCRYPTION_KEYS, and then opens each with "
        "that key alone. Exit status: 0 where all open, 1 where one does not."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        with transaction.atomic():
            audit.record("secrets.rotated", Blob(digest="every stored secret"), actor=Actor.shell())
        for what, count in rotate_all():
            self.stdout.write(f"{what}: {count}")
        faults = list(islice(unreadable(), SHOWN + 1))
        for fault in faults[:SHOWN]:
            self.stderr.write(fault)
        if faults:
            told = f"More than {SHOWN}" if len(faults) > SHOWN else str(len(faults))
            raise CommandError(
                f"{told} stored secrets do not open with the newest key alone, see above. Keep every key. Where one is "
                "missing, put it back after the newest and run this again."
            )
        self.stdout.write("Every stored secret opens with the newest key alone.")
        self.stdout.write("Done. Older keys can be taken out of SLIPWAY_ENCRYPTION_KEYS.")
