"""What somebody did to the history, its heads or its triggers is named by verifying, by export and by the program."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings as configured
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from portal import audit
from portal.actors import SYSTEM
from portal.audit import chain, folder, guard, rows, signing
from portal.blobs import canonical
from portal.models import AuditEntry, PublishedHead
from tests.audit import unguarded

pytestmark = pytest.mark.django_db(transaction=True)
PROGRAM = Path(__file__).parents[2] / "scripts" / "verify_audit.py"
POSTGRESQL = connection.vendor == "postgresql"


def write(count: int) -> None:
    for _ in range(count):
        with transaction.atomic():
            group = Group.objects.create(name=f"group {Group.objects.count()}")
            audit.record("rollout.approved", group, {"comment": "Read."}, actor=SYSTEM)


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """Entries 1 to 10 and heads of 3, 4, 7 and 9; the auditor's copy of the heads."""
    write(3)
    audit.publish_head()
    audit.publish_head()
    write(3)
    audit.publish_head()
    write(2)
    audit.publish_head()
    write(1)
    shutil.copytree(folder.path(), tmp_path / "copy")
    return tmp_path / "copy"


def rewrite(first: int, **changes: object) -> None:
    """Changes an entry and hashes it and all after it anew: what who owns the database and knows the code can do."""
    with unguarded():
        previous = AuditEntry.objects.filter(number=first - 1).values_list("hash", flat=True).first() or ""
        AuditEntry.objects.filter(number=first).update(**changes)
        for entry in AuditEntry.objects.filter(number__gte=first).order_by("number"):
            entry.previous_hash = previous
            entry.hash = previous = chain.hash_of(rows.as_dict(entry))
            entry.save()


def drop(model: type, **which: object) -> None:
    with unguarded():
        model.objects.filter(**which)._raw_delete("default")


def lines() -> list[str]:
    return file().read_text().splitlines()


def file() -> Path:
    return next(folder.path().glob("*.jsonl"))


def last() -> Path:
    return folder.path() / "last"


def keep(found: list[str]) -> None:
    file().write_text("".join(f"{line}\n" for line in found))


def sign_anew(found: list[str]) -> list[str]:
    """The same heads, signed with a key that is not the installation's."""
    secret, configured.SECRET_KEY = configured.SECRET_KEY, "another"
    try:
        key_and_signatures = [
            (json.loads(line)["head"], signing.sign(canonical(json.loads(line)["head"]))) for line in found
        ]
    finally:
        configured.SECRET_KEY = secret
    return [json.dumps({"head": head, "key": key, "signature": made}) for head, (key, made) in key_and_signatures]


def replace_in_folder() -> None:
    keep(sign_anew(lines()))
    last().write_text(lines()[-1])


def replace_everywhere() -> None:
    replace_in_folder()
    with unguarded():
        for row, line in zip(PublishedHead.objects.all(), lines(), strict=True):
            PublishedHead.objects.filter(pk=row.pk).update(line=line)


def roll_back_folder() -> None:
    keep(lines()[:-1])
    last().write_text(lines()[-1])


def drop_all_heads() -> None:
    shutil.rmtree(folder.path())
    drop(PublishedHead)


def drop_triggers(table: str) -> None:
    with connection.cursor() as cursor:
        guard.remove(connection, cursor.execute, table)


def weaken_a_trigger() -> None:
    """It is still there by its name, and refuses nothing."""
    with connection.cursor() as cursor:
        if POSTGRESQL:
            cursor.execute("ALTER TABLE portal_auditentry DISABLE TRIGGER audit_no_change")
        else:
            cursor.execute("DROP TRIGGER audit_no_update")
            cursor.execute(
                "CREATE TRIGGER audit_no_update BEFORE UPDATE ON portal_auditentry WHEN 0 BEGIN SELECT 1; END"
            )


