"""Workers with jobs of a session's own (job_worker.py), on a database without the service."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import attrs
import psycopg

from tests.torture.job_worker import AT_WORK, TABLE
from tests.torture.postgres import Postgres

_SCRIPT: Final = Path(__file__).with_name("job_worker.py")
_END_SECONDS: Final = 20.0
Look = Callable[[], bool]


@attrs.define(eq=False, kw_only=True)
class JobWorker:
    """One of them.

    Attributes:
        deaths: how often it was found ended.
        code: with what it ended the last time.
        starts: how often it was started.
    """

    name: str
    environment: dict[str, str]
    log_file: Path
    popen: "subprocess.Popen[bytes] | None" = None
    deaths: int = 0
    code: int | None = None
    starts: int = 0

    def start(self, **more: str) -> None:
        """Start it, with *more* in its environment."""
        with self.log_file.open("ab") as output:
            self.popen = subprocess.Popen(
                [sys.executable, str(_SCRIPT)],
                env={**os.environ, **self.environment, **more},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self.starts += 1

    @property
    def is_at_work(self) -> bool:
        """Whether it lives, and has come as far as looking for jobs."""
        if self.popen is None or self.popen.poll() is not None:
            return False
        return self.log_file.read_bytes().count(AT_WORK.encode()) == self.starts

    def end(self, number: signal.Signals) -> int:
        """Send it a signal; give its exit code."""
        assert self.popen is not None
        if self.popen.poll() is None:
            self.popen.send_signal(number)
        return self.popen.wait(_END_SECONDS)

    def revive(self) -> None:
        """Start it again if it has ended, as what supervises it does."""
        if self.popen is not None and self.popen.poll() is not None:
            self.deaths += 1
            self.start()


@attrs.define(eq=False, kw_only=True)
class JobWorkers:
    """All of them, and their database."""

    postgres: Postgres
    workers: list[JobWorker]

    def start(self, **more: str) -> None:
        """Start each."""
        for one in self.workers:
            one.environment |= more
            one.start()

    def end(self) -> list[int]:
        """Ask each to end; give their exit codes."""
        return [one.end(signal.SIGTERM) for one in self.workers]

    def count(self, query: str, *values: object) -> int:
        """Ask the database for one number."""
        return int(self.postgres.rows(query, *values)[0][0])

    async def until(self, look: Look, *, what: str, seconds: float, revived: bool = True) -> None:
        """Look until it is so; meanwhile those that have died are started again.

        Raises:
            AssertionError: it is not within so many seconds.
        """
        deadline = time.monotonic() + seconds
        while not await asyncio.to_thread(look):
            assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain until {what}"
            await asyncio.sleep(0.05)
            if revived:
                self.revive()

    def revive(self) -> None:
        """Start those again that have died."""
        for one in self.workers:
            one.revive()


@contextlib.contextmanager
def job_workers(count: int) -> Iterator[JobWorkers]:
    """Make *count* workers, not started, for as long as the block runs."""
    with Postgres.started() as postgres:
        with psycopg.connect(postgres.superuser.reveal(), autocommit=True) as connection:
            connection.execute(TABLE.encode())
        environment = {"DATABASE_URL": postgres.addresses.application.reveal()}
        made = JobWorkers(
            postgres=postgres,
            workers=[
                JobWorker(
                    name=f"worker{number + 1}",
                    environment=dict(environment),
                    log_file=postgres.folder / f"worker{number + 1}.log",
                )
                for number in range(count)
            ],
        )
        try:
            yield made
        finally:
            for one in made.workers:
                if one.popen is not None:
                    one.end(signal.SIGKILL)
