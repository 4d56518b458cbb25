"""R6: PostgreSQL crashes and comes back while webhooks come in and messages go out."""

import asyncio
import time
from collections.abc import Iterator
from typing import Final

from tests.torture.evidence import SEND, judge
from tests.torture.load import Driver
from tests.torture.offers import Offer, Offers
from tests.torture.report import Options, Result, say
from tests.torture.stories import CLIENT, Teller
from tests.torture.system import System, running_system

_BACK_SECONDS: Final = 5.0
_AT_ONCE: Final = 8


async def run(options: Options) -> Result:
    """Restart the database ``n`` times, with ``seconds`` of load before each."""
    result = Result.begin("postgres", "R6", options)
    async with running_system(result) as system:
        offers = await Offers.made(system, chance=options.chance("offers"))
        driver = Driver(system, options.chance("driver"), at_once=_AT_ONCE)
        conversation = await Teller(system=system, driver=driver, offers=offers).conversation()
        is_over = asyncio.Event()
        load = [
            asyncio.create_task(driver.post_all(_until(is_over, offers))),
            asyncio.create_task(_send_on(system, conversation, is_over)),
        ]
        gaps = [
            await _restart(system, driver, result, number=number, seconds=options.seconds)
            for number in range(options.n)
        ]
        await asyncio.sleep(1)
        is_over.set()
        await asyncio.gather(*load)
        await driver.post_all(offers.closing())
        result.figures["longest time until an acknowledgement, s"] = round(max(gaps), 2)
        result.figures["seconds until all was done"] = round(await system.quiet(), 1)
        if max(gaps) > _BACK_SECONDS:
            result.problems.append(f"{max(gaps):.1f} s went by without an acknowledgement")
        await judge(system, result)
    return result


def _until(is_over: asyncio.Event, offers: Offers) -> Iterator[Offer]:
    for offer in offers.endless():
        if is_over.is_set():
            return
        yield offer


async def _send_on(system: System, conversation: str, is_over: asyncio.Event) -> None:
    number = 0
    while not is_over.is_set():
        number += 1
        path = f"/conversations/{conversation}/messages"
        body = f"message {number} to {CLIENT}"
        await system.insist(SEND, path, {"body": body}, name=body)
        await asyncio.sleep(0.2)


async def _restart(
    system: System, driver: Driver, result: Result, *, number: int, seconds: float
) -> float:
    """Restart it, in turn by a crash and in order; give how long nothing was taken afterwards."""
    await asyncio.sleep(seconds)
    if driver.under_way.total():
        result.count("restarts with requests under way")
    end = system.postgres.stop_fast if number % 3 == 2 else system.postgres.crash
    await asyncio.to_thread(end)
    await asyncio.to_thread(system.postgres.start)
    begun, known = time.monotonic(), driver.acknowledged

    async def is_taken() -> bool:
        return driver.acknowledged > known

    _ = await system.until(is_taken, what="a webhook is acknowledged", seconds=60)
    gap = time.monotonic() - begun
    say(f"restart {number + 1}: taken again after {gap:.2f} s")
    return gap
