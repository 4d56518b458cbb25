"""R10: what is asked for at regular times, by four workers that are killed: once for each slot.

Where libfaketime is installed, three of the four have a wrong clock.
"""

import asyncio
import datetime as dt
import random
import signal
import time
from collections import Counter
from typing import Final

import attrs

from clientflow_core.persistence.repositories.jobs import LIVENESS_LOCKS
from tests.torture.clocks import AHEAD, BEHIND, DRIFTING, tell_clocks, wrong_clock
from tests.torture.job_workers import JobWorkers, job_workers
from tests.torture.report import Options, Result

_WORKERS: Final = 4
_EVERY_SECONDS: Final = 2
_SHIFTS: Final = (AHEAD, BEHIND, DRIFTING)
_ALIVE: Final = """
    SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s AND granted
"""
_LAGS: Final = """
    WITH lags AS (
        SELECT extract(epoch FROM done_at - cast(name AS timestamptz)) AS lag,
            extract(epoch FROM asked_at - cast(name AS timestamptz)) AS asked, attempts
        FROM effects
    )
    SELECT percentile_cont(array[0.5, 0.99]) WITHIN GROUP (ORDER BY lag), max(lag), max(asked),
        max(lag) FILTER (WHERE attempts = 1), count(*) FILTER (WHERE attempts > 1), max(attempts)
    FROM lags
"""


async def run(options: Options) -> Result:
    """Let ``n`` slots go by, with a kill -9 of a random worker every ``seconds``."""
    result = Result.begin("cron", "R10", options)
    chance = options.chance("killer")
    with job_workers(_WORKERS) as workers:
        _shift_clocks(workers, result)
        workers.start(TORTURE_EVERY_SECONDS=str(_EVERY_SECONDS))
        await workers.until(
            lambda: workers.count("SELECT count(*) FROM effects") > 0,
            what="the first slot has had its effect",
            seconds=60,
        )
        watch = Watch(end=time.monotonic() + options.n * _EVERY_SECONDS)
        killing = asyncio.create_task(kill(workers, chance, options.seconds, result))
        await workers.until(
            lambda: watch.look(workers), what="all slots have gone by", seconds=options.n * 10
        )
        killing.cancel()
        await asyncio.gather(killing, return_exceptions=True)
        workers.revive()
        await workers.until(
            lambda: not workers.count("SELECT count(*) FROM jobs"), what="no job", seconds=60
        )
        judge(workers, result)
        result.figures["longest time without any worker at work, s"] = round(watch.longest, 2)
    return result


@attrs.define(kw_only=True)
class Watch:
    """Waits for the end, and sees meanwhile for how long no worker lived: nobody could do a slot.

    Attributes:
        end: by the clock that only goes forward.
        longest: time without any worker, in seconds.
    """

    end: float
    longest: float = 0.0
    seen_at: float = attrs.field(factory=time.monotonic)

    def look(self, workers: JobWorkers) -> bool:
        """Look for a worker that lives; tell whether the end has come."""
        if workers.count(_ALIVE, LIVENESS_LOCKS):
            self.seen_at = time.monotonic()
        self.longest = max(self.longest, time.monotonic() - self.seen_at)
        return time.monotonic() > self.end


async def kill(workers: JobWorkers, chance: random.Random, seconds: float, result: Result) -> None:
    """Kill a random worker again and again; each is started anew by what waits meanwhile.

    One that is not at work yet is let be: to end it hits nothing.
    """
    while True:
        await asyncio.sleep(seconds)
        at_work = [worker for worker in workers.workers if worker.is_at_work]
        if at_work:
            result.count("kills of a worker that ticks")
            await asyncio.to_thread(chance.choice(at_work).end, signal.SIGKILL)


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
    (median, p99), longest, asked, first, others, runs = workers.postgres.rows(_LAGS)[0]
    result.figures |= {
        "seconds from slot to effect": f"{median:.2f} (p99 {p99:.2f}, at most {longest:.2f})",
        "until its job was asked for, at most": round(float(asked), 2),
        "until its effect, where the first run had it, at most": round(float(first or 0), 2),
        "jobs that died with a worker": f"{others}, begun {runs} times at most",
    }


def _shift_clocks(workers: JobWorkers, result: Result) -> None:
    """Have the clocks of all workers but one be wrong, if that can be."""
    if not tell_clocks(result, _SHIFTS):
        return
    for worker, shift in zip(workers.workers, _SHIFTS, strict=False):
        worker.environment |= wrong_clock(shift) or {}
