"""What a process costs is read from /proc: that of its whole tree, and of children that ended."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.processes import cpu_seconds, running, tree, wait_until_ready
from benchmarks.report import BenchRefused
from clientflow_core.ports import free_port

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc")

BURN = "import time\nwhile time.process_time() < 0.4: pass\n"


@contextmanager
def python(program: str) -> Iterator["subprocess.Popen[str]"]:
    """Run *program*, which prints a line when it has come to where the test wants it."""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            for pid in tree(process.pid):
                os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize(
    "program",
    [
        f"{BURN}print(flush=True)\ntime.sleep(60)",
        # by a child that has ended
        (
            f"import subprocess, sys, time\nsubprocess.run([sys.executable, '-c', {BURN!r}])\n"
            "print(flush=True)\ntime.sleep(60)"
        ),
        # by a child that runs
        (
            "import subprocess, sys\n"
            f"program = {BURN!r} + 'print(flush=True); time.sleep(60)'\n"
            "subprocess.run([sys.executable, '-c', program])"
        ),
    ],
    ids=["itself", "a child that has ended", "a child that runs"],
)
def test_processor_time_of_a_tree_is_counted(program: str) -> None:
    with python(program) as process:
        used = cpu_seconds(process.pid)
        # To a hundredth of a second; its own start, and that of the child, are in it.
        assert 0.35 <= used < 1.5
        time.sleep(0.2)
        assert cpu_seconds(process.pid) - used <= 0.05


def test_name_of_a_process_may_be_anything(tmp_path: Path) -> None:
    program = tmp_path / "a) R (1 2 3"
    shutil.copy(shutil.which("sleep") or "", program)
    with subprocess.Popen([str(program), "60"]) as process:
        assert cpu_seconds(process.pid) < 0.1
        assert process.pid in tree(os.getpid())
        process.kill()


def test_process_that_has_ended_has_no_figures() -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    with pytest.raises(BenchRefused, match=f"process {process.pid}"):
        cpu_seconds(process.pid)


def test_process_that_does_not_start_tells_why(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-c", "raise SystemExit('it cannot be')"]
    with (
        running(command, settings={}, log=log) as popen,
        pytest.raises(BenchRefused, match="it cannot be"),
    ):
        wait_until_ready(f"http://127.0.0.1:{free_port()}/ready", popen=popen, log=log)


def test_settings_of_the_caller_are_not_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DATABASE_URL", "CLIENTFLOW_PORT", "TWILIO_AUTH_TOKEN", "REDIS_URL"):
        monkeypatch.setenv(name, "the caller's")
    log = tmp_path / "log"
    program = "import os; print(*os.environ.values(), sep='\\n')"
    with running(
        [sys.executable, "-c", program], settings={"CLIENTFLOW_PORT": "ours"}, log=log
    ) as popen:
        popen.wait()
    said = log.read_text().splitlines()
    assert "ours" in said
    assert "the caller's" not in said
