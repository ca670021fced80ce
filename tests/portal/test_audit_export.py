"""The export, and the program that verifies one without the portal."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import transaction

from portal import audit
from portal.actors import SYSTEM
from portal.audit import signing
from tests.audit import unguarded

pytestmark = pytest.mark.django_db(transaction=True)
NO_HEADS = ("--without-heads", "This test publishes none.")
PROGRAM = Path(__file__).parents[2] / "scripts" / "verify_audit.py"


@pytest.fixture
def export(tmp_path: Path) -> Path:
    for number in range(1, 7):
        with transaction.atomic():
            audit.record("group.made", Group.objects.create(name=f"组 {number}"), {"n": number / 2}, actor=SYSTEM)
    audit.write_export(tmp_path / "audit.jsonl", without_heads="This test publishes none.")
    return tmp_path / "audit.jsonl"


def verify(path: Path, *, key: str | None = None) -> subprocess.CompletedProcess[str]:
    """Runs the program in a Python that has neither Django nor the portal to import."""
    key = key or signing.public_keys()[0]
    command = [sys.executable, "-I", str(PROGRAM), str(path), "--key", key]
    return subprocess.run(command, capture_output=True, text=True, cwd="/", timeout=30, check=False)


def edit(path: Path, change: str) -> None:
    lines = path.read_text().splitlines()
    EDITS[change][0](lines)
    path.write_text("\n".join(lines) + "\n")


def replace(lines: list[str], index: int, **values: object) -> None:
    lines[index] = json.dumps(json.loads(lines[index]) | values)


def replace_head(lines: list[str], **values: object) -> None:
    signed = json.loads(lines[-1])
    signed["head"] |= values
    lines[-1] = json.dumps(signed)


def swap(lines: list[str]) -> None:
    lines[2], lines[3] = lines[3], lines[2]


def cut_off_with_its_head(lines: list[str]) -> None:
    del lines[-2]
    last = json.loads(lines[-2])
    replace_head(lines, number=last["number"], hash=last["hash"])


EDITS = {
    "changed": (lambda lines: replace(lines, 2, actor="nobody"), "Entry 3 was changed"),
    "changed data": (lambda lines: replace(lines, 2, data={}), "Entry 3 was changed"),
    "removed": (lambda lines: lines.pop(2), "Entry 3 is missing"),
    "inserted": (lambda lines: lines.insert(2, lines[1]), "comes 2"),
    "reordered": (swap, "after 2 comes 4"),
    "first removed": (lambda lines: lines.pop(0), "Entry 1 is missing"),
    "newest removed": (lambda lines: lines.pop(-2), "Entry 6 is missing"),
    "newest removed, head changed": (cut_off_with_its_head, "signature does not fit"),
    "head removed": (lambda lines: lines.pop(), "The head is missing"),
}


def test_a_whole_export_verifies(export: Path) -> None:
    done = verify(export)
    assert done.returncode == 0, done.stderr
    assert "6 entries, numbers 1 to 6: the chain is whole, the head's signature fits." in done.stdout


@pytest.mark.parametrize("change", EDITS)
def test_a_tampered_export_does_not(export: Path, change: str) -> None:
    edit(export, change)
    done = verify(export)
    assert done.returncode == 1
    assert EDITS[change][1] in done.stderr


def test_an_export_signed_by_somebody_else_does_not_verify(export: Path, settings) -> None:
    settings.SECRET_KEY = "another"
    done = verify(export, key=signing.public_keys()[0])
    assert done.returncode == 1
    assert "another key" in done.stderr


def test_something_else_is_told_apart_from_a_broken_export(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("hello\n")
    assert verify(other).returncode == 2


@pytest.mark.parametrize(
    ("options", "expected"),
    [(("--from", "3", "--to", "4"), [3, 4]), (("--from", "5"), [5, 6]), ((), [1, 2, 3, 4, 5, 6])],
)
def test_a_part_is_exported_and_verifies(export: Path, tmp_path: Path, options: tuple, expected: list[int]) -> None:
    part = tmp_path / "part.jsonl"
    call_command("audit", "export", *NO_HEADS, *options, str(part))
    assert [json.loads(line)["number"] for line in part.read_text().splitlines()[:-1]] == expected
    assert verify(part).returncode == 0


def test_days_choose_entries_too(export: Path, tmp_path: Path) -> None:
    today = audit.current_head().at[:10]
    for name, options, count in [("a", ("--from", today, "--to", today), 6), ("b", ("--to", "2020-01-01"), 0)]:
        call_command("audit", "export", *NO_HEADS, *options, str(tmp_path / name))
        assert len((tmp_path / name).read_text().splitlines()) == count + 1
        assert verify(tmp_path / name).returncode == 0
    with pytest.raises(CommandError, match="neither"):
        call_command("audit", "export", "--from", "yesterday", str(tmp_path / "c"))


def test_an_export_never_overwrites(export: Path) -> None:
    with pytest.raises(CommandError, match="exists"):
        call_command("audit", "export", str(export))


def test_the_command_verifies(export: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("audit", "verify", *NO_HEADS)
    assert "6 entries verified" in capsys.readouterr().out
    with unguarded():
        audit.log.AuditEntry.objects.filter(number=4).update(actor="nobody")
    with pytest.raises(CommandError, match="Entry 4 was changed"):
        call_command("audit", "verify", *NO_HEADS)
