"""Where the embedded server keeps its things, and the notes that let the next start find them."""

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

import attrs

from clientflow_core.errors import EmbeddedServerError
from clientflow_core.persistence.embedded.binaries import make_public_folder
from clientflow_core.persistence.embedded.server_user import ServerUser, server_user
from clientflow_core.secret import Secret

# For root only: what the server's user cannot reach otherwise.
SHARED_FOLDER: Final = Path("/var/lib/clientflow/embedded")
PORT: Final = 5432
LOCK_SECONDS: Final = 120
_LOG_BYTES: Final = 10_000_000
# sizeof(sockaddr_un.sun_path) less the closing zero
_SOCKET_PATH_BYTES: Final = 103 if sys.platform == "darwin" else 107


@attrs.frozen
class _Note:
    """What the state folder remembers of places outside itself."""

    home: Path | None = None
    socket_folder: Path | None = None


@attrs.frozen
class Places:
    """The folders and files of one server.

    Attributes:
        state_dir: the folder that the caller named; holds the password and the notes.
        home: holds the data, the log and the socket; in the state folder wherever that can be.
        user: whom the server runs as.
    """

    state_dir: Path
    home: Path
    user: ServerUser

    @classmethod
    def settle(cls, state_dir: Path) -> Self:
        """Make or find the places of the server of *state_dir*; the caller holds its lock.

        Raises:
            EmbeddedServerError: the server's user cannot get at the data that are there.
            OSError: a folder cannot be made or read.
        """
        noted = _read_note(state_dir).home
        home = noted or state_dir / "postgres"
        if noted and not noted.is_dir():
            msg = (
                f"the database of {state_dir} was in {noted}, which is gone: restore that folder,"
                f" or remove {_note_file(state_dir)} to begin with an empty database"
            )
            raise EmbeddedServerError(msg)
        user = server_user(home / "data")
        if not noted and not user.may_pass(state_dir):
            home = _home_outside(state_dir, user)
        _make_folder(home, mode=0o711)
        if not user.may_pass(home):
            msg = (
                f"the user {user.name}, as whom PostgreSQL runs, cannot enter {home}: let others"
                " pass through it and its parents (chmod o+x)"
            )
            raise EmbeddedServerError(msg)
        return cls(state_dir=state_dir, home=home, user=user)

    @property
    def data_folder(self) -> Path:
        """The data directory of PostgreSQL."""
        return self.home / "data"

    @property
    def log_file(self) -> Path:
        """What the server has said, of all starts."""
        return self.home / "server.log"

    @property
    def password_file(self) -> Path:
        """The superuser's password."""
        return self.state_dir / "postgres-password"

    def open_log(self) -> int:
        """Give a file descriptor that appends to the log; a long one is put aside first."""
        with contextlib.suppress(FileNotFoundError):
            if self.log_file.stat().st_size > _LOG_BYTES:
                self.log_file.rename(self.log_file.with_suffix(".log.1"))
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        return os.open(self.log_file, flags, 0o600)

    def password(self) -> Secret:
        """Give the superuser's password; invent it before there are data.

        Raises:
            EmbeddedServerError: there are data, but the password is gone.
        """
        if self.password_file.exists():
            return Secret(self.password_file.read_text().strip())
        if self.data_folder.exists():
            msg = (
                f"{self.password_file}, the password of {self.data_folder}, is gone: restore it, or"
                " move the data folder away to begin with an empty database"
            )
            raise EmbeddedServerError(msg)
        _write_privately(self.password_file, secrets.token_urlsafe(32))
        return Secret(self.password_file.read_text())

    def make_socket_folder(self) -> Path:
        """Give a folder of the server's user alone whose path is short enough for a socket."""
        inside = self.home / "socket"
        if _suits_a_socket(inside):
            _make_folder(inside, mode=0o700, owner=self.user)
            return inside
        noted = _read_note(self.state_dir).socket_folder
        if noted and _is_private_folder_of(noted, self.user):
            return noted
        # /tmp is /run for those who may not write there: short on every system.
        parent = "/run" if os.access("/run", os.W_OK) else "/tmp"  # noqa: S108
        short = Path(tempfile.mkdtemp(prefix="clientflow-", dir=parent))
        self.user.take(short)
        note = attrs.evolve(_read_note(self.state_dir), socket_folder=short)
        _write_note(self.state_dir, note)
        return short

    def remove_socket_folder(self) -> None:
        """Remove a short socket folder once nothing is in it, and its note."""
        note = _read_note(self.state_dir)
        if note.socket_folder is None:
            return
        with contextlib.suppress(OSError):
            note.socket_folder.rmdir()
            _write_note(self.state_dir, attrs.evolve(note, socket_folder=None))


