"""What Acme SMS has beside what every channel has."""

import asyncio
import contextlib
import datetime as dt
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from clientflow_core import (
    ClientRefused,
    ConsentReported,
    MessageQuery,
    OutboundMessage,
    OutcomeUnknown,
    ProviderContext,
    RejectedInput,
    SystemClock,
    WebhookRequest,
    Wish,
    load_settings,
)
from clientflow_core.sandbox import Answer, CallFault, build_sandbox_app

from clientflow_acme_sms.provider import AcmeSmsChannel
from clientflow_acme_sms.sandbox import BLOCKED_NUMBER, INVALID_NUMBER, AcmeSmsSandbox
from clientflow_acme_sms.settings import AcmeSmsSettings
from clientflow_acme_sms.webhooks import parse_webhook

CLIENT = "+14155550123"


@contextlib.asynccontextmanager
async def channel() -> AsyncIterator[tuple[AcmeSmsChannel, AcmeSmsSandbox]]:
    """Open the channel on a sandbox of its own; its webhooks go nowhere."""
    sandbox = AcmeSmsSandbox(
        base_url="", host_url="http://127.0.0.1:9", credentials=AcmeSmsSandbox.new_credentials()
    )
    async with (
        TestServer(build_sandbox_app([sandbox])) as server,
        aiohttp.ClientSession() as http,
    ):
        sandbox.base_url = str(server.make_url("/acme_sms"))
        settings = load_settings(AcmeSmsSettings, sandbox.settings())
        yield AcmeSmsChannel(ProviderContext(http=http), settings), sandbox


def on_a_sandbox(use: Callable[[AcmeSmsChannel, AcmeSmsSandbox], Awaitable[Any]]) -> Any:
    """Run *use* with an open channel."""

    async def run() -> Any:
        async with channel() as (opened, sandbox):
            return await use(opened, sandbox)

    return asyncio.run(run())


def message(sandbox: AcmeSmsSandbox, recipient: str = CLIENT) -> OutboundMessage:
    sender = sandbox.credentials["ACME_SMS_PHONE_NUMBER"]
    return OutboundMessage(
        attempt_id=uuid.uuid4(), sender=sender, recipient=recipient, body="See you on Thursday."
    )


def query(sent: OutboundMessage) -> MessageQuery:
    return MessageQuery(message=sent, attempted_at=SystemClock().now() - dt.timedelta(minutes=1))


def test_text_that_was_taken_unseen_is_found_by_its_reference() -> None:
    async def use(channel: AcmeSmsChannel, sandbox: AcmeSmsSandbox) -> None:
        sent = message(sandbox)
        sandbox.faults.call = CallFault(calls=1, answer=Answer.CUT_AFTER_ACCEPTANCE)
        with pytest.raises(OutcomeUnknown):
            await channel.send(sent)
        await channel.send(message(sandbox))
        (found,) = await channel.find_messages(query(sent))
        assert found.provider_message_id == sandbox.state()["messages"][0]["id"]

    on_a_sandbox(use)


def test_text_that_was_not_taken_is_not_found() -> None:
    async def use(channel: AcmeSmsChannel, sandbox: AcmeSmsSandbox) -> None:
        await channel.send(message(sandbox))
        assert await channel.find_messages(query(message(sandbox))) == []

    on_a_sandbox(use)


def test_same_attempt_sent_twice_is_one_text() -> None:
    async def use(channel: AcmeSmsChannel, sandbox: AcmeSmsSandbox) -> None:
        sent = message(sandbox)
        first, second = await channel.send(sent), await channel.send(sent)
        assert first.provider_message_id == second.provider_message_id
        assert len(sandbox.state()["messages"]) == 1

    on_a_sandbox(use)


def test_unsubscribed_client_is_no_wrong_number() -> None:
    async def use(channel: AcmeSmsChannel, sandbox: AcmeSmsSandbox) -> None:
        with pytest.raises(RejectedInput):
            await channel.send(message(sandbox, INVALID_NUMBER))
        with pytest.raises(ClientRefused) as refused:
            await channel.send(message(sandbox, BLOCKED_NUMBER))
        assert refused.value.provider_code == "unsubscribed"

    on_a_sandbox(use)


@pytest.mark.parametrize(("body", "wish"), [("Stop", Wish.OPT_OUT), ("Do not stop", None)])
def test_stop_is_a_text_and_a_wish(body: str, wish: Wish | None) -> None:
    async def use(_: AcmeSmsChannel, sandbox: AcmeSmsSandbox) -> None:
        event = next(iter(sandbox.events()))
        number = sandbox.credentials["ACME_SMS_PHONE_NUMBER"]
        occurrence = event.happen({"from": CLIENT, "to": number, "body": body})
        (sent,) = occurrence.requests
        request = WebhookRequest(method="POST", url=sent.url, headers=sent.headers, body=sent.body)
        meant = [one for one in parse_webhook(request) if isinstance(one, ConsentReported)]
        assert [one.wish for one in meant] == ([] if wish is None else [wish])

    on_a_sandbox(use)
