"""What PostgreSQL notes of a running server, and whether that is still true."""

import subprocess
from pathlib import Path

import attrs

from clientflow_core.persistence.embedded.server_user import ServerUser


@attrs.frozen
class PidFile:
    """The ``postmaster.pid`` of a data folder.

    Attributes:
        pid: the process that wrote it; it may be long dead, its number another's.
        port: the number in the name of the socket; 0 when not yet written.
        socket_folder: where the socket is.
        is_ready: the server said that it takes connections.
    """

    pid: int
    port: int
    socket_folder: Path
    is_ready: bool


def read_pid_file(data_folder: Path) -> PidFile | None:
    """Read ``postmaster.pid``; give None if there is none, or none that can be read yet."""
    try:
        lines = (data_folder / "postmaster.pid").read_text().splitlines()
        # The server writes it line by line while it starts.
        lines += [""] * (8 - len(lines))
        return PidFile(
            pid=int(lines[0]),
            port=int(lines[3] or 0),
            socket_folder=Path(lines[4]),
            is_ready=lines[7].strip() == "ready",
        )
    except (FileNotFoundError, ValueError):
        return None


def is_server_of(data_folder: Path, *, pid: int, user: ServerUser) -> bool:
    """Tell whether the process *pid* is a server of *user* that works on *data_folder*."""
    uid, command = _process(pid)
    # A zombie has no command line, so it counts as dead.
    return uid == user.uid and f" -D {data_folder} " in f"{command} "


def _process(pid: int) -> tuple[int | None, str]:
    """Give the owner and the command line of a process; (None, "") if there is none."""
    folder = Path(f"/proc/{pid}")
    try:
        if not Path("/proc/self").exists():
            return _process_by_ps(pid)
        arguments = (folder / "cmdline").read_bytes().decode(errors="surrogateescape")
        return folder.stat().st_uid, arguments.replace("\0", " ")
    except (OSError, ValueError):
        return None, ""


def _process_by_ps(pid: int) -> tuple[int | None, str]:
    command = ["/bin/ps", "-ww", "-o", "uid=,command=", "-p", str(pid)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    uid, _, said = result.stdout.strip().partition(" ")
    return int(uid), said
