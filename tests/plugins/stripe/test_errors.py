"""Each row of Stripe's error map, answered over HTTP, and what comes instead of an answer."""

import asyncio
import datetime as dt
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final

import aiohttp
import attrs
import pytest
import stripe
from aiohttp import web
from aiohttp.test_utils import TestServer

from clientflow_core.domain.billing import UsageReport
from clientflow_core.errors import (
    AuthFailed,
    OutcomeUnknown,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    RateLimited,
    RejectedInput,
)
from clientflow_core.providers.spec import ProviderContext
from clientflow_core.secret import Secret
from clientflow_plugins.stripe.errors import map_error
from clientflow_plugins.stripe.provider import StripeBilling
from clientflow_plugins.stripe.sandbox import DECLINED_EMAIL, StripeSandbox
from clientflow_plugins.stripe.settings import StripeSettings
from tests.plugins.stripe.conftest import new_customer, new_key, subscribe

KEY: Final = "sk_test_0123456789abcdefghij"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@attrs.frozen(kw_only=True)
class Row:
    """An answer, and what it means to a call that reads and to one that changes something."""

    status: int
    error: Mapping[str, Any] | None
    read: type[ProviderError]
    change: type[ProviderError]
    code: str | None = None
    headers: Mapping[str, str] = attrs.field(factory=dict)


def error(kind: str, code: str | None = None, **more: str) -> Mapping[str, Any]:
    said = {"type": kind, "message": f"in Stripe's words: {kind}"} | more
    return said if code is None else said | {"code": code}


INVALID: Final = "invalid_request_error"
ROWS: Final = {
    "wrong key": Row(
        status=401, error=error(INVALID), read=AuthFailed, change=AuthFailed, code=INVALID
    ),
    "may not": Row(
        status=403, error=error(INVALID), read=AuthFailed, change=AuthFailed, code=INVALID
    ),
    "bad value": Row(
        status=400,
        error=error(INVALID, "parameter_unknown", param="x"),
        read=RejectedInput,
        change=RejectedInput,
        code="parameter_unknown",
    ),
    "nothing there": Row(
        status=404,
        error=error(INVALID, "resource_missing"),
        read=RejectedInput,
        change=RejectedInput,
        code="resource_missing",
    ),
    "key of something else": Row(
        status=400,
        error=error("idempotency_error"),
        read=ProviderRefused,
        change=ProviderRefused,
        code="idempotency_error",
    ),
    "card declined": Row(
        status=402,
        error=error("card_error", "card_declined", decline_code="insufficient_funds"),
        read=ProviderRefused,
        change=ProviderRefused,
        code="insufficient_funds",
    ),
    "too fast": Row(
        status=429,
        error=error(INVALID, "rate_limit"),
        read=RateLimited,
        change=RateLimited,
        code="rate_limit",
        headers={"Retry-After": "7"},
    ),
    "too fast, as it was once said": Row(
        status=400,
        error=error(INVALID, "rate_limit"),
        read=RateLimited,
        change=RateLimited,
        code="rate_limit",
    ),
    "the same key is under way": Row(
        status=409,
        error=error("idempotency_error", "idempotency_key_in_use"),
        read=ProviderUnavailable,
        change=OutcomeUnknown,
        code="idempotency_key_in_use",
    ),
    "broken": Row(
        status=500,
        error=error("api_error"),
        read=ProviderUnavailable,
        change=OutcomeUnknown,
        code="api_error",
    ),
    "busy": Row(
        status=503,
        error=error("api_error"),
        read=ProviderUnavailable,
        change=OutcomeUnknown,
        code="api_error",
        headers={"Retry-After": "7"},
    ),
    "a proxy's page": Row(status=502, error=None, read=ProviderUnavailable, change=OutcomeUnknown),
    "a proxy's no": Row(status=403, error=None, read=ProviderUnavailable, change=OutcomeUnknown),
    "a page that says yes": Row(
        status=200, error=None, read=ProviderUnavailable, change=OutcomeUnknown
    ),
    "elsewhere": Row(
        status=307,
        error=None,
        read=ProviderUnavailable,
        change=OutcomeUnknown,
        headers={"Location": "https://elsewhere.example/"},
    ),
}
USAGE = UsageReport(
    id=uuid.uuid4(),
    provider_customer_id="cus_1",
    meter="texts_sent",
    quantity=1,
    occurred_at=dt.datetime(2026, 11, 29, tzinfo=dt.UTC),
)


@attrs.define
class Stub:
    """A server that answers everything alike."""

    handler: Handler
    url: str = ""
    seen: int = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.seen += 1
        await request.read()
        return await self.handler(request)


@pytest.fixture
async def stub() -> AsyncIterator[Stub]:
    async def nothing(_: web.Request) -> web.StreamResponse:
        return web.Response()

    made = Stub(nothing)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    async with TestServer(app) as server:
        made.url = str(server.make_url("")).rstrip("/")
        yield made


def billing_at(url: str, http: aiohttp.ClientSession, *, seconds: float = 5.0) -> StripeBilling:
    settings = StripeSettings(
        secret_key=Secret(KEY), webhook_secret=Secret("whsec_1"), api_base_url=url
    )
    return StripeBilling(ProviderContext(http=http), settings, total_seconds=seconds)


