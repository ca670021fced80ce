"""The history: what it keeps, what the database refuses, and what verifying finds."""

import base64
import threading

import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError, connection, transaction

from portal import audit
from portal.actors import SYSTEM, Actor
from portal.models import AuditEntry
from tests.audit import unguarded

pytestmark = pytest.mark.django_db(transaction=True)


def write(count: int = 6) -> None:
    for number in range(1, count + 1):
        with transaction.atomic():
            group = Group.objects.create(name=f"group {number}")
            audit.record("group.made", group, {"number": number}, actor=SYSTEM)


def verify() -> audit.Verification:
    """The chain by itself: most of these tests publish no head."""
    return audit.verify(without_heads="This test publishes none.")


def run(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def test_a_whole_history_verifies() -> None:
    write()
    verification = verify()
    assert verification.whole
    assert verification.entries == 6
    assert verification.head == AuditEntry.objects.first().hash


def test_an_entry_keeps_names_as_they_were() -> None:
    write(1)
    Group.objects.update(name="another")
    assert AuditEntry.objects.get().target == "group 1"


def test_an_entry_is_part_of_the_change_that_it_tells() -> None:
    with transaction.atomic():
        audit.record("group.made", Group.objects.create(name="x"), actor=SYSTEM)
        transaction.set_rollback(True)
    assert not AuditEntry.objects.exists()
    with pytest.raises(RuntimeError, match="transaction"):
        audit.record("group.made", Group(pk=1, name="x"), actor=SYSTEM)


def test_many_who_write_at_once_make_one_chain() -> None:
    errors: list[Exception] = []

    def append(name: str) -> None:
        try:
            for number in range(10):
                with transaction.atomic():
                    audit.record("x", Group.objects.create(name=f"{name} {number}"), actor=SYSTEM)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=append, args=[name]) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert (verify().whole, verify().entries) == (True, 40)


NASTY = {
    "float that is whole": 1e20,
    "float": 0.1 + 0.2,
    "not a number": float("nan"),
    "NUL": "a\0b",
    "surrogate": "\ud800",
    "unicode": "升级 ✓",
    "nested": [{"b": {1: None}, "a": (True, 2)}],
    "set": {"z", "a"},
}


@pytest.mark.parametrize("name", NASTY)
def test_data_of_every_kind_reads_back_as_it_was_hashed(name: str) -> None:
    with transaction.atomic():
        audit.record("x", Group.objects.create(name=name), {name: NASTY[name]}, actor=Actor.ci("ci\0"))
    assert verify().whole


REFUSED = {
    "UPDATE": "UPDATE portal_auditentry SET verb = 'x' WHERE number = 3",
    "UPDATE of nothing's number": "UPDATE portal_auditentry SET number = 99 WHERE number = 6",
    "DELETE": "DELETE FROM portal_auditentry WHERE number = 6",
}
SQLITE_REFUSED = {
    "INSERT OR REPLACE": "INSERT OR REPLACE INTO portal_auditentry SELECT * FROM portal_auditentry WHERE number = 3",
    "UPDATE OR REPLACE": "UPDATE OR REPLACE portal_auditentry SET number = 2 WHERE number = 3",
    "REPLACE by rowid": """
        REPLACE INTO portal_auditentry (rowid, number, at, actor, actor_kind, verb, target_type, target_id, target,
            environment, application, data, previous_hash, hash)
        SELECT 3, 7, at, actor, actor_kind, verb, target_type, target_id, target,
            environment, application, data, previous_hash, hash FROM portal_auditentry WHERE number = 3""",
    "a number past the next": """
        INSERT INTO portal_auditentry (number, at, actor, actor_kind, verb, target_type, target_id, target,
            environment, application, data, previous_hash, hash)
        SELECT 9, at, actor, actor_kind, verb, target_type, target_id, target,
            environment, application, data, previous_hash, hash FROM portal_auditentry WHERE number = 3""",
}
POSTGRES_REFUSED = {
    "TRUNCATE": "TRUNCATE portal_auditentry",
    "as a replica": "SET LOCAL session_replication_role = replica; DELETE FROM portal_auditentry",
}


@pytest.mark.parametrize("way", [*REFUSED, *SQLITE_REFUSED, *POSTGRES_REFUSED])
def test_the_database_refuses(way: str) -> None:
    here = REFUSED | (POSTGRES_REFUSED if connection.vendor == "postgresql" else SQLITE_REFUSED)
    if way not in here:
        pytest.skip("a statement of the other database")
    write()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        run(here[way])
    assert verify().whole


CHANGED = ["actor", "verb", "target", "environment", "application", "target_id", "target_type", "actor_kind"]


@pytest.mark.parametrize("field", CHANGED)
def test_verifying_finds_a_changed_row(field: str) -> None:
    write()
    with unguarded():
        run(f"UPDATE portal_auditentry SET {field} = 'x' WHERE number IN (3, 5)")
    verification = verify()
    assert (verification.whole, verification.first_bad) == (False, 3)
    assert "Entry 3 was changed" in verification.why


