"""The state folder: what `up` keeps there, and leaves there for the other commands."""

import contextlib
import fcntl
import json
import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final

import attrs

from clientflow_core.errors import ClientFlowError

_UP: Final = "up.json"
_LOCK: Final = "up.lock"
# Longer than a command needs that only looks whether the lock is held.
_LOCK_SECONDS: Final = 0.5
_PAUSE_SECONDS: Final = 0.02


class StateFolderUnusable(ClientFlowError):
    """The state folder cannot be used, or another `up` runs on it."""

    code = "state_folder"
    remedy = "Name another by `--state-dir`, or give this one to the user that runs ClientFlow."


@attrs.frozen(kw_only=True)
class UpNote:
    """What `up` tells whoever asks how to reach what it runs.

    Attributes:
        url: of the host.
        email, password: of the demo organization's owner.
        api_key: of the demo organization.
        sandbox_url: of the stand-ins; None when every provider is a real one.
        settings: what the stand-ins were set to: ``TWILIO_...`` and others.
        database_url: of the application role; not printed.
    """

    url: str
    email: str
    password: str
    api_key: str
    organization_id: str
    sandbox_url: str | None
    state_dir: str
    settings: Mapping[str, str]
    database_url: str = attrs.field(repr=False)

    def printed(self) -> dict[str, Any]:
        """Give what is shown of it."""
        shown = attrs.asdict(self)
        del shown["database_url"]
        return shown


@attrs.frozen
class StateFolder:
    """A folder of this user's own."""

    path: Path

    @classmethod
    def open(cls, path: Path) -> "StateFolder":
        """Make the folder if need be.

        Raises:
            StateFolderUnusable: it cannot be made, or not be written to.
        """
        try:
            _make(path)
            with tempfile.TemporaryFile(dir=path):
                pass
        except OSError as error:
            raise _unusable(path, error) from error
        return cls(path.resolve())

    def subfolder(self, name: str) -> Path:
        """Make a folder in it that only this user can look into, unless it is there.

        Raises:
            StateFolderUnusable: it cannot be made.
        """
        folder = self.path / name
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise _unusable(folder, error) from error
        return folder

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep a second `up` off the folder.

        Raises:
            StateFolderUnusable: another process holds it.
        """
        try:
            lock = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise _unusable(self.path / _LOCK, error) from error
        try:
            if not _lock(lock):
                msg = (
                    f"clientflow up runs on {self.path} already: stop it, or name another state"
                    " folder by --state-dir"
                )
                raise StateFolderUnusable(msg)
            yield
        finally:
            os.close(lock)

    def is_held(self) -> bool:
        """Tell whether `up` runs on the folder."""
        try:
            lock = os.open(self.path / _LOCK, os.O_RDONLY)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _unusable(self.path / _LOCK, error) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False

    def read_json(self, name: str) -> dict[str, Any] | None:
        """Read a file of ours; None if there is none.

        Raises:
            StateFolderUnusable: it cannot be read.
        """
        file = self.path / name
        try:
            found = json.loads(file.read_text("utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _unusable(file, error) from error
        except ValueError:
            found = None
        if not isinstance(found, dict):
            msg = f"{file} is damaged: remove it to have it made anew"
            raise StateFolderUnusable(msg)
        return found

    def write_json(self, name: str, value: Mapping[str, Any]) -> None:
        """Write a file that only this user can read, whole or not at all.

        Raises:
            StateFolderUnusable: it cannot be written.
        """
        file = self.path / name
        try:
            with _unfinished(file) as (unfinished, stream):
                json.dump(value, stream, indent=2)
                stream.flush()
                os.fsync(stream.fileno())
                unfinished.replace(file)
        except OSError as error:
            raise _unusable(file, error) from error

    def leave_note(self, note: UpNote) -> None:
        """Tell other commands what runs.

        Raises:
            StateFolderUnusable: it cannot be written.
        """
        self.write_json(_UP, attrs.asdict(note))

    def remove_note(self) -> None:
        """Tell other commands that nothing runs any more."""
        (self.path / _UP).unlink(missing_ok=True)


def read_up_note(path: Path) -> UpNote | None:
    """Read what a running `up` has left in the state folder *path*; None if none runs there.

    One that was killed leaves its note behind, but not its lock.

    Raises:
        StateFolderUnusable: it is there, and cannot be read.
    """
    folder = StateFolder(path)
    found = folder.read_json(_UP)
    if found is None or not folder.is_held():
        return None
    try:
        return UpNote(**found)
    except TypeError as error:
        msg = f"{path / _UP} is of another release: start `clientflow up` again"
        raise StateFolderUnusable(msg) from error


def _make(path: Path) -> None:
    if path.is_dir():
        return
    path.mkdir(parents=True)
    # PostgreSQL, which is another user where we are root, must get through; whatever the umask.
    path.chmod(0o711)


@contextlib.contextmanager
def _unfinished(file: Path) -> Iterator[tuple[Path, IO[str]]]:
    """Make a file beside *file* to write into; it is gone afterwards if it is still there."""
    descriptor, name = tempfile.mkstemp(prefix=f"{file.name}-", dir=file.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            yield Path(name), stream
    finally:
        Path(name).unlink(missing_ok=True)


def _lock(file: int) -> bool:
    """Take the lock on *file*; one who only looks whether it is held lets go at once."""
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(_PAUSE_SECONDS)
        else:
            return True


def _unusable(path: Path, error: OSError) -> StateFolderUnusable:
    reason = "it is a file" if isinstance(error, FileExistsError) else error.strerror or error
    msg = (
        f"{path}: {reason}. The state folder must be a folder that you may write"
        " to, on a disk with room: name another by --state-dir or CLIENTFLOW_STATE_DIR"
    )
    return StateFolderUnusable(msg)