def saying(row: Row) -> Handler:
    async def answer(_: web.Request) -> web.StreamResponse:
        if row.error is None:
            return web.Response(text="<h1>no API</h1>", status=row.status, headers=row.headers)
        return web.json_response({"error": row.error}, status=row.status, headers=row.headers)

    return answer


async def raised(call: Awaitable[object]) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await call
    return caught.value


@pytest.mark.parametrize("name", ROWS)
async def test_answer_means_what_the_error_map_says(
    name: str, stub: Stub, http: aiohttp.ClientSession
) -> None:
    row = ROWS[name]
    stub.handler = saying(row)
    billing = billing_at(stub.url, http)
    read = await raised(billing.get_subscription("sub_1"))
    changed = await raised(billing.report_usage(USAGE))
    assert (type(read), type(changed)) == (row.read, row.change)
    assert (read.provider_code, changed.provider_code) == (row.code, row.code)
    wait_seconds = 7.0 if "Retry-After" in row.headers else None
    assert getattr(read, "retry_after_seconds", None) == wait_seconds
    # Whoever is asked is asked once.
    assert stub.seen == 2
    assert KEY not in f"{read!r}{read.__cause__!r}"


async def test_key_that_may_not_even_be_tried_is_told_by_verify(
    stub: Stub, http: aiohttp.ClientSession
) -> None:
    for name in ("wrong key", "may not", "bad value", "nothing there"):
        stub.handler = saying(ROWS[name])
        assert type(await raised(billing_at(stub.url, http).verify())) is AuthFailed
    stub.handler = saying(ROWS["broken"])
    assert type(await raised(billing_at(stub.url, http).verify())) is ProviderUnavailable


@pytest.mark.parametrize("text", ["", "soon", "-1", "1.5", "Wed, 21 Oct 2026 07:28:00 GMT"])
async def test_wait_that_is_no_number_is_left_out(
    text: str, stub: Stub, http: aiohttp.ClientSession
) -> None:
    stub.handler = saying(attrs.evolve(ROWS["too fast"], headers={"Retry-After": text}))
    error = await raised(billing_at(stub.url, http).list_plans())
    assert isinstance(error, RateLimited)
    assert error.retry_after_seconds is None


async def test_wait_is_an_hour_at_most(stub: Stub, http: aiohttp.ClientSession) -> None:
    stub.handler = saying(attrs.evolve(ROWS["busy"], headers={"Retry-After": "9" * 30}))
    error = await raised(billing_at(stub.url, http).list_plans())
    assert isinstance(error, ProviderUnavailable)
    assert error.retry_after_seconds == 3600.0


async def test_answer_that_stalls_is_given_up(stub: Stub, http: aiohttp.ClientSession) -> None:
    is_over = asyncio.Event()

    async def stall(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"object"')
        await is_over.wait()
        return response

    stub.handler = stall
    billing = billing_at(stub.url, http, seconds=0.1)
    assert type(await raised(billing.get_subscription("sub_1"))) is ProviderUnavailable
    assert type(await raised(billing.report_usage(USAGE))) is OutcomeUnknown
    is_over.set()


async def test_connection_that_breaks_leaves_a_change_open(
    stub: Stub, http: aiohttp.ClientSession
) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        assert request.transport
        request.transport.abort()
        return web.Response()

    stub.handler = cut
    billing = billing_at(stub.url, http)
    assert type(await raised(billing.get_subscription("sub_1"))) is ProviderUnavailable
    assert type(await raised(billing.report_usage(USAGE))) is OutcomeUnknown


async def test_what_was_never_sent_is_unavailable(
    http: aiohttp.ClientSession, unused_tcp_port: int
) -> None:
    billing = billing_at(f"http://127.0.0.1:{unused_tcp_port}", http)
    assert type(await raised(billing.report_usage(USAGE))) is ProviderUnavailable


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"object": "subscription", "id": "sub_1", "items": {"data": []}},
        {"object": "list", "data": [{"id": 1}]},
        [],
        "words",
    ],
)
async def test_answer_that_lacks_something_cannot_be_read(
    answer: object, stub: Stub, http: aiohttp.ClientSession
) -> None:
    async def say(_: web.Request) -> web.StreamResponse:
        return web.json_response(answer)

    stub.handler = say
    billing = billing_at(stub.url, http)
    for call in (
        billing.get_subscription("sub_1"),
        billing.list_plans(),
        billing.change_plan("sub_1", plan_key="pro", key="k"),
        billing.cancel("sub_1", is_at_once=True, key="k"),
    ):
        assert type(await raised(call)) is ProviderUnavailable


def test_wrapping_of_the_sdk_is_looked_through() -> None:
    wrapped: Exception = stripe.APIConnectionError("Network error")  # type: ignore[no-untyped-call]
    assert type(map_error(wrapped, is_change=True)) is OutcomeUnknown
    wrapped.__cause__ = aiohttp.InvalidURL("x")
    assert type(map_error(wrapped, is_change=True)) is ProviderUnavailable


async def test_card_that_is_declined_changes_nothing(
    billing: StripeBilling, sandbox: StripeSandbox
) -> None:
    customer = await new_customer(billing, DECLINED_EMAIL)
    one = await subscribe(billing, sandbox, customer=customer)
    name = one.provider_subscription_id
    error = await raised(billing.change_plan(name, plan_key="scale", key=new_key()))
    assert (type(error), error.provider_code) == (ProviderRefused, "insufficient_funds")
    assert await billing.get_subscription(name) == one
