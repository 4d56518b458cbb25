"""Take a backup: everything as it was at one moment, while the service goes on."""

import datetime as dt
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attrs
import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection

from clientflow_core.errors import BackupUnusable, DatabaseUnfit
from clientflow_core.persistence.backup.contents import (
    count_rows,
    list_owners,
    list_roles,
    server_version,
)
from clientflow_core.persistence.backup.manifest import (
    Manifest,
    digest_of,
    manifest_of,
    write_manifest,
)
from clientflow_core.persistence.backup.programs import address, programs_for, run_program
from clientflow_core.persistence.migrate import current_revision
from clientflow_core.persistence.server import check_version, first_line
from clientflow_core.release import release

_DUMPING: Final = re.compile(r'dumping contents of table "public\.(\w+)"')
_NO_TIME_LIMIT: Final = "-c statement_timeout=0 -c idle_in_transaction_session_timeout=0"


@attrs.frozen(kw_only=True)
class Progress:
    """How far it is.

    Attributes:
        table: which is written now.
        rows: how many it has.
        number: how many tables were begun.
        of: how many there are.
    """

    table: str
    rows: int
    number: int
    of: int


Say = Callable[[Progress], None]


def _say_nothing(_: Progress) -> None:
    return


@attrs.frozen(kw_only=True)
class _Snapshot:
    """One moment of the database, kept for as long as its transaction is open."""

    id: str
    manifest: Manifest
    sees_every_row: bool


def take_backup(
    owner: URL, target: Path, *, folder: Path | None = None, say: Say = _say_nothing
) -> Manifest:
    """Write the whole database into *target*, and its manifest beside it.

    Both appear at once and whole, readable by this user only.

    Args:
        owner: the database as the role that owns the tables.
        target: where to; must not be there yet.
        folder: the programs of PostgreSQL; None for the best that is installed.
        say: is told of each table.

    Raises:
        BackupUnusable: it cannot be written, is there already, or pg_dump has failed.
        DatabaseUnfit: the database cannot be reached, or has no schema of ours.
    """
    _refuse_existing(target)
    with _snapshot(owner) as snapshot, _written(target) as unfinished:
        programs = programs_for(snapshot.manifest.server_version, folder=folder)
        with address(owner) as database:
            command = [
                programs.folder / "pg_dump",
                database,
                # Not by its output, to which it would append the contents a second time.
                f"--file={unfinished}",
                f"--snapshot={snapshot.id}",
                *("--format=custom", "--schema=public", "--verbose", "--no-password"),
                # The owner's policies show it every row; without this it would be refused.
                *(() if snapshot.sees_every_row else ("--enable-row-security",)),
            ]
            run_program(command, on_line=_teller(snapshot.manifest.rows, say))
        size, digest = unfinished.stat().st_size, digest_of(unfinished)
        manifest = attrs.evolve(
            snapshot.manifest, program_version=programs.version, bytes=size, sha256=digest
        )
        write_manifest(target, manifest)
    return manifest


def _refuse_existing(target: Path) -> None:
    for file in (target, manifest_of(target)):
        if file.exists():
            msg = f"{file} is there already: name another file"
            raise BackupUnusable(msg)


@contextmanager
def _written(target: Path) -> Iterator[Path]:
    """Make a file beside *target* to write into, which becomes it when the block ends well."""
    try:
        # Readable by this user only, which whoever writes into it leaves as it is.
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    except OSError as error:
        msg = f"{target.parent} cannot be written to: {error.strerror or error}"
        raise BackupUnusable(msg) from error
    unfinished = Path(name)
    try:
        yield unfinished
        os.fsync(descriptor)
        unfinished.replace(target)
    finally:
        os.close(descriptor)
        unfinished.unlink(missing_ok=True)


@contextmanager
def _snapshot(owner: URL) -> Iterator[_Snapshot]:
    engine = sa.create_engine(
        owner,
        poolclass=sa.NullPool,
        hide_parameters=True,
        isolation_level="REPEATABLE READ",
        connect_args={"connect_timeout": 5, "options": _NO_TIME_LIMIT},
    )
    try:
        with engine.connect() as connection:
            yield _look(connection)
    except sa.exc.DBAPIError as error:
        msg = f"the database cannot be read as its owner: {first_line(error)}"
        raise DatabaseUnfit(msg) from error


def _look(connection: Connection) -> _Snapshot:
    check_version(connection)
    revision = current_revision(connection)
    if revision is None:
        msg = "there is nothing to back up: the database has no tables of ours"
        raise DatabaseUnfit(msg)
    owners = tuple(list_owners(connection))
    manifest = Manifest(
        release=release(),
        revision=revision,
        server_version=server_version(connection),
        program_version=0,
        taken_at=_moment(connection),
        owners=owners,
        roles=tuple(role for role in list_roles(connection) if role not in owners),
        rows=count_rows(connection),
        bytes=0,
        sha256="",
    )
    return _Snapshot(
        id=str(connection.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one()),
        manifest=manifest,
        sees_every_row=_sees_every_row(connection),
    )


def _moment(connection: Connection) -> dt.datetime:
    found: dt.datetime = connection.exec_driver_sql("SELECT now()").scalar_one()
    return found.astimezone(dt.UTC)


def _sees_every_row(connection: Connection) -> bool:
    statement = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
    return bool(connection.exec_driver_sql(statement).scalar_one())


def _teller(rows: Mapping[str, int], say: Say) -> Callable[[str], None]:
    begun: set[str] = set()

    def tell(line: str) -> None:
        found = _DUMPING.search(line)
        if found is None:
            return
        begun.add(found[1])
        number, of = len(begun), len(rows)
        say(Progress(table=found[1], rows=rows.get(found[1], 0), number=number, of=of))

    return tell
