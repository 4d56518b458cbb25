"""A provider of nothing much, its sandbox, and a host that writes down what it is sent."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, ClassVar

import aiohttp
import attrs
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from typing_extensions import override

from clientflow_core.clock import SystemClock
from clientflow_core.sandbox import (
    Arrival,
    Bubble,
    ControlBody,
    Phone,
    Phones,
    ProviderSandbox,
    SignedRequest,
    build_sandbox_app,
)

OURS = "+15550100100"
CLIENT = "+15550100123"


class ToySandbox(ProviderSandbox):
    """Keeps the words that it is sent, and sends a webhook for each that comes in."""

    name: ClassVar[str] = "toy"
    title: ClassVar[str] = "Toys & <Sons>"
    hook_url: str | None = None

    @classmethod
    @override
    def new_credentials(cls) -> dict[str, str]:
        return {"TOY_KEY": secrets.token_hex(16)}

    @override
    def settings(self) -> dict[str, str]:
        return self.credentials | {"TOY_URL": self.base_url}

    @override
    def api_routes(self) -> Iterable[web.RouteDef]:
        return (
            web.post("/words", self._take),
            web.get("/words", self._list),
            web.delete("/words", self._forget),
        )

    @override
    def error_answer(self, status: int) -> web.Response:
        return web.json_response({"toy_error": status}, status=status)

    @override
    def state(self) -> dict[str, Any]:
        return {"words": list(self.words)}

    @override
    async def inbound(self, body: ControlBody) -> dict[str, Any]:
        word = body.text("body", is_blank_allowed=True)
        sender = body.text("from", default=CLIENT)
        body.text("to", default=OURS)
        times = body.whole("times", minimum=1, maximum=20, default=1)
        body.finish()
        at = self.clock.now()
        self.bubbles.append(
            Bubble(
                id=f"text-{len(self.bubbles)}",
                is_from_client=True,
                body=word,
                at=at,
                arrival=Arrival.ARRIVED,
                note="received",
            )
        )
        self.sender_number = sender
        outcomes = await asyncio.gather(
            *(self.sender.deliver(self.sign(word)) for _ in range(times))
        )
        return {"statuses": [one.status for several in outcomes for one in several]}

    @override
    def clear(self) -> None:
        self.words.clear()
        self.bubbles.clear()

    @override
    def panel(self) -> Phones | None:
        phones = []
        if self.bubbles:
            phones = [Phone(client=self.sender_number, business=OURS, bubbles=self.bubbles)]
        return Phones(phones=phones, numbers=[OURS])

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.words: list[str] = []
        self.bubbles: list[Bubble] = []
        self.sender_number = CLIENT

    def sign(self, word: str) -> SignedRequest:
        url = self.hook_url or f"{self.host_url}/hook"
        headers = {
            "Content-Type": "text/plain; charset=utf-8",
            "X-Toy": self.credentials["TOY_KEY"],
        }
        return SignedRequest(url=url, headers=headers, body=word.encode(), label=word)

    async def _take(self, request: web.Request) -> web.StreamResponse:
        self.words.append(await request.text())
        return web.json_response({"sid": len(self.words)}, status=201)

    async def _forget(self, _: web.Request) -> web.StreamResponse:
        self.words.clear()
        return web.Response(status=204)

    async def _list(self, _: web.Request) -> web.StreamResponse:
        return web.json_response(self.words)


@attrs.define
class Host:
    """Writes down each webhook and when it came."""

    url: str = ""
    delay_seconds: float = 0.0
    status: int = 200
    words: list[str] = attrs.field(factory=list)
    requests: list[tuple[str, dict[str, str]]] = attrs.field(factory=list)
    times: list[float] = attrs.field(factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        self.times.append(time.monotonic())
        self.words.append(await request.text())
        self.requests.append((request.raw_path, dict(request.headers)))
        await asyncio.sleep(self.delay_seconds)
        headers = {"Set-Cookie": "host=remembers", "Location": "/elsewhere"}
        return web.Response(status=self.status, headers=headers)


@attrs.define
class Control:
    """The control surface of one sandbox."""

    http: aiohttp.ClientSession
    base_url: str

    async def post(self, path: str, **json: Any) -> Any:
        """Post *json* to a switch and give the answer."""
        async with self.http.post(f"{self.base_url}/_control/{path}", json=json) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def state(self) -> Any:
        """Give all that the sandbox holds."""
        async with self.http.get(f"{self.base_url}/_control/state") as answer:
            assert answer.status == 200
            return await answer.json()


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    made = Host()
    app = web.Application()
    app.add_routes([web.post("/{path:.*}", made.handle)])
    server = TestServer(app)
    await server.start_server(shutdown_timeout=0.1)
    made.url = str(server.make_url("")).rstrip("/")
    yield made
    await server.close()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def box(host: Host) -> ToySandbox:
    return ToySandbox(
        base_url="http://not-yet/",
        host_url=f"{host.url}/",
        credentials=ToySandbox.new_credentials(),
        clock=SystemClock(),
    )


@pytest.fixture
async def server(box: ToySandbox) -> AsyncIterator[TestServer]:
    """The sandbox as it is served; closed by the test that wants to see how."""
    made = TestServer(build_sandbox_app([box]))
    await made.start_server()
    box.base_url = str(made.make_url("/toy"))
    yield made
    await made.close()


@pytest.fixture
def control(box: ToySandbox, server: TestServer, http: aiohttp.ClientSession) -> Control:
    return Control(http, box.base_url)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for *condition*, 5 s at most."""
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 5 s"
        await asyncio.sleep(0.005)