REWRITTEN, CUT = "Entry 7 or one before it was written anew", "The newest entries were removed, from 9 on"
GONE, UNSIGNED = "was removed", "is not signed"
# What was done: (how, words of verifying and of the export, words of the program beside the portal's own heads).
TAMPERED: dict[str, tuple[Callable[[], object], str, str]] = {
    "an entry changed": (
        lambda: rewrite_one(6),
        "Entry 6 was changed",
        "Entry 6 was changed",
    ),
    "written anew from an approval on": (lambda: rewrite(6, actor="nobody"), REWRITTEN, REWRITTEN),
    "cut at the tail": (lambda: drop(AuditEntry, number__gte=9), CUT, CUT),
    "emptied": (lambda: drop(AuditEntry), "The newest entries were removed, from 1 on", "removed, from 1 on"),
    "its first entry deleted": (lambda: drop(AuditEntry, number=1), "Entry 1 was removed", "Entry 1 was removed"),
    "its first entry deleted and all written anew": (
        lambda: (drop(AuditEntry, number=1), rewrite(2)),
        "Entry 1 was removed",
        "Entry 1 was removed",
    ),
    "the folder of heads removed": (
        lambda: shutil.rmtree(folder.path()),
        "The published heads in",
        "There is no head in",
    ),
    "its files removed": (lambda: file().unlink(), "The published heads in", "There is no head in"),
    "the newest head removed": (lambda: keep(lines()[:-1]), "newest published heads were removed", "one or the other"),
    "the newest head removed, and last fits": (roll_back_folder, "newest published heads were removed", "from"),
    "one head removed": (lambda: keep(lines()[:1] + lines()[2:]), GONE, GONE),
    "the oldest head removed": (lambda: keep(lines()[1:]), GONE, "A head before the one of"),
    "a head edited": (
        lambda: keep([lines()[0].replace('"number": 3', '"number": 2'), *lines()[1:]]),
        UNSIGNED,
        UNSIGNED,
    ),
    "heads of another key in the folder": (replace_in_folder, UNSIGNED, UNSIGNED),
    "heads of another key everywhere": (replace_everywhere, UNSIGNED, UNSIGNED),
    "last removed": (lambda: last().unlink(), "last was removed", "last was removed"),
    "last edited": (lambda: last().write_text(lines()[1]), "last was changed", "one or the other"),
    "heads removed from the database": (lambda: drop(PublishedHead), "removed from the database", "from the database"),
    "the newest head removed from the database": (
        lambda: drop(PublishedHead, number=9),
        "removed from the database",
        "removed from the database",
    ),
    "one head removed from the database": (
        lambda: drop(PublishedHead, number=7),
        "Published head 3 was removed from the database",
        "Published head 3 was removed from the database",
    ),
    "all heads removed from both": (drop_all_heads, "none is left", "There is no head in"),
    "the triggers dropped": (lambda: drop_triggers("portal_auditentry"), "audit_no_", "audit_no_"),
    "the triggers of heads dropped": (lambda: drop_triggers("portal_publishedhead"), "heads_no_", "heads_no_"),
    "a trigger weakened": (weaken_a_trigger, "audit_no_", "audit_no_"),
}
# The program finds these in the folder by itself, with an export of before.
IN_FOLDER = {
    "the folder of heads removed",
    "its files removed",
    "the newest head removed",
    "one head removed",
    "a head edited",
    "heads of another key in the folder",
    "last removed",
    "last edited",
}
# Publishing reads from the last head on: what is older it leaves to verifying.
OLDER = {
    "an entry changed",
    "its first entry deleted",
    "one head removed",
    "the oldest head removed",
    "a head edited",
    "one head removed from the database",
}
# A crash leaves the same behind: it is taken up again, and told.
TAKEN_UP = {"the newest head removed from the database"}


def rewrite_one(number: int) -> None:
    with unguarded():
        AuditEntry.objects.filter(number=number).update(actor="nobody")


@pytest.fixture(autouse=True)
def _triggers() -> Iterator[None]:
    yield
    audit.put_triggers_back(actor=SYSTEM)


