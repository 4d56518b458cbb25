"""The main job, from the outside: a client texts, the business answers."""

import asyncio

import pytest

from tests.scenarios.conftest import Service

pytestmark = pytest.mark.proves("TI2")

CLIENT = "+14155550123"
# Twilio's number of somebody who has unsubscribed, before we heard of it.
BLOCKED_NUMBER = "+15005550004"


async def test_a_text_comes_in_and_its_answer_goes_out(running: Service) -> None:
    assert await running.text_in(CLIENT, "Is Thursday free?") == [200]
    conversation = await running.conversation(CLIENT)
    assert conversation["last_body"] == "Is Thursday free?"
    (received,) = await running.messages(conversation["id"])
    assert (received["direction"], received["status"]) == ("in", "received")

    sent = await running.answer(conversation["id"], "Yes, at three.")
    assert (sent["direction"], sent["status"]) == ("out", "queued")
    message = await running.message_in_state(sent["id"], "delivered")
    assert [attempt["state"] for attempt in message["attempts"]] == ["accepted"]
    assert message["provider_message_id"].startswith("SM")
    assert await running.texts_to(CLIENT) == ["Yes, at three."]

    contact = await running.get(f"/contacts/{conversation['contact_id']}")
    assert [point["value"] for point in contact["points"]] == [CLIENT]
    await running.quiet()


async def test_a_text_posted_twice_appears_once(running: Service) -> None:
    assert await running.text_in(CLIENT, "Hello?", times=5) == [200] * 5
    conversation = await running.conversation(CLIENT)
    await running.quiet()
    assert [m["body"] for m in await running.messages(conversation["id"])] == ["Hello?"]
    assert running.rows("SELECT count(*) FROM inbound_events") == [(1,)]


async def test_ten_texts_at_once_from_a_new_number_make_one_contact(running: Service) -> None:
    bodies = [f"text {number}" for number in range(10)]
    await asyncio.gather(*(running.text_in(CLIENT, body) for body in bodies))
    await running.quiet()
    counts = "SELECT (SELECT count(*) FROM contacts), (SELECT count(*) FROM contact_points)"
    assert running.rows(counts) == [(1, 1)]
    assert running.rows("SELECT count(*) FROM conversations") == [(1,)]
    conversation = await running.conversation(CLIENT)
    assert sorted(m["body"] for m in await running.messages(conversation["id"])) == bodies


async def test_reports_that_come_late_twice_and_shuffled_end_in_delivered(
    running: Service,
) -> None:
    await running.text_in(CLIENT, "Hello?")
    conversation = await running.conversation(CLIENT)
    await running.control("faults", {"webhooks": {"times": 2, "shuffled": True}})
    sent = [await running.answer(conversation["id"], f"answer {n}") for n in range(5)]
    for one in sent:
        await running.message_in_state(one["id"], "delivered")
    await running.quiet()
    statuses = {m["status"] for m in await running.messages(conversation["id"])}
    assert statuses == {"received", "delivered"}


async def test_the_same_idempotency_key_sends_once(running: Service) -> None:
    await running.text_in(CLIENT, "Hello?")
    conversation = await running.conversation(CLIENT)
    answers = [
        await running.answer(conversation["id"], "Once.", **{"Idempotency-Key": "k1"})
        for _ in range(3)
    ]
    assert len({answer["id"] for answer in answers}) == 1
    await running.message_in_state(answers[0]["id"], "delivered")
    assert await running.texts_to(CLIENT) == ["Once."]


async def test_a_refusal_is_shown_and_not_tried_again(running: Service) -> None:
    await running.text_in(BLOCKED_NUMBER, "Hello?")
    conversation = await running.conversation(BLOCKED_NUMBER)
    sent = await running.answer(conversation["id"], "Sorry to hear that.")
    message = await running.message_in_state(sent["id"], "failed")
    assert message["error_code"] == "21610"
    assert "unsubscribed" in message["error_detail"]
    await running.quiet()
    assert [attempt["state"] for attempt in message["attempts"]] == ["refused"]
