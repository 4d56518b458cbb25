"""R4: how many webhooks are taken without any fault, and how long each waits for its answer.

Twice: once while nobody does anything about them, and once beside the workers, which share the
machine. It needs a quiet machine to say anything; what counts on any is that none is lost or
doubled.
"""

import asyncio
import statistics
import time
from typing import Final

import attrs

from tests.torture.evidence import judge
from tests.torture.load import Driver
from tests.torture.offers import Offer, Offers
from tests.torture.report import Options, Result, say
from tests.torture.system import System, running_system

_AT_ONCE: Final = 32
_QUIET_SECONDS: Final = 900.0


async def run(options: Options) -> Result:
    """Post ``n`` webhooks that were signed beforehand, within ``seconds`` or as fast as they go."""
    result = Result.begin("intake", "R4", options, has_faults=False)
    async with running_system(result) as system:
        offers = await Offers.made(system, chance=options.chance("offers"))
        signed = [_signed(offer) for offer in offers.mixed(options.n)]
        say(f"{len(signed)} are signed")
        half = len(signed) // 2
        for worker in system.workers:
            await asyncio.to_thread(worker.terminate)
        await _post(system, result, options, signed[:half], beside="nobody")
        for worker in system.workers:
            worker.start()
        await system.ready(*system.workers)
        await _post(system, result, options, signed[half:], beside="the workers")
        result.figures["seconds until all was done"] = round(
            await system.quiet(seconds=_QUIET_SECONDS), 1
        )
        await judge(system, result)
    return result


async def _post(
    system: System, result: Result, options: Options, signed: list[Offer], *, beside: str
) -> None:
    driver = Driver(system, options.chance(f"driver beside {beside}"), at_once=_AT_ONCE)
    begun = time.monotonic()
    await driver.post_all(signed, rate=options.n / options.seconds if options.seconds else None)
    took = time.monotonic() - begun
    waits = statistics.quantiles(driver.seconds, n=100)
    result.figures[f"webhooks a second, beside {beside}"] = round(len(signed) / took)
    result.figures[f"p50 and p99 in ms, beside {beside}"] = (
        f"{waits[49] * 1e3:.1f} {waits[98] * 1e3:.1f}"
    )


def _signed(offer: Offer) -> Offer:
    request = offer.sign()
    return attrs.evolve(offer, sign=lambda: request)
