"""The state folder: what `up` keeps there, and leaves there for the other commands."""

import contextlib
import fcntl
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from clientflow_core.errors import ClientFlowError

_UP: Final = "up.json"


class StateFolderUnusable(ClientFlowError):
    """The state folder cannot be used, or what is in it cannot be read."""

    code = "state_folder"


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
            path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=path):
                pass
        except OSError as error:
            msg = (
                f"{path}: {error.strerror or error}. The state folder must be one that you may"
                " write to: name another by --state-dir or CLIENTFLOW_STATE_DIR"
            )
            raise StateFolderUnusable(msg) from error
        return cls(path.resolve())

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep a second `up` off the folder.

        Raises:
            StateFolderUnusable: another process holds it.
        """
        lock = os.open(self.path / "up.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                msg = (
                    f"clientflow up runs on {self.path} already: stop it, or name another state"
                    " folder by --state-dir"
                )
                raise StateFolderUnusable(msg) from error
            yield
        finally:
            os.close(lock)

    def read_json(self, name: str) -> dict[str, Any] | None:
        """Read a file of ours; None if there is none.

        Raises:
            StateFolderUnusable: it cannot be read.
        """
        file = self.path / name
        try:
            found: dict[str, Any] = json.loads(file.read_text("utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            msg = f"{file} cannot be read ({type(error).__name__}): remove it to have it made anew"
            raise StateFolderUnusable(msg) from error
        return found

    def write_json(self, name: str, value: Mapping[str, Any]) -> None:
        """Write a file that only this user can read, whole or not at all."""
        descriptor, unfinished = tempfile.mkstemp(prefix=f"{name}-", dir=self.path)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(value, stream, indent=2)
        Path(unfinished).replace(self.path / name)

    def leave_note(self, note: UpNote) -> None:
        """Tell other commands what runs."""
        self.write_json(_UP, attrs.asdict(note))

    def remove_note(self) -> None:
        """Tell other commands that nothing runs any more."""
        (self.path / _UP).unlink(missing_ok=True)


def read_up_note(path: Path) -> UpNote | None:
    """Read what a running `up` has left in the state folder *path*; None if there is nothing.

    Raises:
        StateFolderUnusable: it is there, and cannot be read.
    """
    found = StateFolder(path).read_json(_UP)
    if found is None:
        return None
    try:
        return UpNote(**found)
    except TypeError as error:
        msg = f"{path / _UP} is of another release: start `clientflow up` again"
        raise StateFolderUnusable(msg) from error
