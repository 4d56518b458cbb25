"""The stories, where they do not go as they should."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from clientflow_host import demo
from clientflow_host.demo import StoryFailed, play_text_and_answer
from clientflow_host.state import UpNote

NOTE = UpNote(
    url="http://127.0.0.1:9",
    email="demo@clientflow.example",
    password="p",
    api_key="k",
    organization_id="org_1",
    sandbox_url="http://127.0.0.1:9",
    state_dir="/state",
    settings={"TWILIO_PHONE_NUMBER": "+14155550100"},
    database_url="",
)


@attrs.define
class Service:
    """A service that goes wrong; it answers what it is told to."""

    conversations: list[dict[str, Any]] = attrs.field(factory=list)
    messages: list[str] = attrs.field(factory=list)
    status: int = 200
    silent: bool = False
    client: str = ""

    async def inbound(self, request: web.Request) -> web.Response:
        self.client = (await request.json())["from"]
        return web.json_response({"statuses": [200, 200]}, status=self.status)

    async def listed(self, _: web.Request) -> web.Response:
        if self.silent:
            await asyncio.sleep(5)
        found = [{"id": "cnv_1", "address": self.client}] if self.messages else []
        return web.json_response({"data": found})

    async def said(self, _: web.Request) -> web.Response:
        return web.json_response({"data": [{"body": body} for body in self.messages]})


@pytest.fixture
async def service() -> AsyncIterator[tuple[Service, UpNote]]:
    app, service = web.Application(), Service()
    app.add_routes(
        [
            web.post("/twilio/_control/inbound", service.inbound),
            web.get("/api/v1/conversations", service.listed),
            web.get("/api/v1/conversations/cnv_1/messages", service.said),
        ]
    )
    async with TestServer(app) as server:
        url = str(server.make_url("")).rstrip("/")
        yield service, attrs.evolve(NOTE, url=url, sandbox_url=url)


async def play(note: UpNote) -> list[str]:
    return [line async for line in play_text_and_answer(note)]


@pytest.mark.parametrize("changes", [{"sandbox_url": None}, {"settings": {"STRIPE_KEY": "x"}}])
async def test_real_provider_is_left_alone(changes: dict[str, Any]) -> None:
    with pytest.raises(StoryFailed, match="here Twilio is the real one"):
        await play(attrs.evolve(NOTE, **changes))


async def test_service_that_is_gone_is_told() -> None:
    with pytest.raises(StoryFailed, match=r"127\.0\.0\.1:9 does not answer.*is `clientflow up`"):
        await play(NOTE)


async def test_service_that_does_not_answer_in_time_is_told(
    service: tuple[Service, UpNote], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "_ANSWER_SECONDS", 0.1)
    toy, note = service
    toy.silent = True
    with pytest.raises(StoryFailed, match="does not answer"):
        await play(note)


async def test_text_that_does_not_arrive_is_told(
    service: tuple[Service, UpNote], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "_STEP_SECONDS", 0.2)
    with pytest.raises(StoryFailed, match="in vain for the text in a conversation"):
        await play(service[1])


async def test_text_that_is_there_twice_is_told(service: tuple[Service, UpNote]) -> None:
    toy, note = service
    toy.messages = [demo._QUESTION] * 2
    with pytest.raises(StoryFailed, match="should be that the text is there once, and is not"):
        await play(note)


async def test_refusal_is_told_with_its_words(service: tuple[Service, UpNote]) -> None:
    toy, note = service
    toy.status = 422
    with pytest.raises(StoryFailed, match=r"/inbound answered 422: .*statuses"):
        await play(note)
