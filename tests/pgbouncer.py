"""A transaction pooler in front of a test's PostgreSQL: Debian's PgBouncer."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy.engine import URL

from clientflow_core.persistence.embedded import EmbeddedPostgres
from clientflow_core.persistence.embedded.server_user import server_user
from clientflow_core.ports import free_port
from tests.requirements import demand

_START_SECONDS: Final = 20.0
_END_SECONDS: Final = 10.0
_SETTINGS: Final = """
[databases]
* = host={server} port={server_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {users}
pool_mode = transaction
default_pool_size = {size}
"""


@contextmanager
def pooled(server: EmbeddedPostgres, url: URL, *, size: int) -> Iterator[URL]:
    """Run a pooler for as long as the block does, and give the address of *url* through it.

    Args:
        server: stands behind it.
        url: of a role and a database there.
        size: how many connections to the server it has.
    """
    # Debian keeps it where not every user looks.
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    demand(program, "pgbouncer is not installed")
    assert program
    port = free_port()
    # It refuses to run as root, and so does the server.
    user = server_user(server.data_folder)
    with tempfile.TemporaryDirectory(prefix="cf-pooler-", dir="/tmp") as name:
        folder = Path(name)
        users, settings = folder / "users.txt", folder / "pgbouncer.ini"
        users.write_text(f'"{url.username}" "{url.password}"\n', "utf-8")
        settings.write_text(
            _SETTINGS.format(
                server=server.socket_folder,
                server_port=server.port,
                port=port,
                users=users,
                size=size,
            ),
            "utf-8",
        )
        for path in (folder, users, settings):
            user.take(path)
        with (folder / "log").open("wb") as log:
            process = user.spawn([program, settings], folder=folder, log=log.fileno())
        try:
            _wait_until_it_listens(process, port, folder / "log")
            yield url.set(host="127.0.0.1", port=port, query={})
        finally:
            process.terminate()
            process.wait(_END_SECONDS)


def _wait_until_it_listens(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert process.poll() is None, log.read_text("utf-8")
            assert time.monotonic() < deadline, log.read_text("utf-8")
            time.sleep(0.02)
        else:
            return
