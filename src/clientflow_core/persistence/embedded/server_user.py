"""The user of the operating system that the server runs as."""

import os
import pwd
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs

from clientflow_core.errors import EmbeddedServerError

# Nothing of the caller's environment: PGDATA, PGPORT and PGOPTIONS would change the server, a
# locale the language of its messages.
_ENVIRONMENT: Final = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


@attrs.frozen
class ServerUser:
    """A user, and how to run programs as that user."""

    uid: int
    gid: int
    name: str

    @property
    def is_somebody_else(self) -> bool:
        """Tell whether this is not the user of the present process."""
        return self.uid != os.geteuid()

    def run(
        self, command: Sequence[str | Path], *, folder: Path
    ) -> subprocess.CompletedProcess[str]:
        """Run *command* in *folder* to its end and give its output."""
        return subprocess.run(  # noqa: S603 - every command is made in this package
            command,
            cwd=folder,
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            umask=0o077,
            user=self.uid if self.is_somebody_else else None,
            group=self.gid if self.is_somebody_else else None,
            extra_groups=[] if self.is_somebody_else else None,
        )

    def spawn(
        self, command: Sequence[str | Path], *, folder: Path, log: int
    ) -> subprocess.Popen[bytes]:
        """Start *command* in a session of its own, where the terminal's Ctrl-C does not reach.

        Args:
            command: the program and its arguments.
            folder: where it is started.
            log: the file descriptor that takes all it says.
        """
        return subprocess.Popen(  # noqa: S603 - every command is made in this package
            command,
            cwd=folder,
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            umask=0o077,
            user=self.uid if self.is_somebody_else else None,
            group=self.gid if self.is_somebody_else else None,
            extra_groups=[] if self.is_somebody_else else None,
        )

    def may_pass(self, path: Path) -> bool:
        """Tell whether the user can enter the folder, or run the program, that *path* names.

        The present user counts as able to: if not, trying says best why.
        """
        if not self.is_somebody_else:
            return True
        # Asked as that user, since access lists and mounts count as much as the mode does.
        return self.run(["/bin/sh", "-c", 'test -x "$0"', path], folder=Path("/")).returncode == 0

    def take(self, path: Path) -> None:
        """Make the user the owner of *path*, which this process has just made."""
        if self.is_somebody_else:
            os.chown(path, self.uid, self.gid)


def server_user(data_folder: Path) -> ServerUser:
    """Choose whom the server runs as: for root the owner of *data_folder*, or postgres, or nobody.

    Raises:
        EmbeddedServerError: this is root, and there is neither ``postgres`` nor ``nobody``.
    """
    if os.geteuid() != 0:
        return ServerUser(uid=os.geteuid(), gid=os.getegid(), name=_name(os.geteuid()))
    # A package may bring the user postgres after nobody has made the data.
    if data_folder.exists() and data_folder.stat().st_uid != 0:
        made_by = data_folder.stat()
        return ServerUser(uid=made_by.st_uid, gid=made_by.st_gid, name=_name(made_by.st_uid))
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServerUser(uid=entry.pw_uid, gid=entry.pw_gid, name=name)
    msg = (
        "PostgreSQL does not run as root, and this machine has no user postgres or nobody: start"
        " ClientFlow as another user, or set DATABASE_URL"
    )
    raise EmbeddedServerError(msg)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
