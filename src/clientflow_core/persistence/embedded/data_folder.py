"""The data folder of PostgreSQL: making it, and which version may open it."""

import shutil
import tempfile
from pathlib import Path
from typing import Final

from clientflow_core.errors import EmbeddedServerError
from clientflow_core.persistence.embedded.binaries import (
    Binaries,
    find_binaries,
    installed_binaries,
)
from clientflow_core.persistence.embedded.places import Places
from clientflow_core.secret import Secret

SUPERUSER: Final = "postgres"
_SHOWN_LINES: Final = 15


def choose_binaries(data_folder: Path) -> Binaries:
    """Find the installation that fits the data, else the best there is."""
    if data_folder.exists():
        version = _version_of(data_folder)
        for found in installed_binaries():
            if found.version == version:
                return found
    return find_binaries()


def _version_of(data_folder: Path) -> int:
    return int((data_folder / "PG_VERSION").read_text())


def refuse_other_version(data_folder: Path, binaries: Binaries) -> None:
    """Make sure that *binaries* are of the version that made *data_folder*.

    Raises:
        EmbeddedServerError: they are not.
    """
    made_by = _version_of(data_folder)
    if made_by == binaries.version:
        return
    msg = (
        f"{data_folder} was made by PostgreSQL {made_by}, but {binaries.folder} is"
        f" {binaries.version}: install PostgreSQL {made_by} (apt-get install postgresql-{made_by})"
        " to go on with it, or dump it with that version and restore it into a new state folder"
    )
    raise EmbeddedServerError(msg)


def make_data(places: Places, binaries: Binaries, password: Secret, *, durable: bool) -> None:
    """Make the data folder; a killed start leaves none rather than half of one.

    Raises:
        EmbeddedServerError: ``initdb`` fails; carries what it says.
    """
    for leftover in places.home.glob("data.new-*"):
        shutil.rmtree(leftover)
    fresh = Path(tempfile.mkdtemp(prefix="data.new-", dir=places.home))
    places.user.take(fresh)
    with tempfile.NamedTemporaryFile("w", dir=places.home) as password_file:
        places.user.take(Path(password_file.name))
        password_file.write(password.reveal())
        password_file.flush()
        command: list[str | Path] = [
            *(binaries.folder / "initdb", "-D", fresh, f"--username={SUPERUSER}"),
            *("--encoding=UTF8", "--data-checksums", "--no-instructions"),
            *("--auth=scram-sha-256", f"--pwfile={password_file.name}"),
            *(() if durable else ("--no-sync",)),
        ]
        result = places.user.run([*command, "--locale=C.UTF-8"], folder=places.home)
        # Not every system has C.UTF-8, but every one has C.
        if result.returncode != 0 and "invalid locale" in result.stderr:
            result = places.user.run([*command, "--locale=C"], folder=places.home)
    if result.returncode != 0:
        shutil.rmtree(fresh)
        last_lines = "\n".join((result.stdout + result.stderr).splitlines()[-_SHOWN_LINES:])
        msg = f"{binaries.folder / 'initdb'} could not make {places.data_folder}:\n{last_lines}"
        raise EmbeddedServerError(msg)
    fresh.rename(places.data_folder)
