"""R11: hosts are restarted in turns under load, behind a balancer that asks for ``/ready``."""

import asyncio
import time
from collections import Counter
from typing import Final

import attrs

from tests.torture.balancer import Balancer
from tests.torture.children import Child
from tests.torture.evidence import check_jobs, check_webhooks
from tests.torture.history import FAIL, INFO, OK, Verdict
from tests.torture.http_exchange import Request, Unanswered
from tests.torture.load import OP
from tests.torture.offers import Offers
from tests.torture.report import Options, Result, say
from tests.torture.system import System, running_system

_RATE: Final = 200.0
# So that a machine that cannot do so many in time is not asked for more than one host takes: what
# it sheds then, by 503, would have nothing to do with a restart.
_MOST_AT_ONCE: Final = 16
_TEXTS: Final = 0.05
_LONGEST_EXIT_SECONDS: Final = 10.0
_READY_SECONDS: Final = 60.0


@attrs.define(eq=False, kw_only=True)
class Load:
    """Requests at a steady rate, none of them repeated by who asks: one in 20 a text that comes in.

    Attributes:
        at_once: how many are under way.
        left_out: how many were due when too many were under way.
        statuses: how often each was answered.
        failures: what each that failed has met.
        is_over: set when no more are to begin.
    """

    system: System
    offers: Offers
    options: Options
    balancer: Balancer
    at_once: int = 0
    left_out: int = 0
    statuses: Counter[int] = attrs.field(factory=Counter)
    failures: list[str] = attrs.field(factory=list)
    is_over: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def run(self) -> None:
        """Go on until it is over; what is under way then is waited for."""
        dice, begun, number = self.options.chance("load"), time.monotonic(), 0
        async with asyncio.TaskGroup() as tasks:
            while not self.is_over.is_set():
                await asyncio.sleep(max(0.0, begun + number / _RATE - time.monotonic()))
                if self.at_once < _MOST_AT_ONCE:
                    tasks.create_task(self._text() if dice.random() < _TEXTS else self._read())
                else:
                    self.left_out += 1
                number += 1

    def end(self) -> None:
        """Begin no more."""
        self.is_over.set()

    async def _text(self) -> None:
        offer = self.offers.text()
        signed = offer.sign()
        request = Request(
            method="POST", url=signed.url, headers=dict(signed.headers), body=signed.body
        )
        self.system.history.add(OP, offer.name, await self._ask(request))

    async def _read(self) -> None:
        headers = {"Authorization": f"Bearer {self.system.login.api_key}"}
        url = f"{self.system.public_url}/api/v1/channels"
        await self._ask(Request(method="GET", url=url, headers=headers))

    async def _ask(self, request: Request) -> str:
        self.at_once += 1
        try:
            status = await self.balancer.ask(request)
        except Unanswered as error:
            self.failures.append(f"{request.method} has met {error}")
            return INFO
        finally:
            self.at_once -= 1
        self.statuses[status] += 1
        if status < 300:
            return OK
        self.failures.append(f"{request.method} is answered {status}")
        return FAIL


async def run(options: Options) -> Result:
    """Restart a host ``n`` times, one after the other."""
    result = Result.begin("rolling", "R11", options)
    async with (
        running_system(result) as system,
        Balancer(system.front, system.hosts) as balancer,
    ):
        offers = Offers(system, chance=options.chance("offers"))
        load = Load(system=system, offers=offers, options=options, balancer=balancer)
        begun = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(load.run())
            try:
                for number in range(options.n):
                    await restart(system.hosts[number % 2], balancer, load, result)
            finally:
                load.end()
        note(load, result, seconds=time.monotonic() - begun)
        await system.quiet()
        judge(system, result)
    return result


def note(load: Load, result: Result, *, seconds: float) -> None:
    """Note what was asked for, and what has failed."""
    answered = load.statuses.total()
    result.figures["requests"] = answered + sum("has met" in one for one in load.failures)
    result.figures["requests a second"] = round(answered / seconds)
    result.figures["due while too many were under way, and left out"] = load.left_out
    result.figures["offered to the other host, since no connection was taken"] = (
        load.balancer.offered_again
    )
    result.figures["repeated by the balancer, since a kept connection was closed"] = (
        load.balancer.repeated
    )
    result.lost += [f"request failed: {one}" for one in load.failures]


async def restart(host: Child, balancer: Balancer, load: Load, result: Result) -> None:
    """Ask *host* to end, start it anew, and wait until requests come to it again."""

    async def are_both_ready() -> bool:
        return len(balancer.ready) == 2

    await load.system.until(are_both_ready, what="both hosts are ready", seconds=_READY_SECONDS)
    # As long as it takes until some are under way at it.
    await asyncio.sleep(0.5)
    result.count("restarts with requests under way", load.at_once > 0)
    begun = time.monotonic()
    code = await asyncio.to_thread(host.terminate)
    seconds = time.monotonic() - begun
    say(f"{host.name} has ended within {seconds:.1f} s")
    key = "longest exit in s"
    result.figures[key] = max(result.figures.get(key, 0.0), round(seconds, 2))
    if code or seconds > _LONGEST_EXIT_SECONDS:
        result.problems.append(f"{host.name} has ended with {code} after {seconds:.1f} s")
    host.start()


def judge(system: System, result: Result) -> None:
    """Each text that was acknowledged is there once."""
    verdict = Verdict()
    check_webhooks(system, verdict, result)
    check_jobs(system, verdict)
    result.lost += verdict.lost
    result.doubled += verdict.doubled
    result.problems += verdict.problems
