"""R4: how many webhooks are taken without any fault, and how long each waits for its answer.

It needs a quiet machine to say anything; what counts on any is that none is lost or doubled.
"""

import statistics
import time
from typing import Final

import attrs

from tests.torture.evidence import judge
from tests.torture.load import Driver
from tests.torture.offers import Offer, Offers
from tests.torture.report import Options, Result, say
from tests.torture.system import running_system

_AT_ONCE: Final = 32


async def run(options: Options) -> Result:
    """Post ``n`` webhooks that were signed beforehand, within ``seconds`` or as fast as they go."""
    result = Result.begin("intake", "R4", options, has_faults=False)
    async with running_system(result) as system:
        offers = await Offers.made(system, chance=options.chance("offers"))
        signed = [_signed(offer) for offer in offers.mixed(options.n)]
        say(f"{len(signed)} are signed")
        driver = Driver(system, options.chance("driver"), at_once=_AT_ONCE)
        begun = time.monotonic()
        await driver.post_all(signed, rate=options.n / options.seconds if options.seconds else None)
        took = time.monotonic() - begun
        waits = statistics.quantiles(driver.seconds, n=100)
        result.figures["webhooks a second"] = round(len(signed) / took)
        result.figures["p50 ms"] = round(waits[49] * 1e3, 1)
        result.figures["p99 ms"] = round(waits[98] * 1e3, 1)
        result.figures["seconds until all was done"] = round(await system.quiet(), 1)
        await judge(system, result)
    return result


def _signed(offer: Offer) -> Offer:
    request = offer.sign()
    return attrs.evolve(offer, sign=lambda: request)
