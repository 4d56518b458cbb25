"""Wrong clocks are wrong, and what counts seconds is right all the same."""

import asyncio
import subprocess
import sys
from typing import Final

import pytest

from tests.requirements import demand
from tests.torture.clocks import AHEAD, BEHIND, DRIFTING, MISSING, tell_clocks, wrong_clock
from tests.torture.report import Options, Result

OPTIONS: Final = Options(n=1, seconds=1, seed=7)
LOOP: Final = "import asyncio, time; b = time.monotonic(); asyncio.run(asyncio.sleep(0.2));"


@pytest.fixture
def result() -> Result:
    return Result.begin("env", "R15", OPTIONS)


async def test_clocks_are_made_wrong_and_that_is_told(result: Result) -> None:
    demand(wrong_clock(AHEAD), "libfaketime is not installed")
    assert await asyncio.to_thread(tell_clocks, result, (AHEAD, BEHIND, DRIFTING))
    ahead, behind, drifting = result.figures["wrong clocks"].split("; ")
    assert ahead.startswith("+2h (+72")
    assert behind.startswith("-2h (-7")
    assert "1.2" in drifting.partition(" s, at ")[2]


@pytest.mark.parametrize("shift", [AHEAD, BEHIND, DRIFTING])
def test_loop_with_a_wrong_clock_waits_as_long_as_it_is_told(shift: str) -> None:
    environment = wrong_clock(shift)
    demand(environment, "libfaketime is not installed")
    code = f"{LOOP} assert 0.19 < time.monotonic() - b < 5"
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=60)


def test_where_there_is_no_libfaketime_that_is_told(
    result: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.torture.clocks._WHERE", "*/there is none")
    monkeypatch.setattr("ctypes.util.find_library", lambda _: None)
    assert not tell_clocks(result, (AHEAD,))
    assert result.figures["wrong clocks"] == MISSING
