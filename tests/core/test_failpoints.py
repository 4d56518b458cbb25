import ast
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import clientflow_core
from clientflow_core import failpoints

SOURCE = Path(clientflow_core.__file__).parent.parent
NAME = "jobs.claimed"
PROGRAM = """
import atexit
from clientflow_core import failpoints
atexit.register(print, "tidied up", flush=True)
try:
    for number in range(1, 4):
        print("before", number, flush=True)
        try:
            failpoints.hit("jobs.claimed")
        except failpoints.FailpointHit as error:
            print("raised", error, flush=True)
        failpoints.hit("jobs.finished")
finally:
    print("finally", flush=True)
"""


def run(setting: str, *, program: str = PROGRAM) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env=os.environ | {failpoints.ENV: setting},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_nothing_happens_while_the_variable_is_empty() -> None:
    ended = run("")
    assert ended.returncode == 0
    assert ended.stdout.split("\n")[-3:] == ["finally", "tidied up", ""]


def test_exit_ends_the_process_as_a_kill_does_with_nothing_tidied_up() -> None:
    ended = run(f"{NAME}=exit")
    assert ended.returncode == 137
    assert ended.stdout == "before 1\n"


def test_number_skips_the_times_before_it() -> None:
    ended = run(f"{NAME}=exit@3")
    assert ended.returncode == 137
    assert ended.stdout == "before 1\nbefore 2\nbefore 3\n"


def test_raise_raises_the_name() -> None:
    ended = run(f"{NAME}=raise@2")
    assert ended.returncode == 0
    lines = ended.stdout.splitlines()
    assert lines[:2] == ["before 1", "before 2"]
    assert lines[2] == f"raised {NAME}"


def test_sleep_waits_that_many_seconds() -> None:
    program = "import time; from clientflow_core import failpoints; start = time.monotonic();"
    program += f"failpoints.hit({NAME!r}); print(time.monotonic() - start)"
    ended = run(f"{NAME}=sleep:0.25", program=program)
    assert ended.returncode == 0
    assert 0.25 <= float(ended.stdout) < 5


def test_several_are_set_with_commas() -> None:
    ended = run(f"{NAME}=sleep:0,jobs.finished=exit@2")
    assert ended.returncode == 137
    assert ended.stdout == "before 1\nbefore 2\n"


def test_unknown_name_lists_those_that_there_are() -> None:
    ended = run("jobs.klaimed=exit")
    assert ended.returncode == 1
    assert "'jobs.klaimed'" in ended.stderr
    assert all(name in ended.stderr for name in failpoints.NAMES)


@pytest.mark.parametrize(
    "action", ["", "explode", "exit@", "exit@0", "exit@x", "sleep", "sleep:", "sleep:-1", "raise "]
)
def test_unknown_action_is_refused_at_the_start(action: str) -> None:
    with pytest.raises(ValueError, match=r"no action .*exit, raise, sleep:SECONDS"):
        failpoints._read(f"{NAME}={action}")


def test_actions_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    active = failpoints._read(f"{NAME}=raise@2,jobs.finished=sleep:0.01")
    monkeypatch.setattr(failpoints, "_active", active)
    failpoints.hit(NAME)
    with pytest.raises(failpoints.FailpointHit, match=NAME):
        failpoints.hit(NAME)
    start = time.monotonic()
    failpoints.hit("jobs.finished")
    assert time.monotonic() - start >= 0.01


def _hits() -> Iterator[tuple[str, ast.expr]]:
    for file in sorted(SOURCE.glob("clientflow_*/**/*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "failpoints.hit":
                (argument,) = node.args
                yield f"{file.relative_to(SOURCE)}:{node.lineno}", argument


def test_every_name_is_hit_once_and_every_hit_is_a_known_name() -> None:
    found: Counter[str] = Counter()
    for where, argument in _hits():
        assert isinstance(argument, ast.Constant), f"{where}: a failpoint is named by a literal"
        assert isinstance(argument.value, str)
        assert argument.value in failpoints.NAMES, f"{where}: {argument.value!r} is in no list"
        found[argument.value] += 1
    # In one place each: else a kill there would not say between which two steps it was.
    assert found == Counter(failpoints.NAMES.keys())
    assert len(found) >= 40


def test_failpoints_are_hit_by_no_other_spelling() -> None:
    for file in sorted(SOURCE.glob("clientflow_*/**/*.py")):
        assert "clientflow_core.failpoints import" not in file.read_text("utf-8"), file
