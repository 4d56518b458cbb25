"""``/api/v1/conversations``: threads, what was said in them, and answers."""

from collections.abc import AsyncIterator

import pytest

from tests.host.conftest import Host
from tests.host.routes.paging import walk
from tests.host.threads import add_conversations, add_messages, to_uuid
from tests.texts import CLIENT


async def test_conversation_shows_what_was_said_last(host: Host, worker: None) -> None:
    conversation = await host.conversation("one")
    await host.conversation("two")
    read = await host.get(f"/conversations/{conversation['id']}")
    assert (read["address"], read["last_body"]) == (CLIENT, "two")
    assert read["last_message_at"] > conversation["last_message_at"]
    assert read["contact_name"] is None
    assert (await host.get("/conversations"))["data"] == [read]


async def test_conversation_with_the_newest_message_comes_first(host: Host, worker: None) -> None:
    clients = [f"+1415555012{n}" for n in range(4)]
    for client in (*clients, clients[1]):
        await host.conversation(From=client)
    listed = (await host.get("/conversations"))["data"]
    assert [one["address"] for one in listed] == [clients[n] for n in (1, 3, 2, 0)]


async def test_answer_is_accepted_with_its_job(host: Host) -> None:
    (conversation_id,) = add_conversations(host, host.ours, 1)
    answer = await host.post(f"/conversations/{conversation_id}/messages", {"body": " Yes. "})
    assert answer.status == 202
    message = answer.body
    assert (message["direction"], message["status"], message["body"]) == ("out", "queued", " Yes. ")
    assert message["conversation_id"] == conversation_id
    assert message["provider_message_id"] is None
    assert host.rows("SELECT lane, kind, organization_id FROM jobs") == [
        ("outbound", "deliver_message", host.ours.id)
    ]
    listed = (await host.get(f"/conversations/{conversation_id}/messages"))["data"]
    assert listed == [message]
    read = await host.get(f"/messages/{message['id']}")
    assert read == {**message, "attempts": []}
    assert host.rows("SELECT kind, organization_id FROM stream_events") == [
        ("message.queued", host.ours.id)
    ]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"body": ""},
        {"body": " \n\t "},
        {"body": "x" * 1601},
        {"body": "A\u0000B"},
        {"body": None},
        {"body": ["x"]},
        {"body": "x", "to": "+14155550199"},
        "x",
    ],
)
async def test_answer_that_breaks_a_rule_is_refused(host: Host, body: object) -> None:
    (conversation_id,) = add_conversations(host, host.ours, 1)
    answer = await host.post(f"/conversations/{conversation_id}/messages", body)
    assert (answer.status, answer.code) == (422, "invalid_input")
    assert host.count("messages") == host.count("jobs") == 0


async def test_longest_answer_is_counted_in_letters(host: Host) -> None:
    (conversation_id,) = add_conversations(host, host.ours, 1)
    answer = await host.post(f"/conversations/{conversation_id}/messages", {"body": "é👍" * 800})
    assert (answer.status, answer.body["body"]) == (202, "é👍" * 800)


@pytest.mark.parametrize(
    ("data", "headers", "status", "code"),
    [
        (b"{", {}, 400, "bad_payload"),
        (b'{"body": "\xff"}', {}, 400, "bad_payload"),
        (b'{"body": "\\ud800"}', {}, 400, "bad_payload"),
        (b"body=x", {"Content-Type": "text/plain"}, 415, "unsupported_media_type"),
        (b'"' + b"x" * 1024 * 1024, {"Content-Encoding": "identity"}, 413, "payload_too_large"),
    ],
)
async def test_body_that_cannot_be_read_is_refused(
    host: Host, data: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    async def in_pieces() -> AsyncIterator[bytes]:
        yield data

    (conversation_id,) = add_conversations(host, host.ours, 1)
    path = f"/api/v1/conversations/{conversation_id}/messages"
    sent = {"Content-Type": "application/json", **headers}
    answer = await host.call("POST", path, data=in_pieces(), headers=sent)
    assert (answer.status, answer.code) == (status, code)


@pytest.mark.parametrize("total", [0, 1, 20, 21, 120])
async def test_pages_hold_every_conversation_once(host: Host, total: int) -> None:
    conversations = add_conversations(host, host.ours, total)
    rows = host.rows("SELECT id FROM conversations ORDER BY last_message_at DESC, id DESC")
    expected = [f"cnv_{found.hex}" for (found,) in rows]
    assert sorted(expected) == sorted(conversations)
    for limit in (None, 13, 100):
        for by_cursor in (True, False):
            found = await walk(host, "/conversations", limit=limit, by_cursor=by_cursor)
            assert found == expected


async def test_texts_between_two_pages_repeat_nothing(host: Host) -> None:
    add_conversations(host, host.ours, 30)
    first = await host.get("/conversations", limit=10)
    shown = [one["id"] for one in first["data"]]
    # Also the very last of the page: the next one must begin where it was, not where it is.
    for moved in (shown[3], shown[-1]):
        host.rows(
            "UPDATE conversations SET last_message_at = clock_timestamp() WHERE id = %s",
            to_uuid(moved),
        )
    rest = await host.get("/conversations", limit=100, starting_after=first["next_cursor"])
    assert len(rest["data"]) == 20
    assert not {one["id"] for one in rest["data"]} & set(shown)
    top = await host.get("/conversations", limit=2)
    assert [one["id"] for one in top["data"]] == [shown[-1], shown[3]]


async def test_place_of_a_cursor_is_exact_to_the_microsecond(host: Host) -> None:
    conversations = add_conversations(host, host.ours, 3)
    host.rows(
        "UPDATE conversations SET last_message_at ="
        " timestamptz '2026-01-01' + interval '1 microsecond' * (id = %s)::int",
        to_uuid(conversations[1]),
    )
    assert await walk(host, "/conversations", limit=1) == [
        conversations[1],
        *sorted({conversations[0], conversations[2]}, reverse=True),
    ]


@pytest.mark.parametrize("total", [0, 1, 20, 21, 120])
async def test_pages_hold_every_message_once(host: Host, total: int) -> None:
    conversation_id, other_id = add_conversations(host, host.ours, 2)
    for one in (conversation_id, other_id):
        add_messages(host, one, total)
    rows = host.rows(
        "SELECT id FROM messages WHERE conversation_id = %s ORDER BY id DESC",
        to_uuid(conversation_id),
    )
    expected = [f"msg_{found.hex}" for (found,) in rows]
    assert len(expected) == total
    for limit in (None, 13, 100):
        assert await walk(host, f"/conversations/{conversation_id}/messages", limit=limit) == (
            expected
        )


async def test_messages_that_come_in_do_not_move_the_pages(host: Host) -> None:
    (conversation_id,) = add_conversations(host, host.ours, 1)
    add_messages(host, conversation_id, 30)
    path = f"/conversations/{conversation_id}/messages"
    first = await host.get(path)
    add_messages(host, conversation_id, 5, first="ffffffff")
    rest = await host.get(path, starting_after=first["data"][-1]["id"])
    assert (len(rest["data"]), rest["has_more"]) == (10, False)
    assert not {m["id"] for m in first["data"]} & {m["id"] for m in rest["data"]}
