"""The database's own refusal to change the history or its heads. Installed by migrations; nothing lifts it.

Who owns the database can drop the triggers: `missing` names those that are not as they were installed.
"""

import re
from collections.abc import Callable, Iterator

from django.db.backends.base.base import BaseDatabaseWrapper

Execute = Callable[[str], object]

ENTRIES = "portal_auditentry"
# Table: the prefix of its triggers' names, and the column that counts up.
TABLES = {ENTRIES: ("audit", "number"), "portal_publishedhead": ("heads", "sequence")}

SQLITE = {
    "{prefix}_no_update": """
        CREATE TRIGGER {prefix}_no_update BEFORE UPDATE ON {table}
        BEGIN SELECT RAISE(ABORT, 'The audit log is append-only: UPDATE is refused.'); END""",
    "{prefix}_no_delete": """
        CREATE TRIGGER {prefix}_no_delete BEFORE DELETE ON {table}
        BEGIN SELECT RAISE(ABORT, 'The audit log is append-only: DELETE is refused.'); END""",
    # INSERT OR REPLACE removes the row in its way without the trigger above: by number, or by SQLite's own rowid.
    "{prefix}_append": """
        CREATE TRIGGER {prefix}_append BEFORE INSERT ON {table}
        WHEN NEW.{column} IS NOT (SELECT COALESCE(MAX({column}), 0) + 1 FROM {table})
            OR EXISTS (SELECT 1 FROM {table} WHERE rowid = NEW.rowid)
        BEGIN SELECT RAISE(ABORT, 'The audit log is append-only: only the next number can be added.'); END""",
}

REFUSE = """
    BEGIN RAISE EXCEPTION USING MESSAGE = 'The audit log is append-only: ' || TG_OP || ' is refused.'; END """
POSTGRESQL_FUNCTION = (
    f"CREATE OR REPLACE FUNCTION portal_audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $${REFUSE}$$"
)
POSTGRESQL = {
    "{prefix}_no_change": """
        CREATE TRIGGER {prefix}_no_change BEFORE UPDATE OR DELETE ON {table}
        FOR EACH ROW EXECUTE FUNCTION portal_audit_refuse()""",
    "{prefix}_no_truncate": """
        CREATE TRIGGER {prefix}_no_truncate BEFORE TRUNCATE ON {table}
        FOR EACH STATEMENT EXECUTE FUNCTION portal_audit_refuse()""",
}
# pg_trigger.tgtype: row 1, before 2, delete 8, update 16, truncate 32.
POSTGRESQL_TYPES = {"{prefix}_no_change": 1 + 2 + 8 + 16, "{prefix}_no_truncate": 2 + 32}


def install(connection: BaseDatabaseWrapper, execute: Execute, table: str = ENTRIES) -> None:
    """Makes the database refuse what is not an append to the table."""
    if connection.vendor != "postgresql":
        for statement in SQLITE.values():
            execute(_for(table, statement))
        return
    execute(POSTGRESQL_FUNCTION)
    for name, statement in POSTGRESQL.items():
        execute(_for(table, statement))
        # ALWAYS: session_replication_role = replica does not pass it either.
        execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {_for(table, name)}")


def remove(connection: BaseDatabaseWrapper, execute: Execute, table: str = ENTRIES) -> None:
    """Takes the refusal away: for the migration backwards, and before a trigger is installed anew."""
    postgresql = connection.vendor == "postgresql"
    for name in POSTGRESQL if postgresql else SQLITE:
        execute(f"DROP TRIGGER IF EXISTS {_for(table, name)}" + (f" ON {table}" if postgresql else ""))


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """The names of triggers that are gone, changed or switched off."""
    look = _missing_on_postgresql if connection.vendor == "postgresql" else _missing_on_sqlite
    return [name for table in TABLES for name in look(connection, table)]


def _missing_on_sqlite(connection: BaseDatabaseWrapper, table: str) -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [table])
        found = {name: _squeezed(text) for name, text in cursor.fetchall()}
    for name, statement in SQLITE.items():
        if found.get(_for(table, name)) != _squeezed(_for(table, statement)):
            yield _for(table, name)


def _missing_on_postgresql(connection: BaseDatabaseWrapper, table: str) -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.tgname, t.tgtype, p.prosrc, pg_get_expr(t.tgqual, t.tgrelid) FROM pg_trigger t "
            "JOIN pg_proc p ON p.oid = t.tgfoid WHERE t.tgrelid = %s::regclass AND t.tgenabled = 'A'",
            [table],
        )
        found = {name: (kind, _squeezed(text), when) for name, kind, text, when in cursor.fetchall()}
    for name, kind in POSTGRESQL_TYPES.items():
        if found.get(_for(table, name)) != (kind, _squeezed(REFUSE), None):
            yield _for(table, name)


def _for(table: str, text: str) -> str:
    prefix, column = TABLES[table]
    return text.format(table=table, prefix=prefix, column=column)


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
