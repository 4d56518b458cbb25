"""The commands for backups: backup, backup verify, restore."""

import contextlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter
from rich.console import Console
from rich.progress import Progress

from clientflow_core.clock import SystemClock
from clientflow_core.errors import BackupUnusable, ClientFlowError
from clientflow_core.release import release
from clientflow_host.cli import RUN, app
from clientflow_host.cli.options import StateDir, read_all, state_folder
from clientflow_host.cli.owner import Owned, keep_run, owned_database
from clientflow_host.settings import load_host_settings

if TYPE_CHECKING:
    from clientflow_core.persistence.backup.manifest import Manifest
    from clientflow_core.persistence.backup.taking import Say

backup = App(name="backup", help="Back up the database, and prove that it helps.", group=RUN)
app.command(backup)


@backup.default
def take(
    file: Annotated[Path | None, Parameter(name="FILE")] = None, /, *, state_dir: StateDir = None
) -> None:
    """Write the whole database into a file, while the service goes on.

    It is one moment of all tables, in pg_dump's custom format; beside it FILE.json says what is in
    it. Needs CLIENTFLOW_OWNER_DATABASE_URL, unless the database is that of `clientflow up`.

    Args:
        file: Must not be there yet; without it, one in the folder backups of the state folder.
        state_dir: The folder for state; also CLIENTFLOW_STATE_DIR.
    """
    from clientflow_core.persistence.backup.taking import take_backup  # noqa: PLC0415 - heavy

    values = read_all(state_dir)
    target = (file or _new_name(values)).absolute()
    folder = load_host_settings(values).postgres_folder
    with (
        owned_database(values) as owned,
        _shown_progress() as say,
        _kept("backup", owned, file=str(target)) as report,
    ):
        made = take_backup(owned.owner, target, folder=folder, say=say)
        report |= {"bytes": made.bytes, "sha256": made.sha256, "revision": made.revision}
    _print(f"{target}: {_described(made)}.", "Keep it, and the file beside it, on another machine.")


@backup.command
def verify(file: Annotated[Path, Parameter(name="FILE")], /, *, state_dir: StateDir = None) -> None:
    """Restore a backup into a scratch database, and compare it with what was written.

    The scratch database is on a PostgreSQL that is started for it alone, and gone afterwards.

    Args:
        file: The backup; FILE.json must be beside it.
        state_dir: The folder for state; also CLIENTFLOW_STATE_DIR.
    """
    from clientflow_core.persistence.backup.verifying import verify_backup  # noqa: PLC0415 - heavy

    values = read_all(state_dir)
    folder = load_host_settings(values).postgres_folder
    with _database_if_any(values) as owned, _kept("backup_verify", owned, file=str(file)) as report:
        proved = verify_backup(file, folder=folder)
        report |= {"taken_at": proved.taken_at.isoformat(), "revision": proved.revision}
    _print(f"{file} restores, and keeps organizations apart: {_described(proved)}.")
    if owned is None:
        _print("There is no database to keep in mind that it does: the checklist will not know.")


@app.command(group=RUN)
def restore(
    file: Annotated[Path, Parameter(name="FILE")],
    /,
    *,
    replace: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    yes: Annotated[bool, Parameter(negative=(), show_default=False)] = False,
    state_dir: StateDir = None,
) -> None:
    """Restore a backup into an empty database; the service must not run.

    The schema is brought up to date afterwards, and the application role let in. Needs
    CLIENTFLOW_OWNER_DATABASE_URL and DATABASE_URL, unless the database is that of `clientflow up`.

    Args:
        file: The backup; FILE.json must be beside it.
        replace: Drop what is in the database; asks before.
        yes: Do not ask.
        state_dir: The folder for state; also CLIENTFLOW_STATE_DIR.
    """
    from clientflow_core.persistence.backup.restoring import (  # noqa: PLC0415 - heavy
        require_restorable,
        restore_backup,
    )
    from clientflow_core.persistence.backup.verifying import verify_backup  # noqa: PLC0415 - heavy

    values = read_all(state_dir)
    folder = load_host_settings(values).postgres_folder
    with owned_database(values, is_idle=True) as owned:
        if owned.application is None:
            raise BackupUnusable("DATABASE_URL is not set: the role that is let in afterwards")
        if require_restorable(owned.owner, may_replace=replace):
            # What would be lost is kept until it is sure that there is something to take its place.
            verify_backup(file, folder=folder)
            _ask(yes=yes, database=str(owned.owner.database))
        restored = restore_backup(
            file, owned.owner, owned.application, may_replace=replace, folder=folder
        )
    _print(f"Restored: {_described(restored.manifest)}.", f"The schema is at {restored.revision}.")
    _print("What was sent after the backup may go out again: see `clientflow jobs list` first.")


def _new_name(values: Mapping[str, str]) -> Path:
    folder = state_folder(dict(values)) / "backups"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / f"clientflow-{SystemClock().now():%Y%m%dT%H%M%SZ}.dump"


@contextlib.contextmanager
def _database_if_any(values: dict[str, str]) -> Iterator[Owned | None]:
    """Give the database where one is set or runs; it need not be there to verify a file."""
    from clientflow_host.cli.options import running_up  # noqa: PLC0415

    is_set = "CLIENTFLOW_OWNER_DATABASE_URL" in values or running_up(values) is not None
    if not is_set:
        yield None
        return
    with owned_database(values) as owned:
        yield owned


@contextlib.contextmanager
def _kept(kind: str, owned: Owned | None, *, file: str) -> Iterator[dict[str, Any]]:
    """Write down how the block ended, in the database that it is about."""
    from clientflow_core.persistence.repositories.runs import Run, RunKind  # noqa: PLC0415 - heavy

    begun = SystemClock().now()
    report: dict[str, Any] = {"file": file}

    def keep(*, is_good: bool) -> None:
        if owned is None:
            return
        run = Run(
            kind=RunKind(kind),
            release=release(),
            started_at=begun,
            finished_at=SystemClock().now(),
            is_good=is_good,
            report=report,
        )
        keep_run(owned, run)

    try:
        yield report
    except ClientFlowError as error:
        report["error"] = str(error)
        # A database that cannot be reached cannot keep it either; why is told all the same.
        with contextlib.suppress(Exception):
            keep(is_good=False)
        raise
    keep(is_good=True)


@contextlib.contextmanager
def _shown_progress() -> "Iterator[Say]":
    """Show on a terminal which table is written."""
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("counting rows", total=None)

        def say(step: Any) -> None:
            told = f"{step.table} ({step.rows} rows)"
            bar.update(task, description=told, completed=step.number - 1, total=step.of)

        yield say


def _ask(*, yes: bool, database: str) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise BackupUnusable("what is in the database would be dropped: say --yes where nobody can")
    answer = input(f"Drop all that is in the database {database!r}? Type its name: ")
    if answer.strip() != database:
        raise BackupUnusable("nothing was done: the name was not typed")


def _described(manifest: "Manifest") -> str:
    rows = sum(manifest.rows.values())
    moment = f"{manifest.taken_at:%Y-%m-%d %H:%M:%SZ}"
    size = f"{manifest.bytes / 1e6:.1f} MB"
    return f"{rows} rows of {len(manifest.rows)} tables, of {moment}, {size}"


def _print(*lines: str) -> None:
    console = Console(highlight=False, markup=False, soft_wrap=True)
    for line in lines:
        console.print(line)
