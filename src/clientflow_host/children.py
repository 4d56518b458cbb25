"""Child processes that are started again when they end."""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import structlog

from clientflow_core.errors import ClientFlowError
from clientflow_host.serving import WITH_PARENT_ENV

_STOP_SECONDS: Final = 10.0
_FIRST_PAUSE_SECONDS: Final = 0.2
_LONGEST_PAUSE_SECONDS: Final = 10.0
# One that has run this long is not in a loop of crashes.
_STEADY_SECONDS: Final = 20.0
_LOG_BYTES: Final = 10_000_000
_SHOWN_LINES: Final = 12

log = structlog.get_logger(__name__)


class ChildFailed(ClientFlowError):
    """A child ended before it was ready."""

    code = "child_failed"


class Child:
    """One command of ours in a process of its own, its log in a file.

    Args:
        name: of the command and of its log.
        arguments: of ``clientflow``.
        environment: added to this process's own.
        log_folder: where its log goes.
    """

    def __init__(
        self,
        name: str,
        *,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        log_folder: Path,
    ) -> None:
        self.name = name
        self.log_file = log_folder / f"{name}.log"
        self.restarts = 0
        self._arguments = arguments
        self._environment = {**os.environ, **environment, WITH_PARENT_ENV: "1"}
        self._process: asyncio.subprocess.Process | None = None
        self._is_stopping = False

    @property
    def pid(self) -> int | None:
        """The number of its present process, if it runs."""
        return self._process.pid if self._process else None

    async def run(self) -> None:
        """Start it, and again whenever it ends, until :meth:`stop`."""
        pause = _FIRST_PAUSE_SECONDS
        while not self._is_stopping:
            begun = time.monotonic()
            code = await self._run_once()
            if self._is_stopping:
                return
            self.restarts += 1
            log.warning("child_ended", child=self.name, code=code, restarts=self.restarts)
            is_steady = time.monotonic() - begun > _STEADY_SECONDS
            pause = _FIRST_PAUSE_SECONDS if is_steady else min(pause * 2, _LONGEST_PAUSE_SECONDS)
            await asyncio.sleep(pause)

    async def stop(self) -> None:
        """Tell it to stop; kill it if it does not."""
        self._is_stopping = True
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            log.warning("child_killed", child=self.name)
            process.kill()
            await process.wait()

    def last_words(self) -> str:
        """Give the end of its log."""
        try:
            lines = self.log_file.read_text("utf-8", "replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-_SHOWN_LINES:])

    async def _run_once(self) -> int:
        with self._open_log() as output:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "clientflow_host.cli", *self._arguments),
                env=self._environment,
                # Held open for as long as we live: its end tells the child that we are gone.
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=output,
                # The terminal's Ctrl-C comes to us; we tell the child.
                start_new_session=True,
            )
        return await self._process.wait()

    @contextlib.contextmanager
    def _open_log(self) -> Iterator[int]:
        with contextlib.suppress(FileNotFoundError):
            if self.log_file.stat().st_size > _LOG_BYTES:
                self.log_file.rename(self.log_file.with_suffix(".log.1"))
        descriptor = os.open(self.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


@contextlib.asynccontextmanager
async def supervised(children: Sequence[Child]) -> AsyncIterator[None]:
    """Run *children* for as long as the block does, and stop them at its end."""
    runs = [asyncio.create_task(child.run()) for child in children]
    try:
        yield
    finally:
        await asyncio.gather(*(child.stop() for child in children))
        for run in runs:
            run.cancel()
        await asyncio.gather(*runs, return_exceptions=True)
