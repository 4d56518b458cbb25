"""The database of a session: a real server that writes to its disk before it says so."""

import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import psycopg

from clientflow_core.persistence.embedded import EmbeddedPostgres, find_binaries
from clientflow_core.persistence.migrate import migrate
from clientflow_core.persistence.provision import DATABASE, DatabaseAddresses, provision
from clientflow_core.persistence.server import parse_url
from clientflow_core.secret import Secret

BINARIES_ENV: Final = "CLIENTFLOW_TEST_POSTGRES"
_GONE_SECONDS: Final = 30.0


@attrs.define(eq=False)
class Postgres:
    """A running server with our schema; fsync is on.

    Attributes:
        folder: of this session; gone at the end.
    """

    folder: Path
    server: EmbeddedPostgres
    addresses: DatabaseAddresses

    @classmethod
    @contextlib.contextmanager
    def started(cls) -> Iterator["Postgres"]:
        """Run one for as long as the block does: of the wheel, or of CLIENTFLOW_TEST_POSTGRES."""
        with cls.room() as folder:
            server = _start(folder)
            made = cls(folder, server, provision(server, folder))
            try:
                migrate(
                    parse_url(made.addresses.owner, env="owner"),
                    parse_url(made.addresses.application, env="application"),
                )
                yield made
            finally:
                made.server.stop()

    @staticmethod
    @contextlib.contextmanager
    def room() -> Iterator[Path]:
        """Make a folder for as long as the block runs."""
        folder = Path(tempfile.mkdtemp(prefix="clientflow-torture-")).resolve()
        # As root, the server runs as a user that must come through.
        folder.chmod(0o755)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def superuser(self) -> Secret:
        """The address of who sees every row."""
        return self.server.url(user=self.server.superuser, database=DATABASE)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the database as its superuser."""
        with psycopg.connect(self.superuser.reveal(), autocommit=True) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def crash(self) -> None:
        """Have it end at once, as pg_ctl stop -m immediate does; it must recover at its start."""
        self._end(signal.SIGQUIT)

    def stop_fast(self) -> None:
        """Have it cut every connection, write all out, and end."""
        self._end(signal.SIGINT)

    def start(self) -> None:
        """Start it again, at the same address; it takes connections when this returns."""
        self.server = _start(self.folder)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Have it and all its children do nothing for as long as the block runs."""
        with standing_still(self.server):
            yield

    def _end(self, number: signal.Signals) -> None:
        os.kill(self.server.pid, number)
        deadline = time.monotonic() + _GONE_SECONDS
        while self.server.is_running():
            assert time.monotonic() < deadline, f"the server does not end: {self.server.log_file}"
            time.sleep(0.01)


@contextlib.contextmanager
def standing_still(server: EmbeddedPostgres) -> Iterator[None]:
    """Have *server* and all its children do nothing for as long as the block runs."""
    pids = [server.pid, *_children(server.pid)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


def _start(folder: Path) -> EmbeddedPostgres:
    named = os.environ.get(BINARIES_ENV)
    binaries = find_binaries(Path(named)) if named else None
    return EmbeddedPostgres.start(folder / "state", binaries=binaries, durable=True)


def _children(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # What follows the name in brackets: the state, then the parent.
            if stat.read_text().rpartition(")")[2].split()[1] == str(pid):
                found.append(int(stat.parent.name))
    return found
