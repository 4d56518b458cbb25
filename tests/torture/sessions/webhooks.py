"""R1: webhooks of four providers, repeated and out of order, while processes are killed."""

import asyncio
import time
from typing import Final

from tests.torture.evidence import judge
from tests.torture.killer import Killer, killing
from tests.torture.load import Driver
from tests.torture.offers import Offers
from tests.torture.report import Options, Result, say
from tests.torture.system import System, running_system

_LEAST_KILLS: Final = 10
_QUIET_SECONDS: Final = 1200.0


async def run(options: Options) -> Result:
    """Post ``n`` webhooks, with a kill -9 of a random process every ``seconds``."""
    result = Result.begin("webhooks", "R1", options)
    async with running_system(result) as system:
        offers = await Offers.made(system, chance=options.chance("offers"))
        driver = Driver(system, options.chance("driver"))
        killer = Killer(
            system=system,
            chance=options.chance("killer"),
            every_seconds=options.seconds,
            under_way=lambda child: driver.under_way[child.name],
        )
        begun = time.monotonic()
        changing = asyncio.create_task(change_calendar(system))
        # Few of them last for some kills, too.
        rate = options.n / (_LEAST_KILLS * options.seconds)
        async with killing(killer, result):
            await driver.post_all(offers.mixed(options.n), rate=rate)
        changing.cancel()
        result.figures["seconds until all were acknowledged"] = round(time.monotonic() - begun, 1)
        await system.ready()
        await driver.post_all(offers.closing())
        say("all are acknowledged; waiting for what is still to be done")
        result.figures["seconds until all was done"] = round(
            await system.quiet(seconds=_QUIET_SECONDS), 1
        )
        await judge(system, result)
    return result


async def change_calendar(system: System) -> None:
    """Let somebody put an event into the calendar at Google's every two seconds."""
    number = 0
    while True:
        number += 1
        title = {"event": "event.created", "title": f"visit {number}"}
        await system.control("google_calendar", "inbound", title)
        await asyncio.sleep(2)
