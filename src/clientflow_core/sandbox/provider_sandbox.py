"""The class that every provider's sandbox extends."""

import abc
import asyncio
import contextlib
from collections import deque
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, ClassVar, Final

from aiohttp import web

from clientflow_core.clock import Clock, SystemClock
from clientflow_core.ending import end
from clientflow_core.sandbox.calls import MOST_REMEMBERED, Call
from clientflow_core.sandbox.control import ControlBody, Handler, answer_problems, read_control_body
from clientflow_core.sandbox.delivery import WebhookSender
from clientflow_core.sandbox.events import SandboxEvent, choose_event
from clientflow_core.sandbox.faults import DOES_THE_WORK, Answer, CallFault, FaultSwitches
from clientflow_core.sandbox.panels import Panel

# Longer than any client waits.
_SILENCE_SECONDS: Final = 300.0
# Shorter than any client waits for one more byte.
_DRIP_SECONDS: Final = 0.2


class ProviderSandbox(abc.ABC):
    """A stand-in for one provider's API; its state is in memory, and gone when the process ends.

    ``ProviderSpec.sandbox`` names a subclass by a lazy path. The host makes one of each, with the
    credentials that it got from :meth:`new_credentials` once and keeps, and serves them together
    with :func:`clientflow_core.sandbox.build_sandbox_app`.

    Args:
        base_url: where this sandbox is mounted: ``{sandbox_url}/{name}``, without a slash at the
            end.
        host_url: where webhooks go: the host's ``CLIENTFLOW_PUBLIC_URL``, since that is the
            address whose signature it checks. May be set again later.
        credentials: what :meth:`new_credentials` gave, by the names of the environment.
        clock: tells the time.

    Attributes:
        name: as ``ProviderSpec.name``.
        title: for people.
        thing: what a call that changes something brings it, one of them, in the words of people.
        only_reads: whether none of its calls changes anything, so that a switch that spares
            reading would befall none.
        public_paths: of the API, as :meth:`api_routes` has them: what the provider itself tells
            everybody, such as the keys by which its tokens are checked.
        calls: the latest calls of the API, oldest first; :attr:`calls_seen` counts them all.
        resets: how often it was made to forget everything.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    thing: ClassVar[str] = "request"
    only_reads: ClassVar[bool] = False
    public_paths: ClassVar[frozenset[str]] = frozenset()

    def __init__(
        self,
        *,
        base_url: str,
        host_url: str,
        credentials: Mapping[str, str],
        clock: Clock | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self.host_url = host_url.rstrip("/")
        self.credentials = dict(credentials)
        self.clock: Clock = clock or SystemClock()
        self.faults = FaultSwitches()
        self.sender = WebhookSender(clock=self.clock, faults=self.faults)
        self.calls_seen = 0
        self.calls: deque[Call] = deque(maxlen=MOST_REMEMBERED)
        self.resets = 0
        self._let_go = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    @abc.abstractmethod
    def new_credentials(cls) -> dict[str, str]:
        """Make the credentials of a new account, random, by the names of the environment."""

    @abc.abstractmethod
    def settings(self) -> dict[str, str]:
        """Give the environment that makes the real plugin use this sandbox, credentials and all."""

    @abc.abstractmethod
    def api_routes(self) -> Iterable[web.RouteDef]:
        """Give the provider's own API, its paths relative to :attr:`base_url`.

        The fault switches are put before each of them.
        """

    @abc.abstractmethod
    def error_answer(self, status: int) -> web.Response:
        """Give the provider's own words for a 429, 500 or 503."""

    @abc.abstractmethod
    def state(self) -> dict[str, Any]:
        """Give what the sandbox has seen and holds, as JSON; never a credential."""

    @abc.abstractmethod
    def clear(self) -> None:
        """Forget everything but the credentials."""

    async def start(self) -> None:  # noqa: B027 - most have nothing to begin
        """Begin to listen where the provider does beside HTTP; by default nothing.

        What is begun ends in :meth:`close`.
        """

    def listens_at(self) -> Sequence[tuple[str, int]]:
        """Give the hosts and ports of what :meth:`start` has begun; by default none."""
        return ()

    def events(self) -> Sequence[SandboxEvent]:
        """Give what can happen at the provider that it tells us by webhooks; by default nothing.

        The first is what :meth:`inbound` lets happen where it is told no other.
        """
        return ()

    async def inbound(self, body: ControlBody) -> dict[str, Any]:
        """Let one of :meth:`events` happen: ``{event, times}`` and the fields of the event.

        Each of its webhooks is sent *times* times, by default once.

        Raises:
            InvalidInput: *body* breaks a rule.
        """
        event = choose_event(self.events(), body)
        values = event.read(body)
        times = body.whole("times", minimum=1, maximum=100, default=1)
        body.finish()
        occurrence = event.happen(values)
        outcomes = await asyncio.gather(
            *(self.sender.deliver(one) for one in occurrence.requests for _ in range(times))
        )
        deliveries = [delivery for several in outcomes for delivery in several]
        return {
            **occurrence.facts,
            "statuses": [delivery.status for delivery in deliveries],
            "deliveries": [delivery.state() for delivery in deliveries],
        }

    def control_routes(self) -> Iterable[web.RouteDef]:
        """Give more of the control surface, below ``/_control/``; by default nothing."""
        return ()

    def panel(self) -> Panel | None:
        """Give what people see and use of this sandbox in the console; by default nothing."""
        return None

    def routes(self) -> list[web.RouteDef]:
        """Give all that is served below :attr:`base_url`: the API and the control surface."""
        api = [
            web.RouteDef(route.method, route.path, self._with_faults(route.handler), route.kwargs)
            for route in self.api_routes()
        ]
        control = [
            web.get("/_control/state", self._get_state),
            web.get("/_control/events", self._get_events),
            web.post("/_control/inbound", self._post_inbound),
            web.post("/_control/faults", self._post_faults),
            web.post("/_control/reset", self._post_reset),
            *self.control_routes(),
        ]
        return api + [
            web.RouteDef(route.method, route.path, answer_problems(route.handler), route.kwargs)
            for route in control
        ]

    def run_in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Let *work* run until it ends, or the sandbox does or is reset."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def reset(self) -> None:
        """Forget everything but the credentials, and end what is still under way."""
        self._let_go.set()
        self._let_go = asyncio.Event()
        self.sender.give_up()
        await self._end_tasks()
        self.clear()
        self.faults.reset()
        self.sender.deliveries.clear()
        self.calls.clear()
        self.calls_seen = 0
        self.resets += 1

    async def close(self) -> None:
        """End what is held open on purpose, what runs in the background, and the connections."""
        self._let_go.set()
        await self.sender.close()
        await self._end_tasks()

    async def _end_tasks(self) -> None:
        await end(*self._tasks)

    def _with_faults(self, handler: Any) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            self.calls_seen += 1
            fault = self.faults.take_call(request.method)
            call = Call.of(request, at=self.clock.now(), fault=fault)
            self.calls.append(call)
            if fault is None:
                response = await _call(handler, request)
            else:
                response = await self._go_wrong(handler, request, fault)
            if call.has_answer:
                call.status = response.status
            return response

        return answer

    async def _go_wrong(
        self, handler: Any, request: web.Request, fault: CallFault
    ) -> web.StreamResponse:
        accepted = await _call(handler, request) if fault.answer in DOES_THE_WORK else None
        silent = fault.answer is Answer.TIMEOUT
        await self._pause(_SILENCE_SECONDS if silent else fault.delay_seconds)
        # What has no body cannot break off within it: the connection does.
        if fault.answer in {Answer.DRIP, Answer.CUT_WITHIN} and _has_body(accepted):
            status = HTTPStatus.OK if accepted is None else accepted.status
            return await self._break_within(request, status, drips=fault.answer is Answer.DRIP)
        return self._spoil(request, fault, accepted)

    async def _break_within(
        self, request: web.Request, status: int, *, drips: bool
    ) -> web.StreamResponse:
        """Begin an answer that has no end: it drips for as long as anybody waits, or is cut off."""
        response = web.StreamResponse(status=status)
        response.content_type = "application/json"
        let_go = self._let_go
        with contextlib.suppress(ConnectionError):
            await response.prepare(request)
            await response.write(b"{")
            while drips and not let_go.is_set():
                await response.write(b" ")
                await self._pause(_DRIP_SECONDS)
        _cut(request)
        return response

    async def _pause(self, seconds: float) -> None:
        if seconds:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._let_go.wait()

    def _spoil(
        self, request: web.Request, fault: CallFault, accepted: web.StreamResponse | None
    ) -> web.StreamResponse:
        match fault.answer:
            case None:
                return web.Response() if accepted is None else accepted
            case Answer.BAD_JSON if not _has_body(accepted):
                return _cut(request)
            case Answer.BAD_JSON:
                status = HTTPStatus.OK if accepted is None else accepted.status
                return web.Response(
                    text='{"sid": "', status=status, content_type="application/json"
                )
            case Answer.HTML:
                text = "<html><body><h1>502 Bad Gateway</h1></body></html>"
                status = HTTPStatus.BAD_GATEWAY
                return web.Response(text=text, status=status, content_type="text/html")
            case (
                Answer.TIMEOUT
                | Answer.CUT_BEFORE
                | Answer.CUT_AFTER_ACCEPTANCE
                | Answer.CUT_WITHIN
                | Answer.DRIP
            ):
                return _cut(request)
            case Answer.RATE_LIMITED | Answer.INTERNAL_ERROR | Answer.UNAVAILABLE:
                response = self.error_answer(int(fault.answer))
                if fault.answer is not Answer.INTERNAL_ERROR:
                    response.headers["Retry-After"] = str(fault.retry_after_seconds)
                return response

    async def _get_state(self, _: web.Request) -> web.StreamResponse:
        held = {
            "calls": self.calls_seen,
            "deliveries": [delivery.state() for delivery in self.sender.deliveries],
            "faults": self.faults.state(),
        }
        return web.json_response(self.state() | held)

    async def _get_events(self, _: web.Request) -> web.StreamResponse:
        return web.json_response({"events": [event.state() for event in self.events()]})

    async def _post_inbound(self, request: web.Request) -> web.StreamResponse:
        return web.json_response(await self.inbound(await read_control_body(request)))

    async def _post_faults(self, request: web.Request) -> web.StreamResponse:
        self.faults.set(await read_control_body(request))
        return web.json_response(self.faults.state())

    async def _post_reset(self, _: web.Request) -> web.StreamResponse:
        await self.reset()
        return web.json_response({"reset": True})


def _has_body(accepted: web.StreamResponse | None) -> bool:
    return not isinstance(accepted, web.Response) or bool(accepted.body)


async def _call(handler: Any, request: web.Request) -> web.StreamResponse:
    response: web.StreamResponse = await handler(request)
    return response


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
