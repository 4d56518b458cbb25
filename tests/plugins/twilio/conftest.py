"""The real plugin and SDK, its sandbox, and a host that checks what it is sent; all over HTTP."""

import asyncio
import datetime as dt
import time
from collections.abc import AsyncIterator, Callable

import aiohttp
import attrs
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from clientflow_core.domain.messages import OutboundMessage, ProviderEvent
from clientflow_core.errors import WebhookError
from clientflow_core.ids import new_id
from clientflow_core.providers.spec import ProviderContext
from clientflow_core.providers.webhooks import Verified, WebhookRequest
from clientflow_core.sandbox import build_sandbox_app
from clientflow_core.settings import load_settings
from clientflow_plugins.twilio.provider import TwilioChannel
from clientflow_plugins.twilio.sandbox import TwilioSandbox
from clientflow_plugins.twilio.settings import TwilioSettings
from clientflow_plugins.twilio.spec import TWILIO

CLIENT = "+15550100123"
SERVICE = "MG" + "5" * 32


@attrs.define
class Host:
    """What a host does with webhooks, without keeping them."""

    settings: TwilioSettings | None = None
    url: str = ""
    answer_status: int = 200
    verified: list[Verified] = attrs.field(factory=list)
    refused: list[WebhookError] = attrs.field(factory=list)
    events: list[ProviderEvent] = attrs.field(factory=list)
    bodies: list[bytes] = attrs.field(factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        (spec,) = [s for s in TWILIO.webhooks if s.path == request.path]
        body = await request.read()
        webhook = WebhookRequest(
            method=request.method,
            url=self.url + request.raw_path,
            headers={name.lower(): value for name, value in request.headers.items()},
            body=body,
            received_at=dt.datetime.now(dt.UTC),
        )
        self.bodies.append(body)
        try:
            self.verified.append(spec.verify(webhook, self.settings))
        except WebhookError as error:
            self.refused.append(error)
            return web.Response(status=403 if error.code == "signature_refused" else 400)
        self.events.extend(spec.parse(webhook))
        return web.Response(
            text=spec.reply_body, content_type=spec.reply_type, status=self.answer_status
        )


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    made = Host()
    app = web.Application()
    app.add_routes([web.post(spec.path, made.handle) for spec in TWILIO.webhooks])
    async with TestServer(app) as server:
        made.url = str(server.make_url("")).rstrip("/")
        yield made


@pytest.fixture
def credentials() -> dict[str, str]:
    return TwilioSandbox.new_credentials()


@pytest.fixture
async def sandbox(host: Host, credentials: dict[str, str]) -> AsyncIterator[TwilioSandbox]:
    made = TwilioSandbox(
        base_url="http://not-yet", host_url=host.url, credentials=credentials, step_seconds=0.005
    )
    async with TestServer(build_sandbox_app([made])) as server:
        made.base_url = str(server.make_url("/twilio"))
        yield made


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def settings(sandbox: TwilioSandbox, host: Host) -> TwilioSettings:
    host.settings = load_settings(TwilioSettings, sandbox.settings())
    return host.settings


@pytest.fixture
def context(http: aiohttp.ClientSession, host: Host) -> ProviderContext:
    return ProviderContext(http=http, public_url=host.url)


@pytest.fixture
async def channel(
    context: ProviderContext, settings: TwilioSettings
) -> AsyncIterator[TwilioChannel]:
    async with TWILIO.open(context, settings) as opened:
        yield opened


@pytest.fixture
def message(settings: TwilioSettings) -> OutboundMessage:
    assert settings.phone_number
    return OutboundMessage(
        attempt_id=new_id(),
        sender=settings.phone_number,
        recipient=CLIENT,
        body="See you at 9? 👍 äöü + & =",
    )


async def until(condition: Callable[[], bool]) -> None:
    """Wait for *condition*, 5 s at most."""
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 5 s"
        await asyncio.sleep(0.005)