def prepare_state_dir(state_dir: Path) -> Path:
    """Make *state_dir* if need be, and give it as an absolute path without links.

    Raises:
        EmbeddedServerError: it is not a folder.
        OSError: it cannot be made.
    """
    resolved = state_dir.resolve()
    if resolved.exists() and not resolved.is_dir():
        msg = f"{state_dir} is a file; the state folder must be a folder: name another one"
        raise EmbeddedServerError(msg)
    _make_folder(resolved, mode=0o711)
    return resolved


@contextlib.contextmanager
def locked(state_dir: Path) -> Iterator[None]:
    """Keep every other process from starting or stopping the server of *state_dir*.

    Raises:
        EmbeddedServerError: another process has been doing so for too long.
    """
    file = os.open(state_dir / "postgres.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    deadline = time.monotonic() + LOCK_SECONDS
    try:
        while not _try_to_lock(file):
            if time.monotonic() > deadline:
                msg = (
                    f"another process has been starting or stopping the server of {state_dir} for"
                    f" {LOCK_SECONDS} seconds: see what holds {state_dir / 'postgres.lock'}"
                )
                raise EmbeddedServerError(msg)
            time.sleep(0.02)
        yield
    finally:
        os.close(file)


def _try_to_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _home_outside(state_dir: Path, user: ServerUser) -> Path:
    if (state_dir / "postgres" / "data").exists():
        msg = (
            f"the user {user.name}, to whom the database belongs, can no longer enter {state_dir}:"
            " let others pass through it and its parents again (chmod o+x)"
        )
        raise EmbeddedServerError(msg)
    make_public_folder(SHARED_FOLDER)
    home = _unused_folder(SHARED_FOLDER / hashlib.sha256(bytes(state_dir)).hexdigest()[:16])
    _write_note(state_dir, attrs.evolve(_read_note(state_dir), home=home))
    return home


def _unused_folder(wanted: Path) -> Path:
    """Make *wanted*, or the first of its numbered sisters that does not exist.

    An existing one belongs to a state folder that was deleted: its data are neither shown to the
    new one nor thrown away.
    """
    number = 1
    while True:
        folder = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
            continue
        folder.chmod(0o711)
        return folder


def _make_folder(folder: Path, *, mode: int, owner: ServerUser | None = None) -> None:
    if folder.is_dir():
        return
    folder.mkdir(parents=True)
    folder.chmod(mode)
    if owner is not None:
        owner.take(folder)


def _suits_a_socket(folder: Path) -> bool:
    # libpq takes a comma for the end of a host's name.
    socket = folder / f".s.PGSQL.{PORT}"
    return len(bytes(socket)) <= _SOCKET_PATH_BYTES and b"," not in bytes(socket)


def _is_private_folder_of(folder: Path, user: ServerUser) -> bool:
    """Tell whether *folder* is still ours: others may make a folder of that name after a reboot."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    return folder.stat().st_uid == user.uid and not folder.stat().st_mode & 0o077


def _note_file(state_dir: Path) -> Path:
    return state_dir / "postgres-places.json"


def _read_note(state_dir: Path) -> _Note:
    try:
        places = json.loads(_note_file(state_dir).read_text())
        return _Note(**{name: Path(place) for name, place in places.items()})
    except FileNotFoundError:
        return _Note()
    except (ValueError, TypeError, AttributeError) as error:
        msg = f"{_note_file(state_dir)} is damaged: restore it from a backup"
        raise EmbeddedServerError(msg) from error


def _write_note(state_dir: Path, note: _Note) -> None:
    places = {name: str(place) for name, place in attrs.asdict(note).items() if place is not None}
    _write_privately(_note_file(state_dir), json.dumps(places))


def _write_privately(file: Path, text: str) -> None:
    """Write *file* whole or not at all, for the present user only."""
    descriptor, unfinished = tempfile.mkstemp(prefix=f"{file.name}-", dir=file.parent)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(descriptor)
    Path(unfinished).replace(file)
