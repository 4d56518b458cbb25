"""A sandbox, and a host that takes its webhooks, on a thread of their own."""

import asyncio
import contextlib
import socket
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from aiohttp import web

from clientflow_core.providers.webhooks import WebhookRequest
from clientflow_core.sandbox import ProviderSandbox, build_sandbox_app

T = TypeVar("T")

_LOOPBACK: Final = "127.0.0.1"
_PATIENCE_SECONDS: Final = 30.0
_MOMENT_SECONDS: Final = 0.003
_MOST_KEPT: Final = 10_000


class SandboxThread:
    """Serve one stand-in and one host, each on a free port; a context.

    Args:
        sandbox_class: of the stand-in.
        credentials: of its account; by default those of a new one.

    Attributes:
        sandbox: the stand-in, with an account of its own.
        host_url: where its webhooks go.
        arrived: the webhooks that the host has taken; it answers 200 to all.
    """

    def __init__(
        self, sandbox_class: type[ProviderSandbox], *, credentials: Mapping[str, str] | None = None
    ) -> None:
        self.arrived: deque[WebhookRequest] = deque(maxlen=_MOST_KEPT)
        self._class = sandbox_class
        self._credentials = credentials
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._main, name="sandbox", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(_PATIENCE_SECONDS)
        if self._failure:
            raise self._failure
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(_PATIENCE_SECONDS)

    @property
    def thread_id(self) -> int | None:
        """Which thread it is."""
        return self._thread.ident

    @property
    def address(self) -> tuple[str, int]:
        """Where the sandbox listens."""
        return _LOOPBACK, self._port

    def connections(self) -> int:
        """Count the connections to the sandbox that are open."""
        return self.call(lambda: len(self._server().connections))

    def cut(self) -> None:
        """Cut every connection to the sandbox, whatever it carries."""

        def cut() -> None:
            for one in self._server().connections:
                if one.transport is not None:
                    one.transport.abort()

        self.call(cut)

    def call(self, function: Callable[[], T]) -> T:
        """Call *function* where the sandbox runs, and give what it gives."""

        async def call() -> T:
            return function()

        return self.finish(call)

    def finish(self, function: Callable[[], Awaitable[T]]) -> T:
        """Call *function* where the sandbox runs, and wait for its end."""

        async def call() -> T:
            return await function()

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(_PATIENCE_SECONDS)

    def _server(self) -> web.Server:
        server = self._runner.server
        assert server is not None, "the sandbox does not listen"
        return server

    def _main(self) -> None:
        try:
            with asyncio.Runner() as runner:
                runner.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - it is told to whoever waits
            self._failure = error
            self._ready.set()

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        host = web.Application(client_max_size=16 * 1024 * 1024)
        host.add_routes([web.route("*", "/{path:.*}", self._take)])
        host_runner, host_port = await _listen(host)
        self.host_url = f"http://{_LOOPBACK}:{host_port}"
        self.sandbox = self._class(
            base_url="http://not-yet",
            host_url=self.host_url,
            credentials=self._credentials or self._class.new_credentials(),
        )
        self._runner, self._port = await _listen(build_sandbox_app([self.sandbox]))
        self.sandbox.base_url = f"http://{_LOOPBACK}:{self._port}/{self.sandbox.name}"
        self._ready.set()
        await self._end.wait()
        # A connection that has just been made or ended becomes one, or is closed, in a moment.
        await asyncio.sleep(_MOMENT_SECONDS)
        await self._runner.cleanup()
        await host_runner.cleanup()
        await asyncio.sleep(_MOMENT_SECONDS)

    async def _take(self, request: web.Request) -> web.StreamResponse:
        self.arrived.append(
            webhook_request(
                method=request.method,
                url=self.host_url + request.raw_path,
                headers=dict(request.headers),
                body=await request.read(),
            )
        )
        return web.Response()


def webhook_request(
    *, method: str = "POST", url: str, headers: Mapping[str, Any], body: bytes
) -> WebhookRequest:
    """Give a webhook as a host has it, received now."""
    return WebhookRequest(
        method=method,
        url=url,
        headers={name: str(value) for name, value in headers.items()},
        body=body,
    )


async def _listen(app: web.Application) -> tuple[web.AppRunner, int]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, _LOOPBACK, 0)
    await site.start()
    port: int = runner.addresses[0][1]
    return runner, port


@contextlib.contextmanager
def abandoned(sandbox_class: type[ProviderSandbox]) -> Iterator[Mapping[str, str]]:
    """Give the settings of a sandbox that has ended: at its port nobody listens meanwhile."""
    with SandboxThread(sandbox_class) as gone:
        values = gone.sandbox.settings()
    # Bound and not listening: it refuses connections, and no other process can take it.
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(gone.address)
        yield values
