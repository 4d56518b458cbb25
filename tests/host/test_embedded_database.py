"""The database of `up`, watched over: the server ends, and cannot be started at first."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from structlog.testing import capture_logs

from clientflow_core.errors import EmbeddedServerError
from clientflow_core.persistence.embedded import find_binaries
from clientflow_host import embedded_database as module
from clientflow_host.embedded_database import embedded_database
from tests.commands import postmaster_of, processes_of


async def until(look: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while True:
            if await asyncio.to_thread(look):
                return
            await asyncio.sleep(0.02)


async def test_server_that_cannot_be_started_again_is_tried_until_it_can(
    room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WATCH_SECONDS", 0.02)
    monkeypatch.setattr(module, "_PAUSE_AFTER_ERROR_SECONDS", 0.1)
    programs, said = room / "programs", list[str]()
    programs.symlink_to(find_binaries().folder)
    with capture_logs() as logs:
        opened = embedded_database(room / "state", postgres_folder=programs, say=said.append)
        async with opened as addresses:
            assert [line.partition(" (")[0] for line in said] == ["PostgreSQL started"]
            first = postmaster_of(room)
            assert first is not None
            programs.unlink()
            os.kill(first, signal.SIGKILL)
            await until(lambda: len(logs) > 3)
            programs.symlink_to(find_binaries().folder)
            await until(lambda: postmaster_of(room) not in {first, None})
            await until(lambda: _answers(addresses.application.reveal()))
    assert processes_of(room) == {}
    told = {"event": "postgres_ended", "pid": first, "log_level": "warning"}
    assert logs[0] == told
    assert logs[1]["event"] == "postgres_does_not_start"
    assert f"{programs} holds no PostgreSQL" in logs[1]["error"]


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


async def test_server_that_does_not_start_at_all_is_an_error(room: Path) -> None:
    with pytest.raises(EmbeddedServerError, match="holds no PostgreSQL"):
        await embedded_database(
            room / "state", postgres_folder=room, say=lambda _: None
        ).__aenter__()
    assert processes_of(room) == {}


async def test_start_that_is_broken_off_and_fails_leaves_nothing(room: Path) -> None:
    (room / "state").touch()
    opened = embedded_database(room / "state", postgres_folder=None, say=lambda _: None)
    opening = asyncio.create_task(opened.__aenter__())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    opening.cancel()
    await asyncio.wait([opening])
    assert opening.cancelled(), "the failure is nobody's business any more"
    assert processes_of(room) == {}
