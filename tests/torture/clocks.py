"""Wrong clocks: libfaketime lends a process another time of day, where it is installed.

What counts seconds since the machine was started stays right, as it does on a machine whose clock
is wrong. (Then time.sleep() fails under libfaketime 0.9.10; a loop of asyncio's does not.)
"""

import ctypes.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.torture.report import Result, say

AHEAD: Final = "+2h"
BEHIND: Final = "-2h"
DRIFTING: Final = "+0 x1.25"
"""Begins right, and gains a quarter of an hour in each."""

MISSING: Final = "none: libfaketime is not installed"
_WHERE: Final = "*/faketime/libfaketime.so.1"
_LOOK: Final = """
import json, select, time
told, counted = time.time(), time.monotonic()
select.select([], [], [], 0.2)
print(json.dumps([told, (time.time() - told) / (time.monotonic() - counted)]))
"""


def wrong_clock(shift: str) -> Mapping[str, str] | None:
    """Give the environment of a process whose clock is to be wrong; None if that cannot be.

    Args:
        shift: :data:`AHEAD`, :data:`BEHIND` or :data:`DRIFTING`.
    """
    library = ctypes.util.find_library("faketime") or next(
        map(str, Path("/usr/lib").glob(_WHERE)), None
    )
    if library is None:
        return None
    return {"LD_PRELOAD": library, "FAKETIME": shift, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def tell_clocks(result: Result, shifts: Sequence[str]) -> bool:
    """Tell with the result how wrong clocks are really made, or that they cannot be."""
    made = [wrong_clock(shift) for shift in shifts]
    seen = [_see(one) for one in made if one is not None]
    result.figures["wrong clocks"] = "; ".join(seen) or MISSING
    if not seen:
        say("the clocks are right, since libfaketime is not installed")
    return bool(seen)


def _see(environment: Mapping[str, str]) -> str:
    """Look at the clock that a process with *environment* sees.

    Raises:
        AssertionError: nothing is wrong with it.
    """
    right, _ = _look({})
    told, rate = _look(environment)
    ahead = told - right
    assert abs(ahead) > 60 or abs(rate - 1) > 0.05, f"{environment} does not make a clock wrong"
    return f"{environment['FAKETIME']} ({ahead:+.0f} s, at {rate:.2f} times the speed)"


def _look(more: Mapping[str, str]) -> tuple[float, float]:
    command = [sys.executable, "-c", _LOOK]
    ran = subprocess.run(command, env={**os.environ, **more}, check=True, capture_output=True)
    told, rate = json.loads(ran.stdout)
    return float(told), float(rate)
