"""``/stream``: server-sent events that tell a page that something has changed."""

import asyncio
import contextlib
from typing import Annotated, Final

import attrs
from aiohttp import ClientConnectionResetError, hdrs, web
from aiohttp_sse import EventSourceResponse, sse_response
from msgspec import Meta

from clientflow_core.domain.roles import Role
from clientflow_core.persistence.repositories.stream_events import (
    OVERLAP_SECONDS,
    StreamEvent,
    list_stream_events,
)
from clientflow_host.assembly import ASSEMBLY
from clientflow_host.live import LIVE
from clientflow_host.openapi import ApiRequest, Operation
from clientflow_host.serving import SERVING

# A look without being told: for what a lost notice was about.
_LOOK_SECONDS: Final = 5.0


@attrs.frozen(kw_only=True)
class StreamQuery:
    """What the page knows already.

    Attributes:
        after: the newest event when the page was made.
    """

    after: Annotated[int, Meta(ge=0)] = 0


async def stream(request: ApiRequest[None, StreamQuery, None]) -> web.StreamResponse:
    """Tell of every change from now on, and of those since the event that the page names."""
    raw = request.raw
    watcher = _Watcher(request, after=_last_event_id(raw) or request.query.after)
    async with sse_response(raw, headers={hdrs.CACHE_CONTROL: "no-store"}) as response:
        hub = raw.app[LIVE]
        with (
            hub.watching(request.principal.organization_id) as told,
            # The last is for a page that reads nothing any more, whose connection is cut by then.
            contextlib.suppress(ClientConnectionResetError, ConnectionResetError, TimeoutError),
        ):
            while response.is_connected() and not raw.app[SERVING].is_draining:
                told.clear()
                await watcher.send_new(response)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_SECONDS):
                        await told.wait()
    return response


class _Watcher:
    """Remembers what one page has been told."""

    def __init__(self, request: ApiRequest[None, StreamQuery, None], *, after: int) -> None:
        self._database = request.raw.app[ASSEMBLY].database
        self._organization_id = request.principal.organization_id
        self._after = after
        self._told: dict[int, float] = {}

    async def send_new(self, response: EventSourceResponse) -> None:
        for event in await self._find_new():
            data = f'{{"kind": "{event.kind}", "subject": "{event.subject_id.hex}"}}'
            await response.send(data, id=str(event.id), event="changed")

    async def _find_new(self) -> list[StreamEvent]:
        async with self._database.organization(self._organization_id) as transaction:
            found = await list_stream_events(transaction, after=self._after)
        new = [event for event in found if event.id not in self._told]
        now = asyncio.get_running_loop().time()
        self._told |= {event.id: now for event in new}
        self._after = max([self._after, *(event.id for event in new)])
        # Twice the overlap: by then none of them is listed any more.
        self._told = {id_: at for id_, at in self._told.items() if now - at < 2 * OVERLAP_SECONDS}
        return new


def _last_event_id(request: web.Request) -> int | None:
    text = request.headers.get("Last-Event-ID", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None  # noqa: PLR2004 - fits into bigint


OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/stream",
        role=Role.VIEWER,
        handler=stream,
        tag="pages",
        media_type="text/event-stream",
        deadline_seconds=None,
    ),
)
