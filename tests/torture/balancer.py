"""A balancer as operators put in front of the hosts: each connection goes to one that is ready."""

import asyncio
import contextlib
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

import aiohttp

from tests.torture.children import Child
from tests.torture.proxy import FaultProxy

# As often as balancers usually ask, or less.
_LOOK_SECONDS: Final = 0.1
_LOOK_TIMEOUT: Final = aiohttp.ClientTimeout(total=2.0)


class Balancer:
    """Passes each connection on to the next host of those whose ``/ready`` says 200.

    Args:
        front: the proxy that listens; it is told which hosts there are at the moment.
        hosts: all of them.
    """

    def __init__(self, front: FaultProxy, hosts: Sequence[Child]) -> None:
        self._front = front
        self._hosts = hosts
        self.ready: list[Child] = []

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(timeout=_LOOK_TIMEOUT)
        self._looking = asyncio.create_task(self._look_on())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._looking.cancel()
        await asyncio.gather(self._looking, return_exceptions=True)
        await self._http.close()

    async def _look_on(self) -> None:
        while True:
            answers = await asyncio.gather(*(self._is_ready(host) for host in self._hosts))
            self.ready = [h for h, is_ready in zip(self._hosts, answers, strict=True) if is_ready]
            if self.ready:
                self._front.lead_to(*(_address(host) for host in self.ready))
            await asyncio.sleep(_LOOK_SECONDS)

    async def _is_ready(self, host: Child) -> bool:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with self._http.get(f"{host.url}/ready") as answer:
                return answer.status == 200
        return False


def _address(host: Child) -> tuple[str, int]:
    _, _, port = host.url.rpartition(":")
    return "127.0.0.1", int(port)
