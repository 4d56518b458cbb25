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
    """One of the processes of `up` ended before it was ready."""

    code = "child_failed"
    remedy = "Read its last lines, which are shown; its log is in the state folder."


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
        self._is_told = asyncio.Event()
        # How long the log was when the present process was started.
        self._log_start = 0
        self._last_words = ""

    @property
    def pid(self) -> int | None:
        """The number of its present process; None if it does not run."""
        process = self._process
        return process.pid if process and process.returncode is None else None

    async def run(self) -> None:
        """Start it, and again whenever it ends, until :meth:`stop`."""
        pause = 0.0
        while not self._is_told.is_set():
            begun = time.monotonic()
            ended = await self._run_once()
            if self._is_told.is_set():
                return
            self.restarts += 1
            self._last_words = self._said()
            log.warning("child_ended", child=self.name, code=ended, restarts=self.restarts)
            pause = next_pause(pause, ran_seconds=time.monotonic() - begun)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._is_told.wait()

    def stop(self) -> None:
        """Let it end; :meth:`run` returns when it has."""
        self._is_told.set()

    def last_words(self) -> str:
        """Give the end of what the process that ended last has said; if none has, the present."""
        return self._last_words or self._said()

    def _said(self) -> str:
        try:
            said = self.log_file.read_bytes()[self._log_start :]
        except OSError:
            return ""
        return "\n".join(said.decode("utf-8", "replace").splitlines()[-_SHOWN_LINES:])

    async def _run_once(self) -> int | str:
        """Start it and wait for its end; give its exit code, or why it could not be started."""
        try:
            process = await self._start()
        except OSError as error:
            return error.strerror or str(error)
        told = asyncio.create_task(self._is_told.wait())
        ended = asyncio.create_task(process.wait())
        await asyncio.wait({told, ended}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        if not ended.done():
            await self._end(process)
        return await ended

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        """Tell it to stop; kill it if it does not."""
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            log.warning("child_killed", child=self.name)
            with contextlib.suppress(ProcessLookupError):
                process.kill()

    async def _start(self) -> asyncio.subprocess.Process:
        with self._open_log() as output:
            self._log_start = os.lseek(output, 0, os.SEEK_END)
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                # Without -P a file of the present folder could stand in for a module of ours.
                *("-P", "-m", "clientflow_host.cli", *self._arguments),
                env=self._environment,
                # Held open for as long as we live: its end tells the child that we are gone.
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=output,
                # The terminal's Ctrl-C comes to us; we tell the child.
                start_new_session=True,
            )
        return self._process

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


def next_pause(last: float, *, ran_seconds: float) -> float:
    """Tell how long to wait before a child that has ended is started again, in seconds.

    Args:
        last: the pause before it was started.
        ran_seconds: how long it has run.
    """
    if ran_seconds > _STEADY_SECONDS:
        return _FIRST_PAUSE_SECONDS
    return min(max(2 * last, _FIRST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)


@contextlib.asynccontextmanager
async def supervised(children: Sequence[Child]) -> AsyncIterator[None]:
    """Run *children* for as long as the block does, and stop them at its end."""
    runs = [asyncio.create_task(child.run()) for child in children]
    try:
        yield
    finally:
        # Told, not cancelled: one that is just being started would be left behind.
        for child in children:
            child.stop()
        await asyncio.gather(*runs)
