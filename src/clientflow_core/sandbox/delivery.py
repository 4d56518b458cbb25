"""Signed webhooks on their way to the host, and a record of what became of each."""

import asyncio
import datetime as dt
import functools
import random
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

import aiohttp
import attrs
import yarl

from clientflow_core.clock import Clock
from clientflow_core.sandbox.faults import FaultSwitches, WebhookFault

# As Twilio waits: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
DEADLINE_SECONDS: Final = 15.0
SHUFFLE_SECONDS: Final = 0.5
# Time for one to leave before the next one does.
_APART_SECONDS: Final = 0.01
_MOST_REMEMBERED: Final = 10_000


@attrs.frozen(kw_only=True)
class SignedRequest:
    """A webhook ready to be posted, signature and all.

    Attributes:
        label: for people who read the record, such as ``SM12… delivered``.
    """

    url: str
    headers: Mapping[str, str]
    body: bytes
    label: str


@attrs.frozen(kw_only=True)
class Delivery:
    """What became of one posting.

    Attributes:
        status: the host's HTTP status; None when there was no answer, or nothing was sent.
        error: why there was none; ``dropped`` when a switch asked for it, ``given up`` when the
            sandbox was reset or closed before.
        seconds: how long the host took.
    """

    url: str
    label: str
    at: dt.datetime
    status: int | None
    error: str | None
    seconds: float

    def state(self) -> dict[str, Any]:
        """Give it as JSON."""
        return attrs.asdict(self) | {"at": self.at.isoformat()}


class WebhookSender:
    """Post webhooks once each, unless a switch says otherwise; a failed one is not repeated.

    Args:
        clock: for the record.
        faults: the sandbox's switches.
        deadline_seconds: how long the host may take.
    """

    def __init__(
        self, *, clock: Clock, faults: FaultSwitches, deadline_seconds: float = DEADLINE_SECONDS
    ) -> None:
        self.deliveries: deque[Delivery] = deque(maxlen=_MOST_REMEMBERED)
        self._clock = clock
        self._faults = faults
        self._timeout = aiohttp.ClientTimeout(total=deadline_seconds)
        self._session: aiohttp.ClientSession | None = None
        self._is_closed = False
        # Each is told whether it may still leave.
        self._waiting: set[asyncio.Future[bool]] = set()
        self._deck: list[asyncio.Future[bool]] = []
        self._dealing: asyncio.TimerHandle | None = None
        self._random = random.Random(0)  # noqa: S311 - repeatable on purpose

    async def deliver(self, request: SignedRequest) -> list[Delivery]:
        """Post *request* as the switches say, and give what became of it, one for each posting."""
        if self._faults.take_drop():
            return [self._record(request, time.monotonic(), None, "dropped")]
        fault = self._faults.webhooks
        if self._is_closed or not await self._may_leave(fault):
            return [self._record(request, time.monotonic(), None, "given up")]
        return list(await asyncio.gather(*(self._post(request) for _ in range(fault.times))))

    def give_up(self) -> None:
        """Never send what still waits: for a delay, or for its turn."""
        if self._dealing:
            self._dealing.cancel()
        self._deck, self._dealing = [], None
        for turn in tuple(self._waiting):
            _tell(turn, may_leave=False)

    async def close(self) -> None:
        """Send nothing any more, and let go of the connections."""
        self._is_closed = True
        self.give_up()
        if self._session:
            await self._session.close()
            self._session = None

    async def _may_leave(self, fault: WebhookFault) -> bool:
        if not (fault.shuffled or fault.delay_seconds):
            return True
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.add(turn)
        turn.add_done_callback(self._waiting.discard)
        if fault.shuffled:
            self._join_deck(turn, max(SHUFFLE_SECONDS, fault.delay_seconds))
        else:
            _tell_later(turn, fault.delay_seconds)
        return await turn

    def _join_deck(self, turn: asyncio.Future[bool], window_seconds: float) -> None:
        self._deck.append(turn)
        if self._dealing is None:
            self._dealing = turn.get_loop().call_later(window_seconds, self._deal)

    def _deal(self) -> None:
        turns, self._deck, self._dealing = self._deck, [], None
        shuffled = turns[:]
        while shuffled == turns and len(turns) > 1:
            self._random.shuffle(shuffled)
        for place, turn in enumerate(shuffled):
            _tell_later(turn, place * _APART_SECONDS)

    async def _post(self, request: SignedRequest) -> Delivery:
        begun = time.monotonic()
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=self._timeout, cookie_jar=aiohttp.DummyCookieJar()
            )
        try:
            async with self._session.post(
                # To the letter, since it is signed.
                yarl.URL(request.url, encoded=True),
                data=request.body,
                headers=request.headers,
                allow_redirects=False,
            ) as answer:
                await answer.read()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            return self._record(request, begun, None, type(error).__name__)
        return self._record(request, begun, answer.status, None)

    def _record(
        self, request: SignedRequest, begun: float, status: int | None, error: str | None
    ) -> Delivery:
        delivery = Delivery(
            url=request.url,
            label=request.label,
            at=self._clock.now(),
            status=status,
            error=error,
            seconds=round(time.monotonic() - begun, 4),
        )
        self.deliveries.append(delivery)
        return delivery


def _tell(turn: asyncio.Future[bool], *, may_leave: bool) -> None:
    if not turn.done():
        turn.set_result(may_leave)


def _tell_later(turn: asyncio.Future[bool], seconds: float) -> None:
    timer = turn.get_loop().call_later(seconds, functools.partial(_tell, turn, may_leave=True))
    turn.add_done_callback(lambda _: timer.cancel())
