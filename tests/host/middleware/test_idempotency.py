"""The same request under the same Idempotency-Key is done once."""

import asyncio
from collections import Counter

import pytest

from tests.host.conftest import Answer, Host, until, waits_for_a_lock
from tests.host.threads import add_conversations

PHONE = "+14155550123"


async def test_same_request_again_is_answered_the_same_and_done_once(host: Host) -> None:
    first = await host.post("/contacts", {"phone": PHONE}, key="k1")
    again = await host.post("/contacts", {"phone": PHONE}, key="k1")
    assert (first.status, again.status) == (201, 201)
    assert again.body == first.body
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert again.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    assert host.count("contacts") == 1


async def test_answer_is_that_of_the_time_when_it_was_done(host: Host) -> None:
    (conversation_id,) = add_conversations(host, host.ours, 1)
    path = f"/conversations/{conversation_id}/messages"
    first = await host.post(path, {"body": "once"}, key="k1")
    host.rows("UPDATE messages SET status = 'delivered'")
    again = await host.post(path, {"body": "once"}, key="k1")
    assert (again.status, again.body) == (202, first.body)


async def test_without_a_key_everything_is_done_again(host: Host) -> None:
    (conversation_id,) = add_conversations(host, host.ours, 1)
    for _ in range(2):
        await host.post(f"/conversations/{conversation_id}/messages", {"body": "twice"})
    assert (host.count("messages"), host.count("idempotency_keys")) == (2, 0)


@pytest.mark.parametrize(
    "body",
    [{"phone": PHONE, "name": "Zoë"}, {"phone": "+14155550124"}, {"phone": "+1 415 5550123"}],
)
async def test_other_payload_under_the_same_key_is_refused(
    host: Host, body: dict[str, str]
) -> None:
    await host.post("/contacts", {"phone": PHONE}, key="k1")
    answer = await host.post("/contacts", body, key="k1")
    assert (answer.status, answer.code) == (422, "idempotency_mismatch")
    assert host.count("contacts") == 1


async def test_other_path_under_the_same_key_is_refused(host: Host) -> None:
    first, second = add_conversations(host, host.ours, 2)
    await host.post(f"/conversations/{first}/messages", {"body": "x"}, key="k1")
    answer = await host.post(f"/conversations/{second}/messages", {"body": "x"}, key="k1")
    assert (answer.status, answer.code) == (422, "idempotency_mismatch")
    assert host.count("messages") == 1


async def test_key_belongs_to_a_route_and_an_organization(host: Host) -> None:
    theirs = host.add_organization()
    (conversation_id,) = add_conversations(host, host.ours, 1)
    path = f"/conversations/{conversation_id}/messages"
    for answer in (
        await host.post("/contacts", {"phone": PHONE}, key="k1"),
        await host.post("/contacts", {"phone": PHONE}, key="k1", by=theirs),
        await host.post("/contacts", {"phone": "+14155550124"}, key="K1"),
        await host.post(path, {"body": "x"}, key="k1"),
    ):
        assert answer.status in {201, 202}
        assert "Idempotent-Replayed" not in answer.headers
    assert host.count("idempotency_keys") == 4


async def test_request_that_is_being_served_is_not_served_twice(host: Host) -> None:
    (conversation_id,) = add_conversations(host, host.ours, 1)
    path, body = f"/conversations/{conversation_id}/messages", {"body": "once"}
    with host.addresses.connect() as connection, connection.transaction():
        connection.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
        first = asyncio.create_task(host.post(path, body, key="k1"))
        await until(lambda: waits_for_a_lock(host))
        again = await host.post(path, body, key="k1")
        assert (again.status, again.code) == (409, "idempotency_key_in_use")
    assert (await first).status == 202
    replayed = await host.post(path, body, key="k1")
    assert replayed.body == first.result().body
    assert host.count("messages") == host.count("jobs") == 1


