"""Texts that Twilio could not deliver, asked for afterwards; and those with pictures."""

import datetime as dt
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import attrs
import pytest

from clientflow_core.domain.messages import MessageReceived, OutboundMessage
from clientflow_core.errors import AuthFailed, ProviderUnavailable, RejectedInput
from clientflow_core.providers.catch_up import SupportsCatchUp
from clientflow_core.providers.spec import ProviderContext
from clientflow_core.providers.webhooks import WebhookRequest
from clientflow_core.sandbox import Answer, CallFault
from clientflow_core.settings import load_settings
from clientflow_plugins.twilio.provider import TwilioChannel
from clientflow_plugins.twilio.sandbox import TwilioSandbox
from clientflow_plugins.twilio.settings import TwilioSettings
from clientflow_plugins.twilio.spec import TWILIO
from clientflow_plugins.twilio.webhooks import INBOUND
from tests.missed import all_missed
from tests.plugins.twilio.conftest import CLIENT, Host

DAY = dt.timedelta(days=1)


@pytest.fixture
def since() -> dt.datetime:
    return dt.datetime.now(dt.UTC) - DAY


async def write(http: aiohttp.ClientSession, sandbox: TwilioSandbox, **event: str) -> Any:
    url = f"{sandbox.base_url}/_control/inbound"
    async with http.post(url, json={"from": CLIENT, **event}) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def test_missed_text_is_what_its_webhook_would_have_been(
    http: aiohttp.ClientSession,
    sandbox: TwilioSandbox,
    host: Host,
    channel: TwilioChannel,
    since: dt.datetime,
) -> None:
    await write(http, sandbox, body="Is Thursday free? 👍 & + =", pictures="2")
    (verified,), (received,) = host.verified, host.events
    assert isinstance(channel, SupportsCatchUp)
    (missed,) = await all_missed(channel, since=since)
    assert (missed.webhook, missed.external_id, missed.account) == (
        INBOUND.name,
        verified.external_id,
        verified.account,
    )
    request = WebhookRequest(method="POST", url=host.url, headers=missed.headers, body=missed.body)
    assert INBOUND.parse(request) == (received,)
    assert isinstance(received, MessageReceived)
    assert len(received.media_urls) == 2
    assert missed.recipient == verified.recipient == received.recipient
    assert abs(missed.occurred_at - dt.datetime.now(dt.UTC)) < dt.timedelta(minutes=5)


async def test_texts_of_ours_and_older_ones_are_not_among_them(
    http: aiohttp.ClientSession,
    sandbox: TwilioSandbox,
    channel: TwilioChannel,
    message: OutboundMessage,
    since: dt.datetime,
) -> None:
    await channel.send(message)
    assert await all_missed(channel, since=since) == []
    await write(http, sandbox, body="Hello?")
    assert len(await all_missed(channel, since=since)) == 1
    assert await all_missed(channel, since=since + 2 * DAY) == []


async def test_text_behind_very_many_is_among_them(
    http: aiohttp.ClientSession,
    sandbox: TwilioSandbox,
    channel: TwilioChannel,
    message: OutboundMessage,
    since: dt.datetime,
) -> None:
    await write(http, sandbox, body="The oldest")
    for number in range(120):
        await channel.send(attrs.evolve(message, body=f"Number {number}"))
    await write(http, sandbox, body="The newest")
    missed = await all_missed(channel, since=since)
    assert [parse_qs(one.body.decode())["Body"] for one in missed] == [
        ["The newest"],
        ["The oldest"],
    ]


async def test_text_that_comes_between_two_pages_displaces_none(
    http: aiohttp.ClientSession, sandbox: TwilioSandbox, channel: TwilioChannel, since: dt.datetime
) -> None:
    for number in range(60):
        await write(http, sandbox, body=f"Number {number}")
    first = await channel.list_missed(since=since, cursor=None)
    await write(http, sandbox, body="One more")
    second = await channel.list_missed(since=since, cursor=first.next_cursor)
    assert second.next_cursor is None
    assert second == await channel.list_missed(since=since, cursor=first.next_cursor)
    assert len({one.external_id for one in [*first.webhooks, *second.webhooks]}) == 60


async def test_account_that_does_not_answer_is_unavailable_and_a_wrong_key_is_told(
    sandbox: TwilioSandbox, context: ProviderContext, channel: TwilioChannel, since: dt.datetime
) -> None:
    sandbox.faults.call = CallFault(calls=1, answer=Answer.INTERNAL_ERROR)
    with pytest.raises(ProviderUnavailable):
        await channel.list_missed(since=since, cursor=None)
    sandbox.faults.reset()
    values = sandbox.settings() | {"TWILIO_AUTH_TOKEN": "0" * 32}
    async with TWILIO.open(context, load_settings(TwilioSettings, values)) as stranger:
        with pytest.raises(AuthFailed):
            await stranger.list_missed(since=since, cursor=None)


async def test_pictures_go_with_a_text(
    sandbox: TwilioSandbox, channel: TwilioChannel, message: OutboundMessage
) -> None:
    urls = ("https://example.com/a.jpg", "https://example.com/b.jpg")
    await channel.send(attrs.evolve(message, media_urls=urls))
    (sent,) = sandbox.state()["messages"]
    assert sent["num_media"] == "2"


@pytest.mark.parametrize("urls", [("no address",), ("https://example.com/a.jpg",) * 11])
async def test_pictures_that_twilio_does_not_take_are_refused(
    sandbox: TwilioSandbox, channel: TwilioChannel, message: OutboundMessage, urls: tuple[str, ...]
) -> None:
    with pytest.raises(RejectedInput):
        await channel.send(attrs.evolve(message, media_urls=urls))
    assert sandbox.state()["messages"] == []
