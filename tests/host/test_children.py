"""Child processes: real ones, ended in every way."""

import asyncio
import contextlib
import os
import signal
import stat
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from clientflow_host import children
from clientflow_host.children import Child, next_pause, supervised
from tests.commands import processes_of


def sandbox(folder: Path, *names: str) -> Child:
    """Give the lightest of our processes, on any port."""
    environment = {"CLIENTFLOW_SANDBOX_PORT": "0", "CLIENTFLOW_STATE_DIR": str(folder)}
    return Child(
        "sandbox", arguments=["sandbox", *names], environment=environment, log_folder=folder
    )


async def until(look: Callable[[], bool] | Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while True:
            found = look()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.02)


def runs(child: Child) -> Callable[[], bool]:
    """Tell whether the child listens."""
    return lambda: '"listening"' in child.last_words()


async def test_child_runs_for_as_long_as_the_block_does(tmp_path: Path) -> None:
    child = sandbox(tmp_path)
    assert child.pid is None
    async with supervised([child]):
        await until(runs(child))
        assert child.pid in processes_of(tmp_path)
        assert child.pid is not None
        assert os.getsid(child.pid) == child.pid, "the terminal's Ctrl-C would reach it"
    assert processes_of(tmp_path) == {}
    assert child.pid is None
    assert child.restarts == 0
    assert '"stopping"' in child.last_words()
    assert stat.S_IMODE(child.log_file.stat().st_mode) == 0o600
    assert "TWILIO" not in child.log_file.read_text(), "it has printed its credentials"


async def test_killed_child_is_started_again(tmp_path: Path) -> None:
    child = sandbox(tmp_path)
    with capture_logs() as logs:
        async with supervised([child]):
            await until(runs(child))
            first = child.pid
            assert first is not None
            os.kill(first, signal.SIGKILL)
            await until(lambda: child.restarts == 1 and child.pid not in {first, None})
            assert child.pid in processes_of(tmp_path)
    told = {"child": "sandbox", "code": -signal.SIGKILL, "restarts": 1}
    assert logs == [{**told, "event": "child_ended", "log_level": "warning"}]


def test_child_that_ends_at_once_is_tried_less_and_less_often() -> None:
    pauses = [0.0]
    for _ in range(8):
        pauses.append(next_pause(pauses[-1], ran_seconds=0.1))
    assert pauses[1:] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]


def test_child_that_was_steady_is_started_again_soon() -> None:
    assert next_pause(10.0, ran_seconds=30.0) == 0.2


async def test_last_words_are_those_of_the_process_that_ended_last(tmp_path: Path) -> None:
    (tmp_path / "sandbox.log").write_text("words of yesterday\n")
    child = sandbox(tmp_path, "nobody")
    assert child.last_words() == "words of yesterday"
    async with supervised([child]):
        await until(lambda: child.restarts == 1)
        assert "there is no sandbox of nobody" in child.last_words()
        assert "yesterday" not in child.last_words()
        # Not those of the next one, which has said nothing yet.
        await until(lambda: child.pid is not None)
        assert "there is no sandbox of nobody" in child.last_words()


async def test_child_that_cannot_be_started_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = sandbox(tmp_path)
    with monkeypatch.context() as patched, capture_logs() as logs:
        patched.setattr(sys, "executable", str(tmp_path / "nothing"))
        running = asyncio.create_task(child.run())
        await until(lambda: child.restarts == 1)
    assert logs[0]["code"] == "No such file or directory"
    assert child.last_words() == ""
    await until(lambda: child.pid is not None)
    child.stop()
    await running
    assert processes_of(tmp_path) == {}


async def test_log_that_is_a_folder_is_told_and_tried_again(tmp_path: Path) -> None:
    child = sandbox(tmp_path)
    child.log_file.mkdir()
    with capture_logs() as logs:
        async with supervised([child]):
            await until(lambda: child.restarts == 1)
    assert logs[0]["code"] == "Is a directory"
    assert child.last_words() == ""


async def test_long_log_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "_LOG_BYTES", 10)
    (tmp_path / "sandbox.log").write_text("x" * 11)
    child = sandbox(tmp_path)
    async with supervised([child]):
        await until(runs(child))
    assert (tmp_path / "sandbox.log.1").read_text() == "x" * 11
    assert "x" * 11 not in child.log_file.read_text()


async def test_child_that_does_not_stop_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "_STOP_SECONDS", 0.3)
    child = sandbox(tmp_path)
    async with supervised([child]):
        await until(runs(child))
        assert child.pid is not None
        os.kill(child.pid, signal.SIGSTOP)
    assert processes_of(tmp_path) == {}


async def test_stop_in_the_middle_of_a_start_leaves_nothing(tmp_path: Path) -> None:
    for turns in range(6):
        async with supervised([sandbox(tmp_path)]):
            for _ in range(turns):
                await asyncio.sleep(0)
        assert processes_of(tmp_path) == {}


async def test_child_that_was_stopped_before_it_ran_does_not_run(tmp_path: Path) -> None:
    child = sandbox(tmp_path, "nobody")
    child.stop()
    await asyncio.wait_for(child.run(), 5)
    assert child.pid is None
    assert processes_of(tmp_path) == {}


async def test_modules_in_the_present_folder_are_not_taken_for_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cyclopts.py").write_text("raise SystemExit('not this one')")
    with contextlib.chdir(tmp_path):
        child = sandbox(tmp_path)
        async with supervised([child]):
            await until(runs(child))


async def test_errors_within_the_block_still_stop_the_children(tmp_path: Path) -> None:
    child = sandbox(tmp_path)

    async def fail() -> None:
        async with supervised([child]):
            await until(runs(child))
            raise RuntimeError("in between")

    with pytest.raises(RuntimeError, match="in between"):
        await fail()
    assert processes_of(tmp_path) == {}
