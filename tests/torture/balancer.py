"""A balancer as operators put in front of the hosts: each request goes to one that is ready.

It does what nginx and Caddy do where they are left as they come. A connection that a host has not
taken is offered to the next one; a request that may be repeated is, where a connection that had
been kept turned out to be closed; all else that goes wrong is the client's to hear. Where no host
is ready, each is tried.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

import aiohttp

from tests.torture.children import Child
from tests.torture.http_exchange import Kept, Request, Unanswered
from tests.torture.proxy import FaultProxy

# As often as balancers usually ask, or less.
_LOOK_SECONDS: Final = 0.25
_LOOK_TIMEOUT: Final = aiohttp.ClientTimeout(total=2.0)
_ANSWER_SECONDS: Final = 30.0


class Balancer:
    """Passes each request on to the next host of those whose ``/ready`` says 200.

    Attributes:
        ready: the hosts that are, at the last look.
        offered_again: how many requests went to another host, since the first took no connection.
        repeated: how many were repeated, since a kept connection was closed.

    Args:
        front: leads those who do not come through here; is told which hosts there are.
        hosts: all of them.
    """

    def __init__(self, front: FaultProxy, hosts: Sequence[Child]) -> None:
        self._front = front
        self._hosts = hosts
        self._kept: dict[str, list[Kept]] = defaultdict(list)
        self._turn = 0
        self.ready: list[Child] = []
        self.offered_again = 0
        self.repeated = 0

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(timeout=_LOOK_TIMEOUT)
        self._looking = [asyncio.create_task(self._look_on(host)) for host in self._hosts]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for one in self._looking:
            one.cancel()
        await asyncio.gather(*self._looking, return_exceptions=True)
        for host in self._hosts:
            self._drop(host)
        await self._http.close()

    async def ask(self, request: Request) -> int:
        """Pass *request* on, and give the status of the answer.

        Raises:
            Unanswered: there is none, or no host takes a connection.
        """
        self._turn += 1
        for host in (*self._in_turn(), *self._in_turn()):
            try:
                kept = await self._connect(host)
            except OSError:
                self.offered_again += 1
                continue
            try:
                return await kept.ask(request, seconds=_ANSWER_SECONDS)
            except Unanswered as error:
                if not (kept.is_used and error.is_untouched and request.is_safe_to_repeat):
                    raise
                self.repeated += 1
            finally:
                self._keep(host, kept)
        raise Unanswered("no host takes a connection", is_untouched=True)

    def _in_turn(self) -> Sequence[Child]:
        # As nginx does: where none is said to be ready, perhaps the saying is wrong.
        hosts = self.ready or self._hosts
        place = self._turn % len(hosts)
        return (*hosts[place:], *hosts[:place])

    async def _connect(self, host: Child) -> Kept:
        kept = self._kept[host.name]
        while kept:
            if (one := kept.pop()).is_usable:
                return one
            one.close()
        return await Kept.to(_port(host))

    def _keep(self, host: Child, kept: Kept) -> None:
        if kept.is_usable and host in self.ready:
            self._kept[host.name].append(kept)
        else:
            kept.close()

    def _drop(self, host: Child) -> None:
        for one in self._kept.pop(host.name, []):
            one.close()

    async def _look_on(self, host: Child) -> None:
        while True:
            is_ready = await self._is_ready(host)
            if is_ready != (host in self.ready):
                self._note(host, is_ready=is_ready)
            await asyncio.sleep(_LOOK_SECONDS)

    def _note(self, host: Child, *, is_ready: bool) -> None:
        if is_ready:
            self.ready.append(host)
        else:
            self.ready.remove(host)
            self._drop(host)
        if self.ready:
            self._front.lead_to(*(("127.0.0.1", _port(one)) for one in self.ready))

    async def _is_ready(self, host: Child) -> bool:
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with self._http.get(f"{host.url}/ready") as answer:
                return answer.status == 200
        return False


def _port(host: Child) -> int:
    return int(host.url.rpartition(":")[2])
