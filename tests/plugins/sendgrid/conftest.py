"""The real plugin and SDK, its sandbox, and a host that checks what it is sent; all over HTTP."""

import asyncio
import datetime as dt
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from clientflow_core.domain.messages import DeliveryReported, OutboundMessage, ProviderEvent
from clientflow_core.errors import WebhookError
from clientflow_core.ids import new_id
from clientflow_core.providers.spec import ProviderContext
from clientflow_core.providers.webhooks import Verified, WebhookRequest, WebhookSpec
from clientflow_core.sandbox import SignedRequest, build_sandbox_app
from clientflow_core.settings import load_settings
from clientflow_plugins.sendgrid.provider import SendgridChannel
from clientflow_plugins.sendgrid.sandbox import SendgridSandbox
from clientflow_plugins.sendgrid.sandbox.signing import make_key, public_text, sign
from clientflow_plugins.sendgrid.settings import SendgridSettings
from clientflow_plugins.sendgrid.spec import SENDGRID

CLIENT = "ada@example.com"
API_KEY = "SG." + "a" * 22 + "." + "b" * 43
PAYLOADS = Path(__file__).parent / "payloads"


def payload(name: str) -> Any:
    """Give a fixture, each of which names its source."""
    found = json.loads((PAYLOADS / name).read_text("utf-8"))
    assert found["source"].startswith("https://")
    return found


def settings_with(**changed: str) -> SendgridSettings:
    """Give settings whose webhooks are signed by the keys of ``API_KEY``."""
    values = {
        "SENDGRID_API_KEY": API_KEY,
        "SENDGRID_FROM_EMAIL": "hello@acme.example.com",
        "SENDGRID_PUBLIC_KEY": public_text(make_key(API_KEY, "events")),
        "SENDGRID_INBOUND_PUBLIC_KEY": public_text(make_key(API_KEY, "parse")),
    }
    return load_settings(SendgridSettings, values | changed)


def signed(
    webhook: WebhookSpec,
    body: bytes,
    *,
    purpose: str,
    headers: Mapping[str, str] | None = None,
    age_seconds: int = 0,
) -> WebhookRequest:
    """Give a webhook as SendGrid signs it, received now."""
    now = dt.datetime.now(dt.UTC)
    url = f"https://c.example{webhook.path}"
    plain = SignedRequest(url=url, headers=headers or {}, body=body, label="a test")
    post = sign(plain, make_key(API_KEY, purpose), timestamp=int(now.timestamp()) - age_seconds)
    return WebhookRequest(method="POST", url=url, headers=post.headers, body=body, received_at=now)


@attrs.define
class Host:
    """What a host does with webhooks, without keeping them."""

    settings: SendgridSettings | None = None
    url: str = ""
    verified: list[Verified] = attrs.field(factory=list)
    refused: list[WebhookError] = attrs.field(factory=list)
    events: list[ProviderEvent] = attrs.field(factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        (spec,) = [s for s in SENDGRID.webhooks if s.path == request.path]
        webhook = WebhookRequest(
            method=request.method,
            url=self.url + request.raw_path,
            headers=dict(request.headers),
            body=await request.read(),
        )
        try:
            self.verified.append(spec.verify(webhook, self.settings))
        except WebhookError as error:
            self.refused.append(error)
            return web.Response(status=403)
        self.events.extend(spec.parse(webhook))
        return web.Response()

    def reported(self) -> list[str]:
        """Give SendGrid's words for what has happened, in order of arrival."""
        return [one.raw_status for one in self.events if isinstance(one, DeliveryReported)]


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    made = Host()
    app = web.Application()
    app.add_routes([web.post(spec.path, made.handle) for spec in SENDGRID.webhooks])
    async with TestServer(app) as server:
        made.url = str(server.make_url("")).rstrip("/")
        yield made


@pytest.fixture
def credentials() -> dict[str, str]:
    return SendgridSandbox.new_credentials()


@pytest.fixture
async def sandbox(host: Host, credentials: dict[str, str]) -> AsyncIterator[SendgridSandbox]:
    made = SendgridSandbox(
        base_url="http://not-yet", host_url=host.url, credentials=credentials, step_seconds=0.005
    )
    async with TestServer(build_sandbox_app([made])) as server:
        made.base_url = str(server.make_url("/sendgrid"))
        yield made


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def settings(sandbox: SendgridSandbox, host: Host) -> SendgridSettings:
    host.settings = load_settings(SendgridSettings, sandbox.settings())
    return host.settings


@pytest.fixture
def context(http: aiohttp.ClientSession, host: Host) -> ProviderContext:
    return ProviderContext(http=http, public_url=host.url)


@pytest.fixture
async def channel(
    context: ProviderContext, settings: SendgridSettings
) -> AsyncIterator[SendgridChannel]:
    async with SENDGRID.open(context, settings) as opened:
        yield opened


@pytest.fixture
def message(settings: SendgridSettings) -> OutboundMessage:
    return OutboundMessage(
        attempt_id=new_id(),
        sender=settings.own_address,
        recipient=CLIENT,
        body="See you at 9? 👍 äöü <b>&amp;</b>\nBye",
    )


async def until(condition: Callable[[], bool]) -> None:
    """Wait for *condition*, 5 s at most."""
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 5 s"
        await asyncio.sleep(0.005)
