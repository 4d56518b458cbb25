"""Posts webhooks as providers do: each until it is acknowledged; and notes all that is answered."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

import aiohttp
import attrs
import yarl

from tests.torture.offers import Offer
from tests.torture.report import say
from tests.torture.system import System

OP: Final = "webhook"
"""What its records in the history are called."""

_POST_SECONDS: Final = 15.0
_LONGEST_PAUSE_SECONDS: Final = 1.0
_TELL_SECONDS: Final = 10.0


@attrs.define(eq=False)
class Driver:
    """Posts to the two hosts in turn; one that was not acknowledged goes to the other one next.

    Attributes:
        under_way: how many posts wait for the answer of each host, by its name.
        cut: how many were sent and never answered, by the host's name.
        seconds: how long each that was acknowledged took.
    """

    system: System
    chance: random.Random
    at_once: int = 32
    under_way: Counter[str] = attrs.field(factory=Counter)
    cut: Counter[str] = attrs.field(factory=Counter)
    seconds: list[float] = attrs.field(factory=list)
    acknowledged: int = 0

    async def post_all(self, offers: Iterable[Offer], *, rate: float | None = None) -> None:
        """Post *offers* in their order, several at once, until each is acknowledged.

        Args:
            offers: with repetitions.
            rate: at most so many a second; None for as fast as they go.
        """
        left = self._paced(iter(offers), rate)
        telling = asyncio.create_task(self._tell())
        try:
            await asyncio.gather(*(self._post_on(left) for _ in range(self.at_once)))
        finally:
            telling.cancel()

    async def post(self, offer: Offer) -> None:
        """Post one until it is acknowledged."""
        pause = 0.05
        first = self.chance.randrange(2)
        for number in range(10_000):
            if await self._try(offer, host=(first + number) % 2, number=number):
                return
            await asyncio.sleep(pause * self.chance.uniform(0.5, 1.5))
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    async def _post_on(self, offers: "Iterator[tuple[float, Offer]]") -> None:
        for due, offer in offers:
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            await self.post(offer)

    def _paced(
        self, offers: Iterator[Offer], rate: float | None
    ) -> "Iterator[tuple[float, Offer]]":
        begun = time.monotonic()
        for place, offer in enumerate(offers):
            yield (begun + place / rate if rate else begun), offer

    async def _try(self, offer: Offer, *, host: int, number: int) -> bool:
        """Post once; tell whether it was acknowledged, and note it."""
        child = self.system.hosts[host]
        request = offer.sign()
        path = request.url.removeprefix(self.system.public_url)
        begun = time.monotonic()
        self.under_way[child.name] += 1
        status = None
        try:
            async with self.system.http.post(
                yarl.URL(f"{child.url}{path}", encoded=True),
                data=request.body,
                headers=request.headers,
                timeout=aiohttp.ClientTimeout(total=_POST_SECONDS),
            ) as answer:
                status = int(answer.status)
                await answer.read()
            outcome = "ok" if status < 300 else "fail"
        except aiohttp.ClientConnectorError:
            # It never left.
            outcome = "fail"
        except (aiohttp.ClientError, TimeoutError, OSError):
            outcome = "info"
            self.cut[child.name] += 1
        finally:
            self.under_way[child.name] -= 1
        self._note(offer, outcome, status=status, number=number, seconds=time.monotonic() - begun)
        assert status is None or status < 400 or status in {429, 500, 503}, (
            f"{offer.name} is answered {status}"
        )
        return outcome == "ok"

    def _note(
        self, offer: Offer, outcome: str, *, status: int | None, number: int, seconds: float
    ) -> None:
        self.system.history.add(OP, offer.name, outcome, status=status, number=number)
        if outcome == "ok":
            self.acknowledged += 1
            self.seconds.append(seconds)

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(_TELL_SECONDS)
            say(f"{self.acknowledged} acknowledged, {self.cut.total()} never answered")
