"""Ends a random process again and again, and starts it anew."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Sequence

import attrs

from tests.torture.children import Child
from tests.torture.report import Result
from tests.torture.system import System

KILL = "kill"
TERM = "term"
STOP = "stop"


@attrs.define(eq=False, kw_only=True)
class Killer:
    """What is done to whom.

    Attributes:
        every_seconds: between two stops; one that is not ready again is let be.
        ways: KILL, TERM or STOP (frozen for a while), by chance.
        under_way: how much a process was at when it was ended; counted where it is not nothing.
    """

    system: System
    chance: random.Random
    every_seconds: float
    ways: Sequence[str] = (KILL,)
    victims: Sequence[Child] = ()
    frozen_seconds: float = 2.0
    under_way: Callable[[Child], int] | None = None
    stops: dict[str, int] = attrs.field(factory=dict)
    hits: int = 0

    async def run(self) -> None:
        """Go on until it is cancelled."""
        while True:
            await asyncio.sleep(self.every_seconds)
            victim = await self._choose()
            if victim is not None:
                await self._end(victim, self.chance.choice(self.ways))

    async def _choose(self) -> Child | None:
        """Give one that has got as far as being of use: else nothing would ever be under way."""
        victims = list(self.victims or (*self.system.hosts, *self.system.workers))
        self.chance.shuffle(victims)
        for victim in victims:
            if victim.is_running and await self.system.is_ready(victim):
                return victim
        return None

    async def _end(self, victim: Child, way: str) -> None:
        self.hits += bool(self.under_way and self.under_way(victim))
        key = f"{way} of {victim.command}"
        self.stops[key] = self.stops.get(key, 0) + 1
        if way == STOP:
            victim.freeze()
            await asyncio.sleep(self.frozen_seconds)
            victim.thaw()
            return
        if way == KILL:
            victim.kill()
        else:
            await asyncio.to_thread(victim.terminate)
        victim.start()


@contextlib.asynccontextmanager
async def killing(killer: Killer, result: Result) -> AsyncIterator[Killer]:
    """Have *killer* at work for as long as the block runs; then all is up again, and counted."""
    task = asyncio.create_task(killer.run())
    try:
        yield killer
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for child in killer.system.children:
            if child.is_running:
                child.thaw()
            elif child.starts:
                child.start()
        result.figures["stops"] = sum(killer.stops.values())
        result.figures.update(killer.stops)
        if killer.under_way is not None:
            result.count("stops of a host with requests under way", killer.hits)
    if task.done() and not task.cancelled() and task.exception() is not None:
        raise task.exception() or AssertionError
