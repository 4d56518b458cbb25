"""R3: the work of a worker that is killed, frozen or cut off goes on elsewhere."""

import asyncio
import random
import time
from typing import Any, Final

from clientflow_core.persistence.repositories.jobs import LIVENESS_LOCKS
from tests.torture.children import Child
from tests.torture.evidence import SEND, judge
from tests.torture.load import Driver
from tests.torture.offers import Offers
from tests.torture.report import Options, Result, say
from tests.torture.stories import Teller
from tests.torture.system import WITH_OURS, System, running_system

_MOST_HELD: Final = 3
_RESUMED_SECONDS: Final = 3.0
# Longer than a claim is believed without a sign of life.
_FROZEN_SECONDS: Final = 75.0
_HELD: Final = 4
_CUTS: Final = 5
# Fewer kills are the short form, without what takes minutes.
_WHOLE: Final = 10
_PARTS: Final = ("kills", "cut", "frozen")


async def run(options: Options) -> Result:
    """Kill a worker ``n`` times while it holds jobs; then cut one off, and freeze one."""
    result = Result.begin("recovery", "R3", options)
    parts = options.names or (_PARTS if options.n >= _WHOLE else _PARTS[:1])
    async with running_system(result, CLIENTFLOW_PLUGINS=WITH_OURS) as system:
        chance = options.chance("recovery")
        offers = await Offers.made(system, chance=chance)
        driver = Driver(system, chance)
        teller = Teller(system=system, driver=driver, offers=offers)
        if "kills" in parts:
            await _kill_often(system, options.n, chance, result)
        if "cut" in parts:
            await _cut_off(teller, result)
        if "frozen" in parts:
            await _freeze(teller, result)
        await system.quiet()
        await judge(system, result)
    return result


async def _kill_often(system: System, kills: int, chance: random.Random, result: Result) -> None:
    times = []
    for number in range(kills):
        victim = chance.choice(system.workers)
        times.append(await _kill_holding(system, victim, number))
        result.count("kills of a worker with jobs under way")
        await system.ready(victim)
        if number % 10 == 9:
            say(f"{number + 1} kills; the work resumed after at most {max(times):.2f} s")
    result.figures["kills"] = kills
    result.figures["work resumed after, s"] = (
        f"{sorted(times)[len(times) // 2]:.2f} (at most {max(times):.2f})"
    )
    if max(times) > _RESUMED_SECONDS:
        result.problems.append(f"work resumed only after {max(times):.2f} s")


async def _kill_holding(system: System, victim: Child, number: int) -> float:
    """Kill *victim* while it has jobs under way; give how long until all are begun again."""
    names = iter(range(1_000))
    held: set[int] = set()

    async def is_holding() -> bool:
        # Either worker may get it. The other must have room for what is resumed: it does five.
        if system.count("SELECT count(*) FROM jobs WHERE kind LIKE %s", "%hold") < _MOST_HELD:
            name = f"hold {number} {next(names)}"
            await system.insist("hold", "/x/torture/holds", {}, name=name)
        await asyncio.sleep(0.1)
        held.update(_holds(system, victim))
        return bool(held)

    await system.until(is_holding, what=f"{victim.name} holds a job")
    victim.kill()
    begun = time.monotonic()

    async def is_resumed() -> bool:
        return not system.count(
            "SELECT count(*) FROM jobs WHERE id = ANY(%s) AND attempts = 1", list(held)
        )

    await system.until(is_resumed, what="the work has resumed", seconds=30)
    took = time.monotonic() - begun
    victim.start()
    return took


def _holds(system: System, worker: Child) -> set[int]:
    begun = {int(line["job_id"]) for line in worker.log_lines("torture_holds")}
    rows = system.rows("SELECT id FROM jobs WHERE id = ANY(%s) AND attempts = 1", list(begun))
    return {id_ for (id_,) in rows}


async def _cut_off(teller: Teller, result: Result) -> None:
    """End the connection that holds the lock, again and again, while messages go out."""
    system = teller.system
    sending = asyncio.create_task(_send(teller, 10 * _CUTS))
    for _ in range(_CUTS):
        await asyncio.sleep(1)
        under_way = system.count("SELECT count(*) FROM jobs WHERE claimed_by IS NOT NULL")
        cut = system.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
            " AND classid = %s AND granted",
            LIVENESS_LOCKS,
        )
        result.count("liveness connections cut", len(cut))
        result.count("jobs under way when they were cut", under_way)
    await sending

    async def are_back() -> bool:
        alive = system.count(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
            " AND classid = %s",
            LIVENESS_LOCKS,
        )
        return alive == len(system.workers)

    await system.until(are_back, what="every worker holds a lock again", seconds=30)
    renewed = sum(len(list(one.log_lines("worker_number_renewed"))) for one in system.workers)
    result.figures["numbers taken anew"] = renewed
    if not renewed:
        result.problems.append("no worker took a new number, though its connection was cut")


async def _freeze(teller: Teller, result: Result) -> None:
    """Freeze a worker within calls to the provider, until others have taken its jobs over."""
    system = teller.system
    # What was cut off before may still be looked up, and those that are on their way are counted.
    await system.quiet()
    frozen, other = system.workers
    await asyncio.to_thread(other.terminate)
    faults = {"calls": _HELD, "answer": "late", "delay_seconds": 3, "spares_reading": True}
    await teller.conversation()
    await system.control("twilio", "faults", faults)
    asking = asyncio.create_task(_send(teller, _HELD))

    async def is_calling() -> bool:
        return bool(_on_their_way(system))

    # What the provider has taken it also reports, which settles it before it has answered.
    await system.until(is_calling, what="a message is on its way")
    frozen.freeze()
    held = _on_their_way(system)
    other.start()
    await asking
    say(f"{frozen.name} is frozen within {len(held)} calls for {_FROZEN_SECONDS:.0f} s")
    await asyncio.sleep(_FROZEN_SECONDS)
    left = held & _on_their_way(system)
    result.count("calls taken over from a frozen worker", len(held - left))
    frozen.thaw()
    if left:
        problem = f"{len(left)} of {len(held)} calls of a frozen worker were not taken over"
        result.problems.append(problem)
    await system.ready(frozen)


def _on_their_way(system: System) -> set[Any]:
    return {
        id_ for (id_,) in system.rows("SELECT id FROM message_attempts WHERE state = 'sending'")
    }


async def _send(teller: Teller, count: int) -> None:
    for _ in range(count):
        await teller.send(op=SEND)
