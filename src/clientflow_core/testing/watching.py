"""Watches what Python itself sees: who connects where, and who waits on which thread."""

import sys
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, Final, SupportsIndex
from unittest import mock

import aiohttp
import attrs

_LOOK_UPS: Final = frozenset(
    {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"}
)
_watches: "list[Watch]" = []
_is_installed = False


@attrs.define(kw_only=True)
class Watch:
    """What happened while it lasted.

    Attributes:
        loop_thread: nothing may wait on it.
        silent_threads: what they do is not noted.
        waits: what has made the thread of the loop wait.
        connections: the addresses that were connected to.
        names: the host names that were looked up.
    """

    loop_thread: int
    silent_threads: Collection[int | None]
    waits: list[str] = attrs.field(factory=list)
    connections: list[tuple[Any, ...]] = attrs.field(factory=list)
    names: list[str] = attrs.field(factory=list)

    def see(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Note *event* of the interpreter, if it is worth it."""
        thread = threading.get_ident()
        if thread in self.silent_threads:
            return
        # A path is the machine's own, such as its log.
        if event == "socket.connect" and isinstance(arguments[1], tuple):
            self.connections.append(arguments[1])
        elif event in _LOOK_UPS:
            self.names.append(str(arguments[0]))
        if thread == self.loop_thread and (wait := _wait(event, arguments)):
            self.waits.append(wait)


def _wait(event: str, arguments: tuple[Any, ...]) -> str | None:
    """Say what *event* makes its thread wait for, if anything."""
    if event in _LOOK_UPS:
        return f"{event} of {arguments[0]}"
    if event == "socket.connect" and arguments[0].gettimeout() != 0:
        return f"a connection to {arguments[1]}"
    return "a process that it starts" if event == "subprocess.Popen" else None


@contextmanager
def watching(*, silent_threads: Collection[int | None]) -> Iterator[Watch]:
    """Watch this thread, which runs the loop, and all others but *silent_threads*."""
    _install()
    watch = Watch(loop_thread=threading.get_ident(), silent_threads=silent_threads)
    _watches.append(watch)
    sleep = time.sleep

    def watched_sleep(seconds: float | SupportsIndex, /) -> None:
        if float(seconds) > 0 and threading.get_ident() == watch.loop_thread:
            watch.waits.append(f"time.sleep({seconds})")
        sleep(seconds)

    # The interpreter tells of it from 3.13 on only.
    time.sleep = watched_sleep
    try:
        yield watch
    finally:
        time.sleep = sleep
        _watches.remove(watch)


@contextmanager
def counting_sessions() -> Iterator[list[aiohttp.ClientSession]]:
    """Collect the HTTP sessions that are made, by whomever, while the block runs."""
    made: list[aiohttp.ClientSession] = []
    begin = aiohttp.ClientSession.__init__

    def noted(session: aiohttp.ClientSession, *args: Any, **kwargs: Any) -> None:
        made.append(session)
        begin(session, *args, **kwargs)

    with mock.patch.object(aiohttp.ClientSession, "__init__", noted):
        yield made


def _install() -> None:
    # A hook of the interpreter stays until its end.
    global _is_installed  # noqa: PLW0603 - one for the process
    if not _is_installed:
        _is_installed = True
        sys.addaudithook(_hook)


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    for watch in _watches:
        watch.see(event, arguments)


# Otherwise no debugger and no measure of coverage sees it.
_hook.__cantrace__ = True  # type: ignore[attr-defined]
