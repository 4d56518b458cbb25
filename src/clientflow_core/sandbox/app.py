"""All sandboxes in one web application."""

from collections.abc import Sequence
from typing import Final

from aiohttp import web

from clientflow_core.sandbox.provider_sandbox import ProviderSandbox

SANDBOXES: Final = web.AppKey[tuple[ProviderSandbox, ...]]("sandboxes")


def build_sandbox_app(sandboxes: Sequence[ProviderSandbox]) -> web.Application:
    """Mount each of *sandboxes* at ``/{name}/``, beside ``/health`` and ``/resets``.

    The console for people is the host's, which adds it to what this gives. The application closes
    the sandboxes when it is cleaned up.
    """
    app = web.Application()
    app[SANDBOXES] = tuple(sandboxes)
    app.add_routes([web.get("/health", _health), web.get("/resets", _resets)])
    for box in sandboxes:
        app.add_routes(
            web.RouteDef(route.method, f"/{box.name}{route.path}", route.handler, route.kwargs)
            for route in box.routes()
        )
    app.on_startup.append(_start)
    # Before the server waits for its handlers, and once more for what they began meanwhile.
    app.on_shutdown.append(_close)
    app.on_cleanup.append(_close)
    return app


async def _health(request: web.Request) -> web.StreamResponse:
    # Apart, since mypy reads the key as one of Iterable where an Iterable is asked for.
    sandboxes = request.app[SANDBOXES]
    names = [box.name for box in sandboxes]
    return web.json_response({"status": "ok", "sandboxes": names})


async def _resets(request: web.Request) -> web.StreamResponse:
    """Tell how often each has forgotten everything, for whoever remembers what it has said."""
    sandboxes = request.app[SANDBOXES]
    return web.json_response({box.name: box.resets for box in sandboxes})


async def _start(app: web.Application) -> None:
    for box in app[SANDBOXES]:
        await box.start()


async def _close(app: web.Application) -> None:
    for box in app[SANDBOXES]:
        await box.close()
