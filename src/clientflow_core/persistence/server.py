"""What a PostgreSQL server and a role must be like before ClientFlow uses them."""

from typing import Final

import psycopg
import sqlalchemy as sa
from psycopg.conninfo import make_conninfo
from sqlalchemy.engine import URL, Connection, make_url

from clientflow_core.errors import DatabaseUnfit
from clientflow_core.secret import Secret

OLDEST_VERSION: Final = 15
DRIVER: Final = "postgresql+psycopg"

_ROLE: Final = sa.text(
    """
    SELECT rolname AS name, rolsuper AS is_superuser, rolbypassrls AS may_bypass,
        coalesce(bool_or(relowner = r.oid), false) AS is_owner,
        coalesce(bool_or(relowner <> r.oid AND pg_has_role(r.oid, relowner, 'MEMBER')), false)
            AS is_member
    FROM pg_roles r LEFT JOIN pg_class ON relname = 'organizations' AND relkind = 'r'
    WHERE rolname = current_user
    GROUP BY rolname, rolsuper, rolbypassrls
    """
)


def parse_url(url: Secret, *, env: str) -> URL:
    """Read a connection string for the one driver that is used.

    Args:
        url: ``postgresql://user:password@host/database``, or with ``postgres://``.
        env: the setting that it came from, for the error.

    Raises:
        DatabaseUnfit: it is not one; the message does not repeat it.
    """
    try:
        parsed = make_url(url.reveal())
    except (sa.exc.ArgumentError, ValueError):
        # ValueError is for the port, and its text repeats a part of the address.
        parsed = None
    if parsed is None or parsed.get_backend_name() not in ("postgresql", "postgres"):
        msg = f"{env} is not a PostgreSQL address such as postgresql://user:password@host/database"
        raise DatabaseUnfit(msg)
    if not parsed.username or not parsed.database:
        msg = f"{env} must name a user and a database: postgresql://user:password@host/database"
        raise DatabaseUnfit(msg)
    read = parsed.set(drivername=DRIVER)
    try:
        connection_string(read)
    except (psycopg.ProgrammingError, sa.exc.ArgumentError):
        msg = f"{env} has something after its question mark that PostgreSQL does not know"
        raise DatabaseUnfit(msg) from None
    return read


def connection_string(url: URL) -> str:
    """Write *url* for psycopg itself.

    Not as an address again: SQLAlchemy writes blanks as they are or as a plus sign, and libpq
    refuses the one and takes the other for a plus.
    """
    _, parts = url.get_dialect()().create_connect_args(url)
    return make_conninfo("", **parts)


def first_line(error: sa.exc.DBAPIError) -> str:
    """Give what the driver says, without the SQL and without its further lines."""
    return (str(error.orig).strip() or type(error.orig).__name__).splitlines()[0]


def check_version(connection: Connection) -> None:
    """Make sure that the server is new enough.

    Raises:
        DatabaseUnfit: it is older than PostgreSQL 15.
    """
    number = int(connection.exec_driver_sql("SHOW server_version_num").scalar_one())
    if number // 10_000 < OLDEST_VERSION:
        msg = (
            f"the server is PostgreSQL {number // 10_000}; ClientFlow needs {OLDEST_VERSION} or"
            " newer: upgrade it, or unset DATABASE_URL to use the embedded one"
        )
        raise DatabaseUnfit(msg)


def check_application_role(connection: Connection) -> None:
    """Make sure that row-level security holds for the role that runs the service.

    Raises:
        DatabaseUnfit: it is a superuser, may bypass row-level security, owns the tables, or is a
            member of the role that does.
    """
    row = connection.execute(_ROLE).one()
    reasons = {
        "is a superuser": row.is_superuser,
        "may bypass row-level security": row.may_bypass,
        "owns the tables": row.is_owner,
        # The owner's own policies hold for its members too, and show them every row.
        "is a member of the role that owns the tables": row.is_member and not row.is_superuser,
    }
    if not any(reasons.values()):
        return
    what = " and ".join(reason for reason, holds in reasons.items() if holds)
    msg = (
        f"the role {row.name!r} in DATABASE_URL {what}, so organizations would not be kept apart;"
        " name a role of its own there (LOGIN NOSUPERUSER NOBYPASSRLS, not the owner, no member of"
        " it), give the owner's address as CLIENTFLOW_OWNER_DATABASE_URL, and run: clientflow"
        " migrate"
    )
    raise DatabaseUnfit(msg)
