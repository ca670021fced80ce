"""`manage.py audit verify`, `audit export`, `audit head`."""

from argparse import ArgumentParser
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from portal import audit
from portal.audit import signing
from portal.models import AuditEntry


class Command(BaseCommand):
    help = "Verifies the history, exports it with a signed head, or publishes a head."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("verify", help="Read the whole chain; exit 1 and name the first bad entry where it is broken.")
        verbs.add_parser("head", help="Sign where the history ends now, and publish it.")
        verbs.add_parser("key", help="Print the public keys that exports and heads are verified with, newest first.")
        export = verbs.add_parser("export", help="Write entries and a signed head to a new file.")
        export.add_argument("--from", dest="first", default="", help="A number, or a day such as 2026-11-21.")
        export.add_argument("--to", dest="last", default="", help="A number, or a day; it is included.")
        export.add_argument("file", type=Path)

    def handle(self, *_args: Any, **options: Any) -> None:
        getattr(self, options["verb"])(options)

    def verify(self, _options: dict[str, Any]) -> None:
        verification = audit.verify()
        if not verification.whole:
            raise CommandError(str(verification), returncode=1)
        self.stdout.write(f"{verification}")
        self.stdout.write(f"Head: {verification.head or 'none, the history is empty'}")

    def head(self, _options: dict[str, Any]) -> None:
        head = audit.publish_head()
        self.stdout.write(f"Entry {head.number}: {head.hash}" if head else "No entry since the last head.")

    def key(self, _options: dict[str, Any]) -> None:
        for key in signing.public_keys():
            self.stdout.write(key)

    def export(self, options: dict[str, Any]) -> None:
        first, last = _number(options["first"], end=False), _number(options["last"], end=True)
        try:
            count = audit.write_export(options["file"], first, last)
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be written: {error.strerror}.") from None
        self.stdout.write(f"{count} entries in {options['file']}.")


def _number(text: str, *, end: bool) -> int | None:
    if not text:
        return None
    if text.isdigit():
        return int(text)
    try:
        day = timezone.make_aware(datetime.fromisoformat(text))
    except ValueError:
        raise CommandError(f"{text!r} is neither an entry's number nor a day such as 2026-11-21.") from None
    return _last_on(day) if end else _first_on(day)


def _first_on(day: datetime) -> int:
    after = AuditEntry.objects.filter(at__gte=day).order_by("number").first()
    return after.number if after else audit.current_head().number + 1


def _last_on(day: datetime) -> int:
    until = AuditEntry.objects.filter(at__lt=day + timedelta(days=1)).order_by("number").last()
    return until.number if until else 0
