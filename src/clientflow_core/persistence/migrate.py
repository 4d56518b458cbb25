"""Bring the schema up to date, and let the application role in; run as the owner."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg import sql
from sqlalchemy.engine import URL, Connection

from clientflow_core.errors import DatabaseUnfit
from clientflow_core.persistence.server import check_version, first_line
from clientflow_core.persistence.tables import ORGANIZATION_TABLES, SYSTEM_TABLES

# Any number, as long as nobody else on the server uses it: "clientflow" in hexadecimal digits.
_LOCK: Final = 0x636C69656E74

_FUNCTIONS: Final = (
    "store_inbound_events",
    "read_inbound_event",
    "route_inbound_event",
    "finish_inbound_event",
    "list_inbound_events",
    "find_api_key",
    "add_organization",
    "add_user",
    "purge_expired",
    "find_login",
    "add_user_session",
    "find_user_session",
    "end_user_session",
    "search_contacts",
    "read_inbound_event_states",
    "replay_inbound_events",
    "find_provider_settings",
    "sync_plans",
    "route_subscription_change",
    "ask_for_subscriptions",
    "route_calendar_change",
    "ask_for_calendar_work",
    "find_calendar_feed",
    "list_watches_ending_before",
    "purge_kinds",
    "list_expired_kinds",
    "count_set_up",
    "list_unknown_messages",
)


def migrate(owner: URL, application: URL, *, revision: str = "head") -> str:
    """Run the migrations that are missing and grant the application role what it may do.

    Several processes may call it at once: one works, the others wait and find nothing to do.

    Args:
        owner: the address of the role that owns the tables.
        application: the address that the service will use; its role is made if the owner may.
        revision: where to go; an older one goes back.

    Returns:
        The revision that the schema is at now.

    Raises:
        DatabaseUnfit: unreachable, too old, or the owner may not do what is needed; where an
            administrator can help, the message has the SQL to run.
    """
    engine = sa.create_engine(
        owner, poolclass=sa.NullPool, hide_parameters=True, connect_args={"connect_timeout": 5}
    )
    try:
        with engine.begin() as connection:
            check_version(connection)
            _check_owner(connection)
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            _run(connection, revision)
            if revision == "head":
                _let_in(connection, application)
            return current_revision(connection) or "base"
    except sa.exc.DBAPIError as error:
        what = (
            "no connection to the database as its owner"
            if error.statement is None
            else "the migration was refused and undone"
        )
        msg = f"{what}: {first_line(error)}"
        raise DatabaseUnfit(msg) from error


def current_revision(connection: Connection) -> str | None:
    """Read which revision the schema is at; None for an empty database."""
    return MigrationContext.configure(connection).get_current_revision()


def newest_revision() -> str:
    """Tell which revision this release of ClientFlow wants."""
    return ScriptDirectory.from_config(_config()).get_current_head() or "base"


def revisions() -> Sequence[str]:
    """List the revisions that this release of ClientFlow knows, the oldest first."""
    walked = ScriptDirectory.from_config(_config()).walk_revisions()
    return [script.revision for script in walked][::-1]


def _check_owner(connection: Connection) -> None:
    may_create = connection.exec_driver_sql("SELECT has_schema_privilege('public', 'CREATE')")
    if may_create.scalar_one():
        return
    name = str(connection.exec_driver_sql("SELECT current_user").scalar_one())
    wanted = sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(sql.Identifier(name))
    msg = (
        f"the owner {name!r} may not make tables; have an administrator run, in this database:"
        f" {wanted.as_string(None)}"
    )
    raise DatabaseUnfit(msg)


def _config() -> Config:
    config = Config()
    folder = str(Path(__file__).parent / "migrations")
    # Alembic reads it as an .ini file does, where a percent sign is written twice.
    config.set_main_option("script_location", folder.replace("%", "%%"))
    return config


def _run(connection: Connection, revision: str) -> None:
    config = _config()
    config.attributes["connection"] = connection
    current = current_revision(connection)
    is_back = revision == "base" or (current is not None and revision < current)
    (command.downgrade if is_back and revision != "head" else command.upgrade)(config, revision)


def _let_in(connection: Connection, application: URL) -> None:
    role = sql.Identifier(application.username or "")
    _make_role(connection, application)
    tables = sql.SQL(", ").join(map(sql.Identifier, sorted(ORGANIZATION_TABLES)))
    system = sql.SQL(", ").join(map(sql.Identifier, sorted(SYSTEM_TABLES - {"alembic_version"})))
    functions = sql.SQL(", ").join(map(sql.Identifier, _FUNCTIONS))
    for template in (
        "GRANT USAGE ON SCHEMA public TO {role}",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON {tables} TO {role}",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON {system} TO {role}",
        "GRANT SELECT ON organizations, inbound_events, plans, alembic_version TO {role}",
        # Not what passwords are checked against: a function of the owner's reads that.
        "GRANT SELECT (id, email, created_at) ON users TO {role}",
        "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
        "GRANT EXECUTE ON FUNCTION {functions} TO {role}",
    ):
        statement = sql.SQL(template).format(
            role=role, tables=tables, system=system, functions=functions
        )
        _execute(connection, statement)


def _execute(connection: Connection, statement: sql.Composed) -> None:
    # Without this a percent sign in a name would be read as the place of a parameter.
    options = {"no_parameters": True}
    connection.exec_driver_sql(statement.as_string(None), execution_options=options)


def _make_role(connection: Connection, application: URL) -> None:
    name = application.username or ""
    found = connection.execute(
        sa.text("SELECT 1 FROM pg_roles WHERE rolname = :name"), {"name": name}
    )
    if found.scalar():
        return
    template = "CREATE ROLE {role} LOGIN NOSUPERUSER NOBYPASSRLS PASSWORD {password}"
    role = sql.Identifier(name)
    if not connection.exec_driver_sql(
        "SELECT rolcreaterole OR rolsuper FROM pg_roles WHERE rolname = current_user"
    ).scalar():
        wanted = sql.SQL(template).format(role=role, password=sql.Literal("…")).as_string(None)
        msg = (
            f"there is no role {name!r} and the owner may not make one; have an administrator run,"
            f" with the password of DATABASE_URL: {wanted}"
        )
        raise DatabaseUnfit(msg)
    verifier = _verifier(connection, application)
    _execute(connection, sql.SQL(template).format(role=role, password=sql.Literal(verifier)))


def _verifier(connection: Connection, application: URL) -> str | None:
    """Give what the server keeps of the password, which is then in no log and no error."""
    if application.password is None:
        return None
    native: Any = connection.connection.driver_connection
    name, password = str(application.username), str(application.password)
    encrypted = native.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256")
    return bytes(encrypted).decode()
