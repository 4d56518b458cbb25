"""The real plugin and SDK, its sandbox, and a host that checks what it is sent; all over HTTP."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import aiohttp
import attrs
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from clientflow_core.domain.billing import (
    BilledOrganization,
    CheckoutRequest,
    Subscription,
)
from clientflow_core.domain.messages import ProviderEvent
from clientflow_core.errors import WebhookError
from clientflow_core.providers.spec import ProviderContext
from clientflow_core.providers.webhooks import Verified, WebhookRequest
from clientflow_core.sandbox import build_sandbox_app
from clientflow_core.settings import load_settings
from clientflow_plugins.stripe.provider import StripeBilling
from clientflow_plugins.stripe.sandbox import StripeSandbox
from clientflow_plugins.stripe.sandbox.parameters import read_form
from clientflow_plugins.stripe.settings import StripeSettings
from clientflow_plugins.stripe.spec import STRIPE
from clientflow_plugins.stripe.webhooks import WEBHOOK

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@attrs.define
class Host:
    """What a host does with webhooks, without keeping them."""

    settings: StripeSettings | None = None
    url: str = ""
    verified: list[Verified] = attrs.field(factory=list)
    refused: list[WebhookError] = attrs.field(factory=list)
    events: list[ProviderEvent] = attrs.field(factory=list)
    bodies: list[bytes] = attrs.field(factory=list)
    is_down: bool = False

    async def handle(self, request: web.Request) -> web.Response:
        if self.is_down:
            return web.Response(status=503)
        webhook = WebhookRequest(
            method=request.method,
            url=self.url + request.raw_path,
            headers=request.headers,
            body=await request.read(),
        )
        try:
            self.verified.append(WEBHOOK.verify(webhook, self.settings))
        except WebhookError as error:
            self.refused.append(error)
            return web.Response(status=403 if error.code == "signature_refused" else 400)
        self.bodies.append(webhook.body)
        self.events.extend(WEBHOOK.parse(webhook))
        return web.Response()


@attrs.frozen
class Exchange:
    """A call of the API that was answered with 2xx."""

    method: str
    path: str
    params: Mapping[str, Any]
    headers: Mapping[str, str]
    answer: str


@attrs.define
class Recorder:
    """What went over the wire."""

    exchanges: list[Exchange] = attrs.field(factory=list)

    @web.middleware
    async def note(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        if "/v1/" in request.path and response.status == 200 and isinstance(response, web.Response):
            is_post = request.method == "POST"
            form = (await request.read()).decode() if is_post else request.rel_url.raw_query_string
            self.exchanges.append(
                Exchange(
                    method=request.method,
                    path=request.path.removeprefix("/stripe"),
                    params=read_form(form),
                    headers=dict(request.headers),
                    answer=response.text or "",
                )
            )
        return response

    def sent(self, method: str, path: str) -> list[Mapping[str, Any]]:
        """Give the parameters of each call to *path*."""
        return [one.params for one in self.exchanges if (one.method, one.path) == (method, path)]


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    made = Host()
    app = web.Application()
    app.add_routes([web.post(WEBHOOK.path, made.handle)])
    async with TestServer(app) as server:
        made.url = str(server.make_url("")).rstrip("/")
        yield made


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
async def sandbox(host: Host, recorder: Recorder) -> AsyncIterator[StripeSandbox]:
    credentials = StripeSandbox.new_credentials()
    made = StripeSandbox(base_url="http://not-yet", host_url=host.url, credentials=credentials)
    app = build_sandbox_app([made])
    app.middlewares.append(recorder.note)
    async with TestServer(app) as server:
        made.base_url = str(server.make_url("/stripe"))
        yield made


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def settings(sandbox: StripeSandbox, host: Host) -> StripeSettings:
    host.settings = load_settings(StripeSettings, sandbox.settings())
    return host.settings


@pytest.fixture
def context(http: aiohttp.ClientSession, host: Host) -> ProviderContext:
    return ProviderContext(http=http, public_url=host.url)


@pytest.fixture
async def billing(
    context: ProviderContext, settings: StripeSettings
) -> AsyncIterator[StripeBilling]:
    async with STRIPE.open(context, settings) as opened:
        yield opened


def new_key() -> str:
    return uuid.uuid4().hex


async def new_customer(billing: StripeBilling, email: str = "ada@example.com") -> str:
    organization = BilledOrganization(organization_id=uuid.uuid4(), name="Ada & Söhne", email=email)
    return await billing.ensure_customer(organization, key=new_key())


def checkout_of(customer: str, plan: str = "pro", *, trial_days: int = 0) -> CheckoutRequest:
    return CheckoutRequest(
        provider_customer_id=customer,
        plan_key=plan,
        success_url="https://business.example/paid?session={CHECKOUT_SESSION_ID}",
        cancel_url="https://business.example/plans",
        trial_days=trial_days,
    )


def happen(sandbox: StripeSandbox, name: str, **fields: str) -> None:
    """Let an event happen at Stripe, of which nobody is told."""
    (event,) = [one for one in sandbox.events() if one.name == name]
    defaults = {one.name: one.default for one in event.fields if one.default is not None}
    event.happen(defaults | fields)


async def trigger(sandbox: StripeSandbox, http: aiohttp.ClientSession, **body: Any) -> Any:
    """Let an event happen as the console does, and its webhooks be sent."""
    async with http.post(f"{sandbox.base_url}/_control/inbound", json=body) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def subscribe(
    billing: StripeBilling,
    sandbox: StripeSandbox,
    *,
    customer: str | None = None,
    plan: str = "pro",
    trial_days: int = 0,
) -> Subscription:
    """Give a subscription that has just been paid for."""
    buyer = customer or await new_customer(billing)
    await billing.check_out(checkout_of(buyer, plan, trial_days=trial_days), key=new_key())
    happen(sandbox, "checkout.session.completed")
    return (await billing.list_subscriptions(buyer))[0]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for *condition*, 5 s at most."""
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within 5 s"
        await asyncio.sleep(0.005)