def program(export: Path, heads: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Runs it in a Python that has neither Django nor the portal to import."""
    command = [sys.executable, "-I", str(PROGRAM), str(export), "--key", signing.public_keys()[0]]
    beside = ["--heads", str(heads)] if heads else []
    return subprocess.run([*command, *beside], capture_output=True, text=True, cwd="/", timeout=60, check=False)


def test_a_whole_history_is_verified_exported_and_verified_by_the_program(history: Path, tmp_path: Path) -> None:
    assert audit.verify().whole, audit.verify().why
    export = audit.write_export(tmp_path / "export")
    assert (export.count, export.reading.heads) == (10, 4)
    for heads in (None, history, folder.path()):
        done = program(tmp_path / "export", heads)
        assert done.returncode == 0, done.stderr
    assert "10 entries, numbers 1 to 10" in done.stdout
    assert "4 heads of" in done.stdout
    assert "No head covers entries 10 to 10 yet." in done.stdout


@pytest.mark.parametrize("way", TAMPERED)
def test_it_is_named(history: Path, tmp_path: Path, way: str) -> None:
    how, words, program_words = TAMPERED[way]
    audit.write_export(tmp_path / "before")
    how()
    verification = audit.verify()
    assert not verification.whole
    assert words in verification.why
    with pytest.raises(CommandError, match="Nothing is signed") as failed:
        call_command("audit", "export", str(tmp_path / "export"))
    assert words in str(failed.value)
    trailer = json.loads((tmp_path / "export").read_text().splitlines()[-1])
    assert words in trailer["broken"]
    assert "signature" not in trailer
    with_copy, with_own = program(tmp_path / "export", history), program(tmp_path / "export", folder.path())
    assert (with_copy.returncode, with_own.returncode) == (1, 1)
    assert program_words in with_own.stderr
    if way in IN_FOLDER:
        assert program(tmp_path / "before", folder.path()).returncode == 1


@pytest.mark.parametrize("way", TAMPERED)
def test_no_head_is_signed_on_it(history: Path, way: str, caplog: pytest.LogCaptureFixture) -> None:
    TAMPERED[way][0]()
    count = PublishedHead.objects.count()
    audit.keep_publishing()
    if way in OLDER:
        assert PublishedHead.objects.count() == count + 1
    elif way in TAKEN_UP:
        assert AuditEntry.objects.filter(verb="history.head-taken-up").exists()
        assert audit.verify().whole
    else:
        assert PublishedHead.objects.count() == count
        assert audit.trouble()
        assert "no head is signed" in caplog.text


@pytest.mark.parametrize(
    "way", ["written anew from an approval on", "cut at the tail", "its first entry deleted and all written anew"]
)
def test_the_auditors_own_heads_show_what_was_signed_in_words_without_any(
    history: Path, tmp_path: Path, way: str
) -> None:
    """Who has database and folder can take the heads out of both, and say that a disk was lost."""
    drop_all_heads()
    if way.startswith("its first"):
        drop(AuditEntry, number=1)
        renumber()
    else:
        TAMPERED[way][0]()
    audit.write_export(tmp_path / "export", without_heads="A disk was lost.")
    alone = program(tmp_path / "export")
    assert alone.returncode == 0, alone.stderr
    assert "SIGNED WITHOUT PUBLISHED HEADS: A disk was lost." in alone.stdout
    done = program(tmp_path / "export", history)
    assert done.returncode == 1
    assert "published at" in done.stderr


def renumber() -> None:
    """The entries that are left, numbered from 1 on and hashed anew."""
    with unguarded():
        for number, entry in enumerate(AuditEntry.objects.order_by("number"), start=1):
            AuditEntry.objects.filter(number=entry.number).update(number=number)
    rewrite(1)


class TestWithoutHeads:
    """A history of which no head was published: nothing shows whether its end was cut off."""

    @pytest.fixture(autouse=True)
    def _entries(self) -> None:
        write(3)

    def test_it_is_not_verified_and_not_exported(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match=r"not verified\. No head of this history was published"):
            call_command("audit", "verify")
        with pytest.raises(CommandError, match="No head of this history was published"):
            call_command("audit", "export", str(tmp_path / "export"))
        assert "No head of this history" in program(tmp_path / "export").stderr

    def test_unless_somebody_says_why_and_then_the_export_says_so(self, tmp_path: Path, capsys) -> None:
        told = ("--without-heads", "Moved from another host.")
        call_command("audit", "verify", *told)
        call_command("audit", "export", *told, str(tmp_path / "export"))
        assert capsys.readouterr().out.count("Moved from another host.") == 2
        done = program(tmp_path / "export")
        assert done.returncode == 0
        assert "SIGNED WITHOUT PUBLISHED HEADS: Moved from another host." in done.stdout

    def test_or_publishes_one(self, tmp_path: Path) -> None:
        call_command("audit", "head")
        call_command("audit", "verify")
        call_command("audit", "export", str(tmp_path / "export"))
        assert program(tmp_path / "export", folder.path()).returncode == 0


class TestAPart:
    def test_it_is_held_by_the_heads_around_it(self, history: Path, tmp_path: Path) -> None:
        export = audit.write_export(tmp_path / "export", 5, 6)
        assert (export.count, export.reading.start, export.reading.end) == (2, 5, 7)
        assert program(tmp_path / "export", history).returncode == 0

    @pytest.mark.parametrize(
        ("how", "words"),
        [
            (lambda: rewrite(5, actor="nobody"), "written anew"),
            (lambda: drop(AuditEntry, number__gte=7), "newest entries were removed, from 7 on"),
            (lambda: rewrite(4, actor="nobody"), "Entry 4 or one before it was written anew"),
        ],
    )
    def test_it_is_not_signed_where_they_do_not_fit(
        self, history: Path, tmp_path: Path, how: Callable[[], None], words: str
    ) -> None:
        how()
        with pytest.raises(audit.HistoryBroken, match=words):
            audit.write_export(tmp_path / "export", 5, 6)

    def test_what_is_older_than_the_head_before_it_is_not_read(self, history: Path, tmp_path: Path) -> None:
        rewrite_one(2)
        assert audit.write_export(tmp_path / "export", 5, 6).count == 2
        assert audit.verify(5).whole
        assert not audit.verify().whole


class TestGoingOn:
    def test_after_a_crash_between_the_folder_and_the_database(self, history: Path) -> None:
        count = PublishedHead.objects.count()
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(PublishedHead, "save", fail)
            with pytest.raises(OSError, match="crash"):
                audit.publish_head()
        assert (PublishedHead.objects.count(), len(lines())) == (count, count + 1)
        audit.keep_publishing()
        assert audit.trouble() == ""
        assert audit.verify().whole

    def test_after_a_crash_of_the_very_first_head(self) -> None:
        write(1)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(PublishedHead, "save", fail)
            with pytest.raises(OSError, match="crash"):
                audit.publish_head()
        audit.keep_publishing()
        assert audit.verify().whole, audit.verify().why

    def test_after_a_lost_disk_only_in_words_which_are_in_the_history(self, history: Path) -> None:
        shutil.rmtree(folder.path())
        with pytest.raises(CommandError, match="nothing is signed"):
            call_command("audit", "head")
        call_command("audit", "head", "--anew", "The disk was lost.")
        assert AuditEntry.objects.get(verb="history.heads-anew").data["reason"] == "The disk was lost."
        assert audit.verify().whole

    def test_not_in_words_where_the_history_itself_does_not_fit(self, history: Path) -> None:
        rewrite(6, actor="nobody")
        with pytest.raises(CommandError, match="written anew"):
            call_command("audit", "head", "--anew", "Trust me.")

    def test_triggers_are_put_back_and_that_is_told(self, history: Path) -> None:
        drop_triggers("portal_auditentry")
        call_command("audit", "guard")
        assert AuditEntry.objects.get(verb="history.triggers-put-back").data["missing"]
        assert audit.verify().whole

    def test_heads_of_before_they_were_numbered_are_kept_and_compared(self) -> None:
        write(3)
        for number in (2, 3):
            entry = AuditEntry.objects.get(number=number)
            told = {"number": number, "hash": entry.hash, "at": chain.moment(entry.at), "first": 1, "previous_hash": ""}
            folder.append(audit.heads.signed(told), "2026-01-01")
        last().write_text("3")
        assert audit.verify().whole, audit.verify().why
        write(1)
        audit.publish_head()
        assert (PublishedHead.objects.count(), audit.verify().whole) == (3, True)
        old = folder.path() / "2026-01-01.jsonl"
        old.write_text(old.read_text().splitlines(keepends=True)[1])
        assert "was removed from" in audit.verify().why

    def test_a_long_history_is_signed_in_parts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(audit.publishing, "AT_ONCE", 4)
        write(9)
        assert [audit.publish_head().number for _ in range(3)] == [4, 8, 10]
        assert audit.publish_head() is None


def fail(*_arguments: object, **_options: object) -> None:
    raise OSError("crash")
