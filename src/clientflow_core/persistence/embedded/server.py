"""Start, adopt and stop the embedded server."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

import attrs
import psycopg

from clientflow_core.errors import EmbeddedServerError
from clientflow_core.persistence.embedded import places as places_module
from clientflow_core.persistence.embedded.binaries import Binaries, bring_within_reach
from clientflow_core.persistence.embedded.data_folder import (
    SUPERUSER,
    choose_binaries,
    make_data,
    refuse_other_version,
)
from clientflow_core.persistence.embedded.launch import READY_SECONDS, launch
from clientflow_core.persistence.embedded.pid_file import PidFile, is_server_of, read_pid_file
from clientflow_core.persistence.embedded.places import Places, locked, prepare_state_dir
from clientflow_core.secret import Secret

_CONNECT_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 0.02


@attrs.define(eq=False, kw_only=True)
class EmbeddedPostgres:
    """A running server; leaving the ``with`` block stops it.

    Attributes:
        data_folder: its data directory.
        socket_folder: the folder of its Unix socket; it listens nowhere else.
        port: the number in the socket's name.
        pid: its first process.
        was_adopted: it was running already, left by a supervisor that was killed.
        log_file: what it says.
    """

    data_folder: Path
    socket_folder: Path
    port: int
    pid: int
    was_adopted: bool
    log_file: Path
    _places: Places
    _password: Secret
    _process: subprocess.Popen[bytes] | None

    @classmethod
    def start(
        cls, state_dir: Path, *, binaries: Binaries | None = None, durable: bool = True
    ) -> Self:
        """Start the server of *state_dir*, or adopt it if it runs; its first start makes its data.

        Args:
            state_dir: the folder that keeps its data, password and notes; made if need be.
            binaries: the PostgreSQL to run; without it the one that made the data, else the best
                that is installed.
            durable: False for tests only: faster, but a power cut ruins the data.

        Raises:
            EmbeddedServerError: it does not start; says which path or log tells why, and what to
                do.
        """
        with _errors_explained(state_dir):
            folder = prepare_state_dir(state_dir)
            with locked(folder):
                places = Places.settle(folder)
                password = places.password()
                live = _wait_for_live_server(places, password)
                if live is not None:
                    return cls._from_pid_file(live, places=places, password=password)
                return cls._start_dead(places, password, binaries=binaries, durable=durable)

    @classmethod
    def _start_dead(
        cls, places: Places, password: Secret, *, binaries: Binaries | None, durable: bool
    ) -> Self:
        chosen = bring_within_reach(
            binaries or choose_binaries(places.data_folder),
            user=places.user,
            shared_folder=places_module.SHARED_FOLDER,
        )
        if not places.data_folder.exists():
            make_data(places, chosen, password, durable=durable)
        refuse_other_version(places.data_folder, chosen)
        process, pid_file = launch(places, chosen, durable=durable)
        problem = _connection_problem(pid_file, password)
        if problem is not None:
            process.send_signal(signal.SIGINT)
            process.wait()
            msg = (
                f"the server started, but takes no connection: {problem}. {places.password_file}"
                f" must hold the password of the role {SUPERUSER}; the log is {places.log_file}"
            )
            raise EmbeddedServerError(msg)
        return cls._from_pid_file(pid_file, places=places, password=password, process=process)

    @classmethod
    def _from_pid_file(
        cls,
        pid_file: PidFile,
        *,
        places: Places,
        password: Secret,
        process: subprocess.Popen[bytes] | None = None,
    ) -> Self:
        return cls(
            data_folder=places.data_folder,
            socket_folder=pid_file.socket_folder,
            port=pid_file.port,
            pid=pid_file.pid,
            was_adopted=process is None,
            log_file=places.log_file,
            places=places,
            password=password,
            process=process,
        )

    @property
    def superuser(self) -> str:
        """The name of the role that may do everything; for migrations, never for the service."""
        return SUPERUSER

    def url(self, *, user: str, password: Secret | None = None, database: str) -> Secret:
        """Give the address of *database* for the role *user*.

        Args:
            user: a role of the server.
            password: that role's; for the superuser it is known.
            database: its name; ``postgres`` always exists.
        """
        if password is None and user == SUPERUSER:
            password = self._password
        return _url(self.socket_folder, self.port, user, password, database)

    def is_running(self) -> bool:
        """Tell whether the server's process is still there."""
        if self._process is not None and self._process.poll() is not None:
            return False
        return is_server_of(self.data_folder, pid=self.pid, user=self._places.user)

    def stop(self, *, grace_seconds: float = 30.0) -> None:
        """Stop the server, whoever started it; nothing happens if it has stopped already.

        Args:
            grace_seconds: how long it may take to end in good order, before it is made to end and
                has to recover at its next start.

        Raises:
            EmbeddedServerError: it does not end.
        """
        if not self.is_running():
            return
        with _errors_explained(self._places.state_dir), locked(self._places.state_dir):
            self._signal_until_gone(grace_seconds)
            if self._process is not None:
                # Its pid file goes a moment before itself.
                self._process.wait()
            self._places.remove_socket_folder()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _signal_until_gone(self, grace_seconds: float) -> None:
        for signal_number, seconds in ((signal.SIGINT, grace_seconds), (signal.SIGQUIT, 15.0)):
            if not self.is_running():
                return
            os.kill(self.pid, signal_number)
            if self._is_gone_within(seconds):
                return
        msg = f"the server {self.pid} does not end: see {self.log_file}, then kill -9 {self.pid}"
        raise EmbeddedServerError(msg)

    def _is_gone_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.is_running():
            if time.monotonic() > deadline:
                return False
            time.sleep(_PAUSE_SECONDS)
        return True


