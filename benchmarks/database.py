"""A PostgreSQL for one bench: durable, migrated, gone at the end."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import psycopg
from psycopg import sql

from clientflow_core.persistence.embedded import EmbeddedPostgres
from clientflow_core.persistence.migrate import migrate
from clientflow_core.persistence.provision import APPLICATION, DATABASE, provision
from clientflow_core.persistence.server import parse_url
from clientflow_core.secret import Secret

_BARE_TABLE = f"""
CREATE TABLE bare_events (LIKE inbound_events INCLUDING ALL);
GRANT SELECT, INSERT ON bare_events TO {APPLICATION};
"""


@attrs.frozen(kw_only=True)
class BenchDatabase:
    """A running server with our schema, and a table like that of the inbound events beside it.

    Attributes:
        folder: for what else the bench writes; gone at the end.
        pid: the server's first process.
        application: the address that ``serve`` and ``worker`` are given.
        superuser: a connection that sees every row.
        superuser_url: its address.
    """

    folder: Path
    pid: int
    application: Secret
    superuser: psycopg.Connection[tuple[object, ...]]
    superuser_url: Secret

    def count(self, table: str) -> int:
        """Count the rows of *table*."""
        counting = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
        return int(str(self.superuser.execute(counting).fetchall()[0][0]))

    def empty(self, *tables: str) -> None:
        """Empty *tables*, and write out what is due, so that each round begins alike."""
        names = sql.SQL(", ").join(map(sql.Identifier, tables))
        self.superuser.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(names))
        self.superuser.execute("CHECKPOINT")


@contextmanager
def new_database() -> Iterator[BenchDatabase]:
    """Start a server, make the schema, and remove all of it at the end."""
    folder = Path(tempfile.mkdtemp(prefix="clientflow-bench-")).resolve()
    # As root, the server runs as a user that must come through.
    folder.chmod(0o755)
    try:
        with EmbeddedPostgres.start(folder / "state", durable=True) as server:
            addresses = provision(server, folder)
            migrate(
                parse_url(addresses.owner, env="owner"),
                parse_url(addresses.application, env="application"),
            )
            superuser = server.url(user=server.superuser, database=DATABASE)
            with psycopg.connect(superuser.reveal(), autocommit=True) as connection:
                connection.execute(_BARE_TABLE.encode())
                yield BenchDatabase(
                    folder=folder,
                    pid=server.pid,
                    application=addresses.application,
                    superuser=connection,
                    superuser_url=superuser,
                )
    finally:
        shutil.rmtree(folder)
