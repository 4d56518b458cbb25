"""A process of ours that can be ended in every way, and started again."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs

_END_SECONDS: Final = 20.0
# Nothing of the machine's own settings may reach it.
_OURS: Final = (
    "CLIENTFLOW_",
    "TWILIO_",
    "STRIPE_",
    "SENDGRID_",
    "GOOGLE_",
    "DATABASE_URL",
    "REDIS_URL",
)


@attrs.define(eq=False, kw_only=True)
class Child:
    """One command of ours.

    Attributes:
        name: tells it from its twin.
        command: serve, worker or sandbox.
        url: where it answers.
        starts: how often it was started.
    """

    name: str
    command: str
    url: str
    environment: Mapping[str, str]
    log_file: Path
    arguments: tuple[str, ...] = ()
    starts: int = 0
    started_at: float = 0.0
    popen: subprocess.Popen[bytes] | None = None

    def start(self, **more: str) -> None:
        """Start it, with *more* in its environment."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        with self.log_file.open("ab") as output:
            self.popen = subprocess.Popen(
                [sys.executable, "-P", "-m", "clientflow_host.cli", self.command, *self.arguments],
                # No .env there.
                cwd=self.log_file.parent,
                env={**kept, "CLIENTFLOW_SECRETS_DIR": "/nowhere", **self.environment, **more},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self.starts += 1
        self.started_at = time.monotonic()

    @property
    def is_running(self) -> bool:
        """Whether its process is there, frozen or not."""
        return self.popen is not None and self.popen.poll() is None

    def kill(self) -> None:
        """End it with nothing tidied up, as kill -9 does."""
        if self.is_running:
            self._signal(signal.SIGKILL)
        self.wait()

    def terminate(self) -> int:
        """Ask it to end; give its exit code.

        Raises:
            TimeoutExpired: it does not.
        """
        if self.is_running:
            self._signal(signal.SIGTERM)
        return self.wait()

    def freeze(self) -> None:
        """Have it do nothing, while its connections stay open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Have it go on."""
        self._signal(signal.SIGCONT)

    def wait(self, *, seconds: float = _END_SECONDS) -> int:
        """Wait until it has ended; give its exit code."""
        return self.popen.wait(seconds) if self.popen is not None else 0

    def poll(self) -> int | None:
        """Give its exit code; None while it runs."""
        return self.popen.poll() if self.popen is not None else None

    def log_lines(self, event: str | None = None) -> Iterator[dict[str, Any]]:
        """Give the lines of its log, those of all its lives; of one *event*, or all."""
        if not self.log_file.exists():
            return
        for line in self.log_file.read_text("utf-8", "replace").splitlines():
            # What Python itself says is no JSON.
            with contextlib.suppress(ValueError):
                read = json.loads(line)
                if isinstance(read, dict) and event in {None, read.get("event")}:
                    yield read

    def tail(self, *, characters: int = 3000) -> str:
        """Give the end of its log, for a message."""
        if not self.log_file.exists():
            return ""
        return self.log_file.read_text("utf-8", "replace")[-characters:]

    def _signal(self, number: signal.Signals) -> None:
        assert self.popen is not None
        self.popen.send_signal(number)
