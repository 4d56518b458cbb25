"""Live updates, as a page hears them."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from clientflow_host.serving import SERVING
from tests.host.conftest import Host
from tests.host.pages.conftest import Browser
from tests.texts import text


class Ear:
    """Reads server-sent events."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def next(self, *, seconds: float = 5.0) -> dict[str, str]:
        """Give the next event that is no ping."""
        event: dict[str, str] = {}
        async with asyncio.timeout(seconds):
            while True:
                line = (await self._answer.content.readline()).decode().rstrip("\r\n")
                if not line and "data" in event:
                    return event
                name, _, value = line.partition(": ")
                if name:
                    event[name] = value


@asynccontextmanager
async def listening(browser: Browser, path: str = "/stream", **headers: str) -> AsyncIterator[Ear]:
    """Open the stream."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with browser.http.get(path, headers=named) as answer:
        assert answer.status == 200
        assert answer.content_type == "text/event-stream"
        yield Ear(answer)


async def test_a_text_is_told_to_the_page_at_once(
    browser: Browser, host: Host, worker: None
) -> None:
    async with listening(browser) as ear:
        await host.webhook(text("Hello?"))
        event = await ear.next()
    assert event["event"] == "changed"
    assert json.loads(event["data"])["kind"] == "message.received"


async def test_a_page_that_was_away_is_told_what_it_missed(
    browser: Browser, host: Host, worker: None
) -> None:
    await host.conversation("one")
    async with listening(browser) as ear:
        first = await ear.next()
    await host.conversation("two", From="+14155550124")
    async with listening(browser, Last_Event_ID=first["id"]) as ear:
        missed = await ear.next()
    assert int(missed["id"]) > int(first["id"])
    async with listening(browser, f"/stream?after={missed['id']}") as ear:
        # What lies in the seconds before may come again; nothing newer does.
        again = await ear.next()
        assert int(again["id"]) < int(missed["id"])
        with pytest.raises(TimeoutError):
            await ear.next(seconds=0.3)


async def test_another_organization_is_told_nothing(
    browser: Browser, host: Host, worker: None
) -> None:
    theirs = host.add_organization()
    [(number,)] = host.rows("SELECT address FROM channels WHERE organization_id = %s", theirs.id)
    async with listening(browser) as ear:
        await host.webhook(text("For them", To=number))
        await host.quiet()
        with pytest.raises(TimeoutError):
            await ear.next(seconds=0.5)


async def test_the_stream_goes_on_when_its_connection_is_cut(
    browser: Browser, host: Host, worker: None
) -> None:
    async with listening(browser) as ear:
        host.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE 'LISTEN%%clientflow_stream%%'"
        )
        await host.webhook(text("Hello?"))
        assert (await ear.next())["event"] == "changed"


async def test_the_stream_ends_at_once_when_the_host_stops(browser: Browser, host: Host) -> None:
    async with browser.http.get("/stream") as answer:
        assert answer.status == 200
        await asyncio.sleep(0.1)
        host.app[SERVING].draining.set()
        # Far less than the time between two looks of its own.
        async with asyncio.timeout(3):
            await answer.content.read()
    assert host.app[SERVING].in_flight == 0


async def test_a_stranger_hears_nothing(stranger: Browser) -> None:
    assert (await stranger.open("/stream"))[0] == 303
