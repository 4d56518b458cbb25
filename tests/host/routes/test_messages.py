"""``/api/v1/messages``: one message and how it was sent, by the host, a worker and the sandbox."""

import aiohttp

from clientflow_plugins.twilio.sandbox import BLOCKED_NUMBER, TwilioSandbox
from tests.host.conftest import Host
from tests.texts import CLIENT


async def send(host: Host, body: str, **more: str) -> str:
    """Let a client write, and answer; give the answer's id."""
    conversation = await host.conversation(**more)
    answer = await host.post(f"/conversations/{conversation['id']}/messages", {"body": body})
    assert answer.status == 202
    return str(answer.body["id"])


async def test_text_that_came_in_has_no_attempts(host: Host, worker: None) -> None:
    conversation = await host.conversation("Hello?")
    (listed,) = (await host.get(f"/conversations/{conversation['id']}/messages"))["data"]
    read = await host.get(f"/messages/{listed['id']}")
    assert read == {**listed, "attempts": []}
    assert (read["direction"], read["status"], read["body"]) == ("in", "received", "Hello?")


async def test_answer_is_delivered_and_shows_how(
    host: Host, worker: None, sandbox: TwilioSandbox
) -> None:
    message_id = await send(host, "Yes. 👍")
    message = await host.message_in("delivered", message_id)
    (attempt,) = message["attempts"]
    assert (attempt["number"], attempt["state"]) == (1, "accepted")
    assert attempt["provider_message_id"] == message["provider_message_id"]
    texts = [m for m in sandbox.state()["messages"] if m["to"] == CLIENT]
    assert [(m["sid"], m["body"]) for m in texts] == [(message["provider_message_id"], "Yes. 👍")]


async def test_refusal_is_shown_in_the_providers_words(
    host: Host, worker: None, sandbox: TwilioSandbox
) -> None:
    message_id = await send(host, "Hello?", From=BLOCKED_NUMBER)
    message = await host.message_in("failed", message_id)
    assert message["error_code"] == "21610"
    assert "unsubscribed recipient" in message["error_detail"]
    assert [one["state"] for one in message["attempts"]] == ["refused"]


async def test_answer_that_got_lost_is_found_and_not_sent_twice(
    host: Host, worker: None, sandbox: TwilioSandbox
) -> None:
    faults = {
        "calls": 1,
        "answer": "cut_after_acceptance",
        "spares_reading": True,
        "webhooks": {"drop": 100},
    }
    async with aiohttp.ClientSession() as http:
        url = f"{sandbox.base_url}/_control/faults"
        async with http.post(url, json=faults) as answer:
            assert answer.status == 200
    message_id = await send(host, "Yes.")
    message = await host.message_in("delivered", message_id)
    assert [one["state"] for one in message["attempts"]] == ["accepted"]
    assert [m["body"] for m in sandbox.state()["messages"] if m["to"] == CLIENT] == ["Yes."]