TAMPERED = {
    "data": ("UPDATE portal_auditentry SET data = '{\"number\": 4}' WHERE number = 3", 3, "Entry 3 was changed"),
    "time": (
        "UPDATE portal_auditentry SET at = '2020-01-01 00:00:00+00:00' WHERE number = 3",
        3,
        "Entry 3 was changed",
    ),
    "removed": ("DELETE FROM portal_auditentry WHERE number IN (3, 4)", 3, "Entries 3 to 4 were removed"),
    "first removed": ("DELETE FROM portal_auditentry WHERE number = 1", 1, "Entry 1 was removed"),
    "reordered": (
        """UPDATE portal_auditentry SET number = 99 WHERE number = 3;
        UPDATE portal_auditentry SET number = 3 WHERE number = 4;
        UPDATE portal_auditentry SET number = 4 WHERE number = 99""",
        3,
        "Entries were reordered: what is entry 3 now was entry 4",
    ),
    "renumbered after a removal": (
        "DELETE FROM portal_auditentry WHERE number = 3; UPDATE portal_auditentry SET number = 3 WHERE number = 4",
        3,
        "Entries were reordered: what is entry 3 now was entry 4",
    ),
}


@pytest.mark.parametrize("way", TAMPERED)
def test_verifying_names_the_first_bad_row_and_why(way: str) -> None:
    statements, number, why = TAMPERED[way]
    write()
    with unguarded():
        for statement in statements.split(";"):
            run(statement)
    verification = verify()
    assert (verification.whole, verification.first_bad) == (False, number)
    assert why in verification.why


def forge(number: int) -> None:
    """An entry whose own hash is right, put where another was: what somebody who knows the code would try."""
    entry = AuditEntry.objects.get(number=number)
    entry.verb = "forged"
    entry.hash = audit.chain.hash_of(audit.rows.as_dict(entry))
    with unguarded():
        entry.save()


def test_verifying_finds_a_row_with_a_hash_of_its_own() -> None:
    write()
    forge(3)
    verification = verify()
    assert (verification.whole, verification.first_bad) == (False, 4)
    assert "does not follow from the hash of entry 3" in verification.why


def test_verifying_finds_an_inserted_row() -> None:
    write()
    with unguarded():
        for number in (6, 5, 4):
            run("UPDATE portal_auditentry SET number = number + 1 WHERE number = %s", number)
        inserted = AuditEntry.objects.get(number=3)
        inserted.number, inserted.previous_hash = 4, inserted.hash
        inserted.hash = audit.chain.hash_of(audit.rows.as_dict(inserted))
        inserted.save(force_insert=True)
    verification = verify()
    assert (verification.whole, verification.first_bad) == (False, 5)


class TestHeads:
    """Published heads show what the chain alone cannot."""

    def test_that_the_newest_rows_were_cut_off(self) -> None:
        write()
        audit.publish_head()
        with unguarded():
            run("DELETE FROM portal_auditentry WHERE number > 4")
        verification = audit.verify()
        assert (verification.whole, verification.first_bad) == (False, 5)
        assert "newest entries were removed" in verification.why

    def test_that_the_whole_log_was_removed(self) -> None:
        write(2)
        audit.publish_head()
        with unguarded():
            run("DELETE FROM portal_auditentry")
        assert audit.verify().first_bad == 1

    def test_that_the_chain_was_written_anew(self) -> None:
        write()
        audit.publish_head()
        previous = ""
        for entry in AuditEntry.objects.order_by("number"):
            entry.actor, entry.previous_hash = "nobody", previous
            entry.hash = previous = audit.chain.hash_of(audit.rows.as_dict(entry))
            with unguarded():
                entry.save()
        verification = audit.verify()
        assert (verification.whole, verification.first_bad) == (False, 6)
        assert "written anew" in verification.why

    def test_that_a_head_was_forged(self, settings) -> None:
        write()
        audit.publish_head()
        path = next(settings.AUDIT_HEADS.glob("*.jsonl"))
        path.write_text(path.read_text().replace('"number": 6', '"number": 5'))
        verification = audit.verify()
        assert not verification.whole
        assert "not signed by this installation" in verification.why

    def test_that_all_is_well_and_are_published_once(self) -> None:
        assert audit.publish_head() is None
        write(3)
        assert audit.publish_head().number == 3
        assert audit.publish_head().number == 4  # that heads have begun is an entry itself
        assert audit.publish_head() is None
        write_one_more()
        assert audit.publish_head().number == 5
        assert audit.verify().whole
        assert audit.verify().heads == 3

    def test_and_where_no_file_can_be_written_the_log_has_them_and_none_is_kept(
        self, settings, tmp_path, caplog
    ) -> None:
        (tmp_path / "file").write_text("")
        settings.AUDIT_HEADS = tmp_path / "file" / "heads"
        write(1)
        audit.keep_publishing()
        assert "could not be written" in caplog.text
        assert "signature" in caplog.text
        assert "cannot be written" in audit.trouble()
        settings.AUDIT_HEADS = tmp_path / "heads"
        audit.keep_publishing()
        assert (audit.trouble(), audit.verify().whole) == ("", True)

    def test_that_older_signing_keys_still_count(self, settings) -> None:
        old, new = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))
        settings.AUDIT_SIGNING_KEYS = [old]
        write(2)
        audit.publish_head()
        settings.AUDIT_SIGNING_KEYS = [new, old]
        assert audit.verify().whole
        settings.AUDIT_SIGNING_KEYS = [new]
        assert not audit.verify().whole


def write_one_more() -> None:
    with transaction.atomic():
        audit.record("group.made", Group.objects.create(name="one more"), actor=SYSTEM)
