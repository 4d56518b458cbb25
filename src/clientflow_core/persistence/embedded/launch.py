"""Start the server's process and wait until it is ready."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from clientflow_core.errors import EmbeddedServerError
from clientflow_core.persistence.embedded.binaries import Binaries
from clientflow_core.persistence.embedded.pid_file import PidFile, read_pid_file
from clientflow_core.persistence.embedded.places import PORT, Places

READY_SECONDS: Final = 60.0
_SHARED_MEMORY_SECONDS: Final = 10.0
_PAUSE_SECONDS: Final = 0.02
_LOG_LINES: Final = 15


def launch(
    places: Places, binaries: Binaries, *, durable: bool
) -> tuple[subprocess.Popen[bytes], PidFile]:
    """Start the server on its data and wait until it is ready.

    Raises:
        EmbeddedServerError: it ended, with the last lines of its log, or is not ready in time.
        OSError: it cannot be run.
    """
    socket_folder = places.make_socket_folder()
    options = _server_options(socket_folder, durable=durable)
    command: list[str | Path] = [binaries.folder / "postgres", "-D", places.data_folder, *options]
    with _stale_locks_put_aside(places.data_folder, socket_folder):
        return _launch_patiently(places, command)


@contextlib.contextmanager
def _stale_locks_put_aside(data_folder: Path, socket_folder: Path) -> Iterator[None]:
    """Hide what a killed server left, since another process may have its number by now.

    PostgreSQL would take that process for a server. It still sees every process that works on the
    data by their shared memory; then the file is put back, for it may be that of a server which
    somebody started by hand, and which ends when its file is gone.
    """
    pid_file = data_folder / "postmaster.pid"
    aside = data_folder / "postmaster.pid.stale"
    if pid_file.exists():
        pid_file.rename(aside)
    (socket_folder / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)
    try:
        yield
    finally:
        if aside.exists() and not pid_file.exists():
            aside.rename(pid_file)
        aside.unlink(missing_ok=True)


def _server_options(socket_folder: Path, *, durable: bool) -> list[str]:
    quoted_folder = str(socket_folder).replace('"', '""')
    options = {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": f'"{quoted_folder}"',
        "unix_socket_permissions": "0700",
        "password_encryption": "scram-sha-256",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    if not durable:
        options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    return [part for name, value in options.items() for part in ("-c", f"{name}={value}")]


def _launch_patiently(
    places: Places, command: Sequence[str | Path]
) -> tuple[subprocess.Popen[bytes], PidFile]:
    """Launch the server, again and again while the children of a killed one are still about."""
    deadline = time.monotonic() + _SHARED_MEMORY_SECONDS
    while True:
        log = places.open_log()
        try:
            log_start = os.lseek(log, 0, os.SEEK_END)
            process = places.user.spawn(command, folder=places.home, log=log)
        finally:
            os.close(log)
        pid_file = _wait_until_ready(process, places)
        if pid_file is not None:
            return process, pid_file
        said = places.log_file.read_bytes()[log_start:].decode(errors="replace")
        if "pre-existing shared memory block" not in said or time.monotonic() > deadline:
            last_lines = "\n".join(said.splitlines()[-_LOG_LINES:])
            msg = f"PostgreSQL ended at its start; {places.log_file} says:\n{last_lines}"
            raise EmbeddedServerError(msg)
        time.sleep(0.2)


def _wait_until_ready(process: subprocess.Popen[bytes], places: Places) -> PidFile | None:
    """Wait until *process* says that it is ready; give None if it ends before.

    Raises:
        EmbeddedServerError: it does neither in time. It is left alone: it may be recovering.
    """
    deadline = time.monotonic() + READY_SECONDS
    try:
        while process.poll() is None:
            found = read_pid_file(places.data_folder)
            # The file may still be that of the server before, which was ready too.
            if found is not None and found.pid == process.pid and found.is_ready:
                return found
            if time.monotonic() > deadline:
                msg = (
                    f"PostgreSQL ({process.pid}) is not ready after {READY_SECONDS:.0f} seconds; it"
                    f" may be recovering: see {places.log_file}, and start again to wait for it"
                )
                raise EmbeddedServerError(msg)
            time.sleep(_PAUSE_SECONDS)
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        process.wait()
        raise
    return None
