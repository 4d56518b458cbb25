"""What Twilio's sandbox can be asked to tell: a text, and how far one of ours has come."""

from typing import Any

import aiohttp
import pytest

from clientflow_core.domain.messages import (
    DeliveryReported,
    MessageReceived,
    MessageStatus,
    OutboundMessage,
)
from clientflow_plugins.twilio.provider import TwilioChannel
from clientflow_plugins.twilio.sandbox import TwilioSandbox
from tests.plugins.twilio.conftest import Host, until


async def trigger(http: aiohttp.ClientSession, sandbox: TwilioSandbox, **body: Any) -> Any:
    async with http.post(f"{sandbox.base_url}/_control/inbound", json=body) as answer:
        return await answer.json()


def fields(sandbox: TwilioSandbox, name: str) -> dict[str, str | None]:
    (event,) = (event for event in sandbox.events() if event.name == name)
    return {field.name: field.default for field in event.fields}


@pytest.fixture
async def sid(
    channel: TwilioChannel, message: OutboundMessage, host: Host, sandbox: TwilioSandbox
) -> str:
    """A text of ours that is delivered, as the host has been told."""
    receipt = await channel.send(message)
    await until(lambda: len(host.events) == 3)
    host.events.clear()
    return receipt.provider_message_id


async def test_a_text_needs_nothing_to_be_said(
    http: aiohttp.ClientSession, sandbox: TwilioSandbox, host: Host, channel: TwilioChannel
) -> None:
    told = await trigger(http, sandbox, event="inbound-sms")
    assert told["statuses"] == [200]
    (received,) = host.events
    assert isinstance(received, MessageReceived)
    assert received.provider_message_id == told["message_sid"]
    expected = {"from": received.sender, "to": received.recipient, "body": received.body}
    expected["pictures"] = "0"
    assert fields(sandbox, "inbound-sms") == expected
    assert received.recipient == sandbox.credentials["TWILIO_PHONE_NUMBER"]


async def test_report_of_the_last_text_comes_once_more(
    http: aiohttp.ClientSession, sandbox: TwilioSandbox, host: Host, sid: str
) -> None:
    assert fields(sandbox, "message-status") == {"message": sid, "status": "delivered"}
    told = await trigger(http, sandbox, event="message-status", times=2)
    assert (told["message_sid"], told["statuses"]) == (sid, [200, 200])
    assert {type(event) for event in host.events} == {DeliveryReported}
    # A repetition is recognized.
    assert len({verified.external_id for verified in host.verified}) == 3


@pytest.mark.parametrize(
    ("word", "status", "error_code"),
    [
        ("read", MessageStatus.READ, None),
        ("undelivered", MessageStatus.UNDELIVERED, "30003"),
        ("failed", MessageStatus.FAILED, "30003"),
        ("sent", MessageStatus.SENT, None),
    ],
)
async def test_text_of_ours_becomes_what_is_reported(
    http: aiohttp.ClientSession,
    sandbox: TwilioSandbox,
    host: Host,
    sid: str,
    *,
    word: str,
    status: MessageStatus,
    error_code: str | None,
) -> None:
    await trigger(http, sandbox, event="message-status", message=sid, status=word)
    (report,) = host.events
    assert isinstance(report, DeliveryReported)
    assert (report.provider_message_id, report.status) == (sid, status)
    assert report.error_code == error_code
    assert report.attempt_id is not None
    assert sandbox.state()["messages"][-1]["status"] == word


async def test_report_that_makes_no_sense_is_refused(
    http: aiohttp.ClientSession, sandbox: TwilioSandbox, host: Host, sid: str
) -> None:
    text = (await trigger(http, sandbox))["message_sid"]
    host.events.clear()
    for body, pointer in (
        ({"message": "SM1"}, "/message"),
        ({"message": text}, "/message"),
        ({"message": sid, "status": "received"}, "/status"),
        ({"message": sid, "status": ""}, "/status"),
    ):
        problem = await trigger(http, sandbox, event="message-status", **body)
        assert [error["pointer"] for error in problem["errors"]] == [pointer]
    assert not host.events


async def test_report_needs_a_text(http: aiohttp.ClientSession, sandbox: TwilioSandbox) -> None:
    assert fields(sandbox, "message-status")["message"] is None
    problem = await trigger(http, sandbox, event="message-status")
    assert [error["pointer"] for error in problem["errors"]] == ["/message"]
