"""Commands of ours as an operator runs them: real processes, and what is left of them."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs
import pytest

CLI: Final = (sys.executable, "-P", "-m", "clientflow_host.cli")
# A busy machine takes its time; where ten seconds are promised, the test says so.
_STOP_SECONDS: Final = 30.0
T = TypeVar("T")
_started: "list[Command]" = []


def environment(**more: str) -> dict[str, str]:
    """Give this process's environment without settings of ours and pytest's, and *more*."""
    ours = ("CLIENTFLOW_", "TWILIO_", "DATABASE_URL", "XDG_", "PYTEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "CLIENTFLOW_SECRETS_DIR": "/nowhere", **more}


def run(*arguments: str, folder: Path, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end, in *folder*, with *settings* in its environment."""
    return subprocess.run(
        [*CLI, *arguments],
        cwd=folder,
        env=environment(**settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=50,
        check=False,
    )


@attrs.define(eq=False)
class Command:
    """One that runs until it is told to stop."""

    popen: "subprocess.Popen[bytes]"
    out: Path
    err: Path

    @classmethod
    def start(cls, *arguments: str, folder: Path, **settings: str) -> "Command":
        """Start it in *folder*, which keeps what it says."""
        number = len(list(folder.glob("*.out")))
        out, err = folder / f"{number}.out", folder / f"{number}.err"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            popen = subprocess.Popen(
                [*CLI, *arguments],
                cwd=folder,
                env=environment(**settings),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            )
        command = cls(popen, out, err)
        _started.append(command)
        return command

    def says(self, words: str, *, seconds: float = 40.0) -> None:
        """Wait until *words* are in its output."""
        self.until(lambda: words in self.out.read_text() + self.err.read_text(), seconds=seconds)

    def until(self, look: Callable[[], T | None], *, seconds: float = 40.0) -> T:
        """Call *look* until it gives something true; the end of the command fails the test."""
        deadline = time.monotonic() + seconds
        while True:
            found = look()
            if found:
                return found
            if self.popen.poll() is not None or time.monotonic() > deadline:
                said = f"{self.out.read_text()}\n{self.err.read_text()}"
                pytest.fail(f"waited in vain; exit code {self.popen.returncode}\n{said}")
            time.sleep(0.02)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send it a signal; give its exit code."""
        self.popen.send_signal(number)
        return self.popen.wait(_STOP_SECONDS)

    def kill(self) -> None:
        """End it with nothing tidied up."""
        self.popen.kill()
        self.popen.wait()


@attrs.define(eq=False)
class Up:
    """A running ``clientflow up --json``.

    Attributes:
        note: what it has printed.
    """

    command: Command
    folder: Path
    note: Mapping[str, Any]

    @property
    def state(self) -> Path:
        """Its state folder."""
        return self.folder / "state"

    @classmethod
    def start(cls, folder: Path, **settings: str) -> "Up":
        """Start it on ``folder/state`` and wait until it is ready."""
        arguments = ("up", "--json", "--port", "0", "--state-dir", str(folder / "state"))
        # Several start at the same time, and would all find the usual ones free.
        ports = dict.fromkeys(("CLIENTFLOW_WORKER_PORT", "CLIENTFLOW_SANDBOX_PORT"), "0")
        settings = ports | settings
        command = Command.start(*arguments, folder=folder, **settings)
        command.until(lambda: command.out.read_text().endswith("\n"))
        return cls(command, folder, json.loads(command.out.read_text()))

    def run(self, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        """Run another command on the same state folder."""
        return run(*arguments, "--state-dir", str(self.state), folder=self.folder, **settings)

    def get(self, path: str) -> Any:
        """Ask the API with the key of the demo organization."""
        headers = {"Authorization": f"Bearer {self.note['api_key']}"}
        return ask(f"{self.note['url']}{path}", headers=headers)[1]


def ask(url: str, *, headers: Mapping[str, str] | None = None, body: Any = None) -> tuple[int, Any]:
    """Send a request, a POST if there is a body; give status and JSON. 0 stands for no answer."""
    data = None if body is None else json.dumps(body).encode()
    given = {"Content-Type": "application/json"} if data else {}
    request = urllib.request.Request(url, data=data, headers={**given, **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"null")
    except OSError:
        return 0, None


def processes_of(folder: Path) -> dict[int, str]:
    """Give the processes whose command line or environment names *folder*."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (process / "cmdline").read_bytes()
            if bytes(folder) in command + b"\0" + (process / "environ").read_bytes():
                found[int(process.name)] = command.replace(b"\0", b" ").decode()
    found.pop(os.getpid(), None)
    return found


def child_of(folder: Path, name: str) -> int | None:
    """Give the number of the process of `up` that runs *name*; None while there is none."""
    commands = processes_of(folder).items()
    pids = [pid for pid, command in commands if f"clientflow_host.cli {name} " in command]
    return pids[0] if pids else None


def postmaster_of(folder: Path) -> int | None:
    """Give the number of the first process of the embedded server; None while there is none."""
    needle = f"-D {folder}/state/postgres/data "
    pids = [pid for pid, command in processes_of(folder).items() if needle in command]
    return min(pids) if pids else None


def kill_all(folder: Path) -> None:
    """Kill whatever still names *folder*, or was started there."""
    for command in [one for one in _started if one.out.is_relative_to(folder)]:
        _started.remove(command)
        command.kill()
    while left := processes_of(folder):
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


@contextmanager
def new_room() -> Iterator[Path]:
    """Make a folder that every user can pass, unlike pytest's own when root runs it."""
    folder = Path(tempfile.mkdtemp(prefix="cf-", dir="/tmp")).resolve()
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        kill_all(folder)
        shutil.rmtree(folder)


@contextmanager
def taken_port() -> Iterator[int]:
    """Listen at a port for as long as the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield int(listening.getsockname()[1])
