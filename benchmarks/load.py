"""Load by wrk: each text of a file posted once, over so many connections, as fast as they go."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Final

import attrs

from benchmarks.report import BenchRefused
from benchmarks.texts import PATH

_SCRIPT: Final = Path(__file__).with_name("wrk.lua")


@attrs.frozen(kw_only=True)
class Load:
    """What wrk has seen.

    Attributes:
        answers: all that were read to their end.
        seconds: how long it took.
        bad_answers: those that were not 2xx or 3xx.
        broken: connections refused or broken, and answers that did not come in time.
        p50_ms, p99_ms: from a request to its answer.
        is_exhausted: the file ended before the time did.
    """

    answers: int
    seconds: float
    bad_answers: int
    broken: int
    p50_ms: float
    p99_ms: float
    is_exhausted: bool

    def check(self) -> None:
        """Make sure that every request was a new one and was answered well.

        Raises:
            BenchRefused: it was not so.
        """
        if self.is_exhausted:
            msg = "the texts were used up before the time was: ask for fewer --seconds"
            raise BenchRefused(msg)
        if self.bad_answers or self.broken or not self.answers:
            msg = (
                f"of {self.answers} answers {self.bad_answers} were not 2xx, and {self.broken}"
                " requests got none: nothing that was measured so counts"
            )
            raise BenchRefused(msg)


def require_wrk() -> str:
    """Give the path of wrk.

    Raises:
        BenchRefused: it is not installed.
    """
    found = shutil.which("wrk")
    if found is None:
        msg = "wrk, which makes the load, is not installed: apt-get install wrk"
        raise BenchRefused(msg)
    return found


def post_texts(url: str, *, texts: Path, connections: int, seconds: int) -> Load:
    """Post *texts* to the server at *url*.

    Args:
        url: without a path.
        texts: from :func:`benchmarks.texts.write_texts`.
        connections: how many requests are under way at once.
        seconds: for how long.

    Raises:
        BenchRefused: wrk is missing or fails, or not every answer was good.
    """
    program = require_wrk()
    command = [program, "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"]
    result = subprocess.run(
        [*command, "-s", str(_SCRIPT), url, "--", str(texts), PATH],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    last = result.stdout.strip().rpartition("\n")[2]
    if result.returncode or not last.startswith("{"):
        msg = f"wrk failed: {result.stdout}{result.stderr}"
        raise BenchRefused(msg)
    load = Load(**json.loads(last))
    load.check()
    return load
