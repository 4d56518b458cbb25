"""Sandboxes that are asked to send webhooks, and what goes wrong with that."""

import asyncio
from collections.abc import AsyncIterator

import attrs
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from clientflow_host import triggering
from clientflow_host.state import UpNote
from clientflow_host.triggering import (
    TriggerEvent,
    TriggerFailed,
    TriggerField,
    check_fields,
    choose_event,
    open_sandboxes,
)

NOTE = UpNote(
    url="http://127.0.0.1:9",
    email="e",
    password="p",
    api_key="k",
    organization_id="org_1",
    sandbox_url="http://127.0.0.1:9",
    state_dir="/state",
    settings={},
    database_url="",
)
PAID = TriggerEvent(
    provider="stripe",
    name="invoice.paid",
    summary="An invoice is paid.",
    fields=[
        TriggerField(name="amount", meaning="in cents", default="4900"),
        TriggerField(name="customer", meaning="whose invoice", default=None),
    ],
)
SMS = TriggerEvent(provider="twilio", name="inbound-sms", summary="A text.", fields=[])


def nobody(_: str) -> bool:
    return False


def test_event_is_found_by_its_whole_name() -> None:
    events = [SMS, PAID]
    assert choose_event(events, "stripe.invoice.paid", is_real=nobody) is PAID
    assert choose_event(events, "twilio.inbound-sms", is_real=nobody) is SMS


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("stripe.invoice", "no event 'invoice' of stripe; there is: stripe.invoice.paid$"),
        ("stripe", "no event 'stripe'; there is: stripe.invoice.paid$"),
        ("pigeon.lands", "no event 'pigeon.lands'; there is: twilio.inbound-sms, stripe.invoice"),
        ("", "no event ''; there is: twilio.inbound-sms, stripe.invoice.paid$"),
        ("sendgrid.x", "^sendgrid is the real one here, and only a sandbox can be asked"),
    ],
)
def test_event_that_is_none_is_told_with_those_that_are(name: str, told: str) -> None:
    with pytest.raises(TriggerFailed, match=told):
        choose_event([SMS, PAID], name, is_real=lambda provider: provider == "sendgrid")
    with pytest.raises(TriggerFailed, match=r"there is: none|the real one"):
        choose_event([], name, is_real=lambda provider: provider == "sendgrid")


def test_fields_are_those_that_the_event_has() -> None:
    check_fields(PAID, {"customer": "cus_1"})
    check_fields(PAID, {"customer": "", "amount": "1"})
    with pytest.raises(TriggerFailed, match=r"no field 'anwser'; it has: amount, customer$"):
        check_fields(PAID, {"anwser": "1"})
    with pytest.raises(TriggerFailed, match=r"needs --set customer=…: whose invoice$"):
        check_fields(PAID, {"amount": "1"})


async def test_where_every_provider_is_real_nothing_is_triggered() -> None:
    with pytest.raises(TriggerFailed, match="every provider is the real one here"):
        async with open_sandboxes(attrs.evolve(NOTE, sandbox_url=None)):
            pass


@attrs.define
class Stranger:
    """Something that answers, and is no sandbox of ours."""

    answer: web.Response | None = None

    async def handle(self, _: web.Request) -> web.StreamResponse:
        if self.answer is None:
            raise web.HTTPInternalServerError
        return self.answer


@pytest.fixture
async def stranger() -> AsyncIterator[tuple[Stranger, UpNote]]:
    made, app = Stranger(), web.Application()
    app.add_routes([web.route("*", "/{path:.*}", made.handle)])
    async with TestServer(app) as server:
        yield made, attrs.evolve(NOTE, sandbox_url=str(server.make_url("")).rstrip("/"))


@pytest.mark.parametrize("text", [None, "<html>", "[1"])
async def test_answer_that_is_not_a_sandboxs_is_told(
    stranger: tuple[Stranger, UpNote], text: str | None
) -> None:
    one, note = stranger
    one.answer = None if text is None else web.Response(text=text)
    async with open_sandboxes(note) as sandboxes:
        with pytest.raises(TriggerFailed, match=r"does not answer .*is `clientflow up` running"):
            await sandboxes.list_events()


async def test_sandbox_that_is_gone_is_told() -> None:
    async with open_sandboxes(NOTE) as sandboxes:
        with pytest.raises(TriggerFailed, match=r"127\.0\.0\.1:9 does not answer"):
            await sandboxes.list_events()


async def test_sandbox_that_holds_webhooks_back_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(triggering, "_ANSWER_SECONDS", 0.1)

    async def hold(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(5)
        return web.Response()

    app = web.Application()
    app.add_routes([web.post("/{path:.*}", hold)])
    server = TestServer(app)
    await server.start_server(shutdown_timeout=0.1)
    note = attrs.evolve(NOTE, sandbox_url=str(server.make_url("")).rstrip("/"))
    async with open_sandboxes(note) as sandboxes:
        with pytest.raises(TriggerFailed, match="does a switch of it hold webhooks back"):
            await sandboxes.trigger(SMS, {}, times=1)
    await server.close()
