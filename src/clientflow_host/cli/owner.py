"""The database that a command works on as the role that owns it."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from clientflow_core.errors import BackupUnusable, SettingProblem, SettingsError
from clientflow_core.secret import Secret
from clientflow_host.cli.options import running_up
from clientflow_host.settings import HostSettings, load_host_settings
from clientflow_host.state import StateFolder, UpNote

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

    from clientflow_core.persistence.repositories.runs import Run

_OWNER_ENV = "CLIENTFLOW_OWNER_DATABASE_URL"


@attrs.frozen(kw_only=True)
class Owned:
    """A database, as its owner.

    Attributes:
        application: the same, as the role of the service; None where it is not known.
    """

    owner: "URL"
    application: "URL | None"


@contextlib.contextmanager
def owned_database(values: dict[str, str], *, is_idle: bool = False) -> Iterator[Owned]:
    """Give the database that *values* name, or that of a running `up`, or else of its folder.

    Args:
        values: every setting.
        is_idle: nobody may work on it meanwhile.

    Raises:
        SettingsError: there is none, or its owner's address is missing.
        BackupUnusable: `up` works on it, and nobody may.
        EmbeddedServerError, StateFolderUnusable: the database of the folder cannot be started.
    """
    settings = load_host_settings(values)
    if settings.owner_database_url is not None:
        yield _addresses(settings.owner_database_url, settings.database_url)
        return
    if settings.database_url is not None:
        raise SettingsError([SettingProblem(_OWNER_ENV, "is not set", "the role that owns it")])
    note = running_up(values)
    if note is None:
        if not is_idle and not (settings.state_folder / "database.json").exists():
            hint = f"nor is there a database of `clientflow up` in {settings.state_folder}"
            raise SettingsError([SettingProblem(_OWNER_ENV, "is not set", hint)])
        with _started(settings) as owned:
            yield owned
        return
    if is_idle:
        msg = f"`clientflow up` runs on {note.state_dir}: stop it first"
        raise BackupUnusable(msg)
    yield _of_up(note)


def keep_run(owned: Owned, run: "Run") -> None:
    """Write down in the database what was done to it."""
    asyncio.run(_keep_run(owned, run))


async def _keep_run(owned: Owned, run: "Run") -> None:
    from clientflow_core.persistence.database import Database  # noqa: PLC0415 - heavy
    from clientflow_core.persistence.repositories.runs import add_run  # noqa: PLC0415 - heavy

    database = Database(owned.owner, pool_size=1)
    try:
        async with database.system() as transaction:
            await add_run(transaction, run)
    finally:
        await database.close()


def _addresses(owner: Secret, application: Secret | None) -> Owned:
    from clientflow_core.persistence.server import parse_url  # noqa: PLC0415 - heavy

    return Owned(
        owner=parse_url(owner, env=_OWNER_ENV),
        application=parse_url(application, env="DATABASE_URL") if application else None,
    )


def _of_up(note: UpNote) -> Owned:
    from clientflow_core.persistence.provision import owner_beside  # noqa: PLC0415 - heavy

    application = Secret(note.database_url)
    owner = owner_beside(application, Path(note.state_dir))
    if owner is None:
        hint = "`clientflow up` runs on a database that is not its own"
        raise SettingsError([SettingProblem(_OWNER_ENV, "is not set", hint)])
    return _addresses(owner, application)


@contextlib.contextmanager
def _started(settings: HostSettings) -> Iterator[Owned]:
    """Run the server of the state folder, as `up` would, for as long as the block does."""
    from clientflow_core.persistence.embedded import (  # noqa: PLC0415 - heavy
        EmbeddedPostgres,
        find_binaries,
    )
    from clientflow_core.persistence.provision import provision  # noqa: PLC0415 - heavy

    folder = StateFolder.open(settings.state_folder)
    named = settings.postgres_folder
    binaries = find_binaries(named) if named else None
    with folder.held(), EmbeddedPostgres.start(folder.path, binaries=binaries) as server:
        addresses = provision(server, folder.path)
        yield _addresses(addresses.owner, addresses.application)
