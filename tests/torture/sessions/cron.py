"""R10: what is asked for at regular times, by four workers that are killed: once for each slot."""

import asyncio
import ctypes.util
import datetime as dt
import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Final

from tests.torture.job_workers import JobWorkers, job_workers
from tests.torture.report import Options, Result, say

_WORKERS: Final = 4
_EVERY_SECONDS: Final = 2
# What its clock is ahead or behind, where it can be shifted.
_SHIFTS: Final = ("+2h", "-2h")
_LAG: Final = """
    SELECT coalesce(percentile_cont(0.99) WITHIN GROUP
        (ORDER BY extract(epoch FROM done_at - cast(name AS timestamptz))), 0) FROM effects
"""


async def run(options: Options) -> Result:
    """Let ``n`` slots go by, with a kill -9 of a random worker every ``seconds``."""
    result = Result.begin("cron", "R10", options)
    chance = options.chance("killer")
    with job_workers(_WORKERS) as workers:
        workers.start(TORTURE_EVERY_SECONDS=str(_EVERY_SECONDS))
        _shift_clocks(workers, result)
        await workers.until(
            lambda: workers.count("SELECT count(*) FROM effects") > 0,
            what="the first slot has had its effect",
            seconds=60,
        )
        end = time.monotonic() + options.n * _EVERY_SECONDS
        killing = asyncio.create_task(kill(workers, chance, options.seconds, result))
        await workers.until(lambda: time.monotonic() > end, what="all", seconds=options.n * 10)
        killing.cancel()
        await asyncio.gather(killing, return_exceptions=True)
        workers.revive()
        await workers.until(
            lambda: not workers.count("SELECT count(*) FROM jobs"), what="no job", seconds=60
        )
        judge(workers, result)
    return result


async def kill(workers: JobWorkers, chance: random.Random, seconds: float, result: Result) -> None:
    """Kill a random worker again and again; each is started anew by what waits meanwhile."""
    while True:
        await asyncio.sleep(seconds)
        victim = chance.choice(workers.workers)
        assert victim.popen is not None
        result.count("kills of a worker that ticks", victim.popen.poll() is None)
        await asyncio.to_thread(victim.end, signal.SIGKILL)


def judge(workers: JobWorkers, result: Result) -> None:
    """Each slot between the first and the last has had one effect."""
    rows = workers.postgres.rows("SELECT cast(name AS timestamptz) FROM effects ORDER BY 1")
    slots = Counter(slot for (slot,) in rows)
    every = dt.timedelta(seconds=_EVERY_SECONDS)
    wanted = {min(slots) + number * every for number in range((max(slots) - min(slots)) // every)}
    result.doubled += [f"slot {slot} has had {n} effects" for slot, n in slots.items() if n > 1]
    result.lost += [f"slot {slot} has had no effect" for slot in sorted(wanted - slots.keys())]
    result.figures["slots"] = len(wanted | slots.keys())
    result.figures["effects"] = slots.total()
    lag = workers.postgres.rows(_LAG)[0][0]
    result.figures["seconds from slot to effect, p99"] = round(float(lag), 2)


def _shift_clocks(workers: JobWorkers, result: Result) -> None:
    """Have the clocks of two workers be wrong, if libfaketime is there."""
    library = ctypes.util.find_library("faketime") or next(
        map(str, Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None
    )
    if library is None:
        say("the clocks are right, since libfaketime is not installed")
        result.figures["clocks shifted"] = "none: libfaketime is not installed"
        return
    for worker, shift in zip(workers.workers, _SHIFTS, strict=False):
        worker.environment |= {"LD_PRELOAD": library, "FAKETIME": shift}
        worker.end(signal.SIGKILL)
        worker.start()
    result.figures["clocks shifted"] = ", ".join(_SHIFTS)
