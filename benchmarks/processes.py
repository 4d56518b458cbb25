"""What processes cost, read from /proc, and how ours are started for a measurement."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Final

from benchmarks.report import BenchRefused

CLI: Final = (sys.executable, "-P", "-m", "clientflow_host.cli")
_TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")
_READY_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 15.0
_OURS: Final = ("CLIENTFLOW_", "TWILIO_", "DATABASE_URL", "REDIS_URL")


def tree(pid: int) -> list[int]:
    """Give *pid* and all its descendants."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        fields = _fields(int(folder.name))
        if fields:
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    found = [pid]
    for one in found:  # grows while it is walked
        found.extend(children.get(one, ()))
    return found


def cpu_seconds(pid: int) -> float:
    """Give the CPU time that the tree of *pid* has used so far, also by children that have ended.

    Raises:
        BenchRefused: there is no such process, or no /proc.
    """
    if _fields(pid) is None:
        msg = f"the CPU time of process {pid} is not in /proc: it has ended, or this is not Linux"
        raise BenchRefused(msg)
    # user, system, and both of the children that were waited for
    ticks = (int(f) for one in tree(pid) for f in (_fields(one) or ())[11:15])
    return sum(ticks) / _TICKS_A_SECOND


def _fields(pid: int) -> list[str] | None:
    """Give what follows the name in ``/proc/PID/stat``, beginning with the state."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return None
    # The name in brackets may hold anything, brackets and spaces too.
    return text.rpartition(")")[2].split()


def kept_environment() -> dict[str, str]:
    """Give the environment without any setting of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return {**kept, "CLIENTFLOW_SECRETS_DIR": "/nowhere"}


@contextlib.contextmanager
def running(
    command: Sequence[str], *, settings: dict[str, str], log: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run *command* for as long as the block does, with no settings of ours but *settings*.

    Args:
        command: a program and its arguments.
        settings: of ClientFlow, or of the bare server.
        log: keeps what it says.
    """
    with log.open("ab") as output:
        popen = subprocess.Popen(
            command,
            env=kept_environment() | settings,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield popen
    finally:
        popen.send_signal(signal.SIGTERM)
        try:
            popen.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            popen.kill()
            popen.wait()


def wait_until_ready(url: str, *, popen: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until *url* answers 200.

    Args:
        url: such as that of ``/ready``.
        popen: what is to answer there.
        log: what it says, for the error.

    Raises:
        BenchRefused: it has ended, or takes too long.
    """
    deadline = time.monotonic() + _READY_SECONDS
    while not _is_ok(url):
        if popen.poll() is not None or time.monotonic() > deadline:
            said = log.read_text("utf-8", "replace")[-2000:]
            msg = f"{popen.args!r} does not get ready. It says:\n{said}"
            raise BenchRefused(msg)
        time.sleep(0.005)


def _is_ok(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except urllib.error.HTTPError:
        return False
    except OSError:
        return False
