"""`manage.py audit verify`, `audit export`, `audit head`, `audit guard`, `audit key`."""

from argparse import ArgumentParser
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from portal import audit
from portal.actors import Actor
from portal.audit import signing, vouching
from portal.models import AuditEntry

NAMED = 50


class Command(BaseCommand):
    help = "Verifies the history, exports it with a signed head, or publishes a head."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verify = verbs.add_parser("verify", help="Read the whole chain; exit 1 and name the first bad entry.")
        head = verbs.add_parser("head", help="Sign where the history ends now, and publish it.")
        head.add_argument(
            "--anew",
            metavar="REASON",
            default="",
            help="Write the folder of heads anew from the database's, and say why.",
        )
        verbs.add_parser("guard", help="Put back what the database refuses changes of the history with.")
        verbs.add_parser("key", help="Print the public keys that exports and heads are verified with, newest first.")
        export = verbs.add_parser("export", help="Write entries and a signed head to a new file.")
        export.add_argument("--from", dest="first", default="", help="A number, or a day such as 2026-11-21.")
        export.add_argument("--to", dest="last", default="", help="A number, or a day; it is included.")
        export.add_argument("file", type=Path)
        for reading in (verify, export):
            reading.add_argument(
                "--without-heads",
                metavar="REASON",
                default="",
                help="Why there are no published heads to hold it against.",
            )

    def handle(self, *_args: Any, **options: Any) -> None:
        getattr(self, options["verb"])(options)

    def verify(self, options: dict[str, Any]) -> None:
        verification = audit.verify(without_heads=options["without_heads"])
        if not verification.whole:
            raise CommandError(str(verification), returncode=1)
        self._vouch()
        self.stdout.write(f"{verification}")
        self.stdout.write(f"Head: {verification.head or 'none, the history is empty'}")

    def _vouch(self) -> None:
        """CommandError where rows are not as the history says: the first of them by name, and how many there are."""
        doubted = (str(doubt) for doubt in vouching.doubted())
        named, more = list(islice(doubted, NAMED)), sum(1 for _ in doubted)
        if named:
            lines = [*named, *([f"and {more} more"] if more else [])]
            raise CommandError("The database is not as the history says.\n" + "\n".join(lines), returncode=1)

    def head(self, options: dict[str, Any]) -> None:
        try:
            head = audit.begin_anew(options["anew"], actor=Actor.shell()) if options["anew"] else None
            while newer := audit.publish_head(actor=Actor.shell()):
                head = newer
        except audit.HistoryBroken as error:
            raise CommandError(f"The history is broken: nothing is signed. {error}") from None
        except OSError as error:
            raise CommandError(f"The head cannot be written: {error}.") from None
        self.stdout.write(f"Entry {head.number}: {head.hash}" if head else "No entry since the last head.")

    def guard(self, _options: dict[str, Any]) -> None:
        gone = audit.put_triggers_back(actor=Actor.shell())
        self.stdout.write(f"Put back: {', '.join(gone)}." if gone else "All triggers are there.")

    def key(self, _options: dict[str, Any]) -> None:
        for key in signing.public_keys():
            self.stdout.write(key)

    def export(self, options: dict[str, Any]) -> None:
        first, last = _number(options["first"], end=False), _number(options["last"], end=True)
        try:
            export = audit.write_export(options["file"], first, last, without_heads=options["without_heads"])
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be written: {error.strerror}.") from None
        except audit.HistoryBroken as error:
            raise CommandError(
                f"Nothing is signed: {options['file']} ends with what is wrong. {error}", returncode=1
            ) from None
        self.stdout.write(f"{export.count} entries in {options['file']}{audit.how_far(export.reading)}")


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
