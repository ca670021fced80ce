"""`manage.py rotate_keys`: after a new key was put first into SLIPWAY_ENCRYPTION_KEYS, and before an old one goes."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.encryption import SecretUnreadable
from portal.rotation import rotate_all


class Command(BaseCommand):
    help = "Encrypts every stored secret anew, with the first key of SLIPWAY_ENCRYPTION_KEYS."

    def handle(self, *_args: Any, **_options: Any) -> None:
        try:
            for what, count in rotate_all():
                self.stdout.write(f"{what}: {count}")
        except SecretUnreadable as error:
            raise CommandError(f"{error} Put the key back, after the newest, and run this again.") from None
        self.stdout.write("Done. Older keys can be taken out of SLIPWAY_ENCRYPTION_KEYS.")
