"""R9: a calendar that others change, whose news get lost, and workers that die between its pages.

After each history the copy is brought up to date as the poll does that runs anyway, and must then
hold what the provider holds: nothing less, and nothing that was taken out.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from tests.torture.children import Child
from tests.torture.evidence import check_calendars, check_jobs
from tests.torture.history import Verdict
from tests.torture.hurry import hurrying
from tests.torture.report import Options, Result, say
from tests.torture.system import System, running_system

_KILLED: Final = 137
_MOST_STEPS: Final = 12
_ON_ONE_SYSTEM: Final = 50
# How often each kind of step is taken; the pages of the stand-in have ten events.
_SHARES: Final[Mapping[str, int]] = {
    "event.created": 30,
    "event.changed": 20,
    "event.removed": 30,
    "series.created": 12,
    "series.removed": 12,
    "sync_tokens.expired": 10,
    "channels.expired": 4,
}
_FIRST_EVENTS: Final = 35
_STEPS_TO_DIE_AT: Final = ("sync_calendar.asked", "sync_calendar.recorded")
_FARTHEST: Final = 12


async def run(options: Options) -> Result:
    """Play ``n`` histories, while each worker dies at some page and is started anew.

    Some of them each on a system of their own: what is taken out of a calendar is told of for ever
    after, ten at a time, so that one of a thousand histories would hardly be read to its end
    between two deaths.
    """
    result = Result.begin("calendar", "R9", options)
    dice = options.chance("histories")
    for first in range(0, options.n, _ON_ONE_SYSTEM):
        numbers = range(first, min(first + _ON_ONE_SYSTEM, options.n))
        async with running_system(result) as system:
            await play_all(system, result, options.chance(f"deaths from {first}"), dice, numbers)
    return result


async def play_all(
    system: System,
    result: Result,
    deaths: random.Random,
    dice: random.Random,
    numbers: Sequence[int],
) -> None:
    """Play the histories of these *numbers*, and hold the copy against the calendar after each."""
    for number in range(_FIRST_EVENTS):
        await happen(system, "event.created", f"first {number}")
    # Who dies at every few pages is let alone for longer and longer.
    hurry = hurrying(system, result, over_seconds=1, every_seconds=0.5)
    async with hurry, dying(system, result, deaths):
        for number in numbers:
            await play(system, result, random.Random(dice.random()), number)
            await poll(system)
            await judge(system, result, number)
    await system.quiet()
    verdict = Verdict()
    check_jobs(system, verdict)
    result.lost += verdict.lost


async def play(system: System, result: Result, dice: random.Random, number: int) -> None:
    """Play one history: some steps, of whose news some are lost, doubled or displaced."""
    lost = dice.choice((0, 1, 2, 5))
    webhooks = {"times": dice.randint(1, 2), "shuffled": dice.random() < 0.5, "drop": lost}
    await system.control("google_calendar", "faults", {"webhooks": webhooks})
    result.count("notices never given", lost)
    steps = dice.choices(list(_SHARES), list(_SHARES.values()), k=dice.randint(1, _MOST_STEPS))
    told = []
    for place, step in enumerate(steps):
        result.count("sync tokens expired (410)", step == "sync_tokens.expired")
        told.append(asyncio.create_task(happen(system, step, f"{number}.{place}")))
        await asyncio.sleep(dice.uniform(0.0, 0.05))
    await asyncio.gather(*told)


async def happen(system: System, event: str, title: str) -> None:
    """Let one thing happen; what cannot, since there is nothing to take out, does not."""
    body: dict[str, Any] = {"event": event}
    if event in {"event.created", "event.changed", "series.created"}:
        body["title"] = title
    if await has_happened(system, body):
        return
    assert event in {"event.changed", "event.removed", "series.removed"}, event


async def has_happened(system: System, body: Mapping[str, Any]) -> bool:
    """Ask the stand-in for it; tell whether it could be."""
    url = f"{system.sandbox_url}/google_calendar/_control/inbound"
    async with system.http.post(url, json=body) as answer:
        return bool(answer.status < 400)


async def poll(system: System) -> None:
    """Have done now what the poll does when it comes to each calendar."""
    await system.quiet()
    system.rows(
        "INSERT INTO jobs (lane, kind, organization_id, args, max_attempts)"
        " SELECT 'calendars', 'sync_calendar', organization_id,"
        " jsonb_build_object('calendar_id', id), 14 FROM calendars RETURNING id"
    )
    await system.quiet()


@contextlib.asynccontextmanager
async def dying(system: System, result: Result, dice: random.Random) -> AsyncIterator[None]:
    """Have each worker end itself around some page, and start it again, as long as this runs."""
    for worker in system.workers:
        worker.terminate()
    over = asyncio.Event()

    async def keep(worker: Child) -> None:
        while not over.is_set():
            step = f"{dice.choice(_STEPS_TO_DIE_AT)}=exit@{dice.randint(1, _FARTHEST)}"
            worker.start(CLIENTFLOW_FAILPOINTS=step)
            while worker.is_running and not over.is_set():  # noqa: ASYNC110 - it is a process
                await asyncio.sleep(0.05)
            result.count("workers dead around a page", worker.poll() == _KILLED)

    tasks = [asyncio.create_task(keep(worker)) for worker in system.workers]
    try:
        yield
    finally:
        over.set()
        await asyncio.gather(*tasks)
        for worker in system.workers:
            worker.kill()
            worker.start()
        await system.ready(*system.workers)


async def judge(system: System, result: Result, number: int) -> None:
    """Hold our copy against the provider's, and note what differs."""
    verdict = Verdict()
    await check_calendars(system, verdict)
    result.lost += [f"history {number}: {one}" for one in verdict.lost]
    if number % 10 == 9:
        say(f"{number + 1} histories, {len(result.lost)} differences")