@contextlib.contextmanager
def _errors_explained(state_dir: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = error.filename or state_dir
        msg = (
            f"{where}: {error.strerror or error}. PostgreSQL keeps its things in {state_dir}: it"
            " must be a folder that the present user may write to, on a disk with room; name"
            " another one, or set DATABASE_URL to a server of your own"
        )
        raise EmbeddedServerError(msg) from error


def _url(
    socket_folder: Path, port: int, user: str, password: Secret | None, database: str
) -> Secret:
    login = quote(user, safe="")
    if password is not None:
        login += ":" + quote(password.reveal(), safe="")
    host = quote(bytes(socket_folder), safe="")
    return Secret(f"postgresql://{login}@/{quote(database, safe='')}?host={host}&port={port}")


def _connection_problem(server: PidFile, password: Secret) -> str | None:
    """Connect once as the superuser; give what is wrong with that, or None."""
    url = _url(server.socket_folder, server.port, SUPERUSER, password, "postgres")
    try:
        psycopg.connect(url.reveal(), connect_timeout=5).close()
    except psycopg.OperationalError as error:
        return str(error).strip()
    return None


def _wait_for_live_server(places: Places, password: Secret) -> PidFile | None:
    """Give the running server of *places* once it takes connections; None if there is none.

    Raises:
        EmbeddedServerError: there is one, but no connection works.
    """
    deadline = time.monotonic() + READY_SECONDS
    problem = "it is not ready"
    while True:
        found = read_pid_file(places.data_folder)
        if found is None or not is_server_of(places.data_folder, pid=found.pid, user=places.user):
            return None
        if found.is_ready:
            answer = _connection_problem(found, password)
            if answer is None:
                return found
            problem = answer
            deadline = min(deadline, time.monotonic() + _CONNECT_SECONDS)
        if time.monotonic() > deadline:
            msg = (
                f"a server ({found.pid}) runs on {places.data_folder}, but takes no connection:"
                f" {problem}. See {places.log_file}; kill -INT {found.pid} ends it"
            )
            raise EmbeddedServerError(msg)
        time.sleep(_PAUSE_SECONDS)