async def test_caller_who_leaves_and_asks_again_has_sent_one_message(host: Host) -> None:
    (conversation_id,) = add_conversations(host, host.ours, 1)
    path, body = f"/conversations/{conversation_id}/messages", {"body": "once"}
    with host.addresses.connect() as connection, connection.transaction():
        connection.execute("LOCK TABLE messages IN ACCESS EXCLUSIVE MODE")
        leaving = asyncio.create_task(host.post(path, body, key="k1"))
        await until(lambda: waits_for_a_lock(host))
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)

    async def ask_again() -> Answer | None:
        answer = await host.post(path, body, key="k1")
        return answer if answer.status == 202 else None

    answered = await until(ask_again)
    assert answered.headers["Idempotent-Replayed"] == "true"
    assert host.count("messages") == host.count("jobs") == host.count("idempotency_keys") == 1


async def test_twenty_at_once_send_one_message(host: Host) -> None:
    (conversation_id,) = add_conversations(host, host.ours, 1)
    path = f"/conversations/{conversation_id}/messages"
    answers = await asyncio.gather(
        *(host.post(path, {"body": "once"}, key="k1") for _ in range(20))
    )
    statuses = Counter(answer.status for answer in answers)
    assert set(statuses) <= {202, 409}
    done = [answer for answer in answers if answer.status == 202]
    assert len({answer.body["id"] for answer in done}) == 1
    assert [a.headers.get("Idempotent-Replayed") for a in done].count(None) == 1
    assert host.count("messages") == host.count("jobs") == host.count("idempotency_keys") == 1


async def test_work_that_fails_keeps_no_answer(host: Host) -> None:
    await host.post("/contacts", {"phone": PHONE})
    conflict = await host.post("/contacts", {"phone": PHONE}, key="k1")
    missing = await host.post(f"/conversations/cnv_{'0' * 32}/messages", {"body": "x"}, key="k1")
    invalid = await host.post("/contacts", {"phone": "0"}, key="k1")
    assert (conflict.status, missing.status, invalid.status) == (409, 404, 422)
    assert host.count("idempotency_keys") == 0
    retried = await host.post("/contacts", {"phone": "+14155550124"}, key="k1")
    assert retried.status == 201


async def test_work_that_is_not_committed_keeps_no_answer(host: Host) -> None:
    (conversation_id,) = add_conversations(host, host.ours, 1)
    path, body = f"/conversations/{conversation_id}/messages", {"body": "once"}
    with host.addresses.connect() as connection, connection.transaction():
        connection.execute("LOCK TABLE idempotency_keys IN SHARE MODE")
        first = asyncio.create_task(host.post(path, body, key="k1"))
        await until(lambda: waits_for_a_lock(host))
        host.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        failed = await first
    assert (failed.status, failed.code) == (503, "database")
    assert host.count("messages") == host.count("jobs") == host.count("idempotency_keys") == 0
    assert (await host.post(path, body, key="k1")).status == 202
    assert host.count("messages") == 1


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 256, "a\tb"])
async def test_malformed_key_is_refused(host: Host, key: str) -> None:
    answer = await host.post("/contacts", {"phone": PHONE}, key=key)
    assert (answer.status, answer.code) == (422, "invalid_input")
    assert answer.pointers == ["Idempotency-Key"]
    assert host.count("contacts") == 0


async def test_two_keys_are_refused(host: Host) -> None:
    async with host.http.post(
        "/api/v1/contacts",
        json={"phone": PHONE},
        headers=[*host.ours.headers.items(), ("Idempotency-Key", "a"), ("Idempotency-Key", "b")],
    ) as answer:
        assert answer.status == 422
    assert host.count("contacts") == 0


@pytest.mark.parametrize("key", ["x" * 255, "!~", "8e03978e-40d5-43dd-bc93-6894a57f9324"])
async def test_every_key_in_plain_letters_is_taken(host: Host, key: str) -> None:
    assert (await host.post("/contacts", {"phone": PHONE}, key=key)).status == 201
    assert host.rows("SELECT key, route FROM idempotency_keys") == [(key, "POST /api/v1/contacts")]
