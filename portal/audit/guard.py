"""The database's own refusal to change the history. Installed by a migration; nothing in the product lifts it."""

from collections.abc import Callable

from django.db.backends.base.base import BaseDatabaseWrapper

Execute = Callable[[str], object]

SQLITE = {
    "audit_no_update": """
        CREATE TRIGGER audit_no_update BEFORE UPDATE ON portal_auditentry
        BEGIN SELECT RAISE(ABORT, 'The audit log is append-only: UPDATE is refused.'); END""",
    "audit_no_delete": """
        CREATE TRIGGER audit_no_delete BEFORE DELETE ON portal_auditentry
        BEGIN SELECT RAISE(ABORT, 'The audit log is append-only: DELETE is refused.'); END""",
    # INSERT OR REPLACE removes the row in its way without the trigger above: by number, or by SQLite's own rowid.
    "audit_append": """
        CREATE TRIGGER audit_append BEFORE INSERT ON portal_auditentry
        WHEN NEW.number IS NOT (SELECT COALESCE(MAX(number), 0) + 1 FROM portal_auditentry)
            OR EXISTS (SELECT 1 FROM portal_auditentry WHERE rowid = NEW.rowid)
        BEGIN SELECT RAISE(ABORT, 'The audit log is append-only: only the next number can be added.'); END""",
}

POSTGRESQL = (
    """
    CREATE OR REPLACE FUNCTION portal_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION USING MESSAGE = 'The audit log is append-only: ' || TG_OP || ' is refused.'; END $$""",
    """
    CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE ON portal_auditentry
    FOR EACH ROW EXECUTE FUNCTION portal_audit_refuse()""",
    """
    CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON portal_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION portal_audit_refuse()""",
    # ALWAYS: session_replication_role = replica does not pass them either.
    "ALTER TABLE portal_auditentry ENABLE ALWAYS TRIGGER audit_no_change",
    "ALTER TABLE portal_auditentry ENABLE ALWAYS TRIGGER audit_no_truncate",
)


def install(connection: BaseDatabaseWrapper, execute: Execute) -> None:
    """Makes the database refuse what is not an append."""
    for statement in POSTGRESQL if connection.vendor == "postgresql" else SQLITE.values():
        execute(statement)


def remove(connection: BaseDatabaseWrapper, execute: Execute) -> None:
    """Takes the refusal away: for the migration backwards."""
    if connection.vendor == "postgresql":
        for name in ("audit_no_change", "audit_no_truncate"):
            execute(f"DROP TRIGGER IF EXISTS {name} ON portal_auditentry")
        return
    for name in SQLITE:
        execute(f"DROP TRIGGER IF EXISTS {name}")
