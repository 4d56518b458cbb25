"""What an organization's admin sees of work that was given up, and does about it."""

import json
import uuid
from typing import Any

import pytest

from clientflow_core.domain.roles import Role
from clientflow_core.ids import IdPrefix, to_public_id
from clientflow_host.worker import working
from tests.host.conftest import Host, Organization
from tests.host.threads import add_conversations, add_messages
from tests.texts import text


def add_job(host: Host, kind: str = "sync_calendar", *, error: str = "x", **args: Any) -> str:
    """Add a job of the organization that was given up; give its id."""
    [(job_id,)] = host.rows(
        "INSERT INTO jobs (lane, kind, organization_id, args, last_error, dead_at)"
        " VALUES ('calendars', %s, %s, %s, %s, now()) RETURNING id",
        *(kind, host.ours.id, json.dumps(args), error),
    )
    return to_public_id(IdPrefix.JOB, uuid.UUID(int=job_id))


def add_unknown_message(host: Host) -> str:
    (conversation_id,) = add_conversations(host, host.ours, 1)
    add_messages(host, conversation_id, 1)
    [(message_id,)] = host.rows(
        "UPDATE messages SET status = 'unknown', direction = 'out' RETURNING id"
    )
    return to_public_id(IdPrefix.MESSAGE, message_id)


async def test_own_jobs_are_listed_by_kind_and_error_page_by_page(host: Host) -> None:
    ids = [add_job(host), add_job(host, "x"), add_job(host, error="KeyError")]
    host.rows("INSERT INTO jobs (lane, kind, args, dead_at) VALUES ('inbound', 'x', '{}', now())")
    first = await host.get("/jobs", limit=2)
    assert [one["id"] for one in first["data"]] == [ids[2], ids[1]]
    rest = await host.get("/jobs", starting_after=first["next_cursor"])
    assert [one["id"] for one in rest["data"]] == [ids[0]]
    by_kind = await host.get("/jobs", kind="x")
    by_error = await host.get("/jobs", error="KeyError")
    assert [one["id"] for one in by_kind["data"] + by_error["data"]] == [ids[1], ids[2]]


async def test_one_is_repeated_once_and_read_until_it_is_done(host: Host) -> None:
    job_id = add_job(host)
    assert (await host.get(f"/jobs/{job_id}"))["remedy"] == "retry"
    for _ in range(2):
        answer = await host.call("POST", f"/api/v1/jobs/{job_id}/retry")
        assert (answer.status, answer.body["state"]) == (202, "waiting")
    host.rows("DELETE FROM jobs")
    assert (await host.call("GET", f"/api/v1/jobs/{job_id}")).code == "not_found"


async def test_discarding_keeps_who_and_why(host: Host) -> None:
    job_id = add_job(host)
    assert (await host.post(f"/jobs/{job_id}/discard", {"reason": " "})).status == 422
    answer = await host.post(f"/jobs/{job_id}/discard", {"reason": "a test"})
    assert (answer.body["state"], answer.body["discard_reason"]) == ("discarded", "a test")
    assert answer.body["discarded_by"].startswith("key_")
    assert (await host.get("/jobs"))["data"] == []
    [kept] = (await host.get("/jobs", discarded="true"))["data"]
    assert kept["id"] == job_id


async def test_all_are_repeated_but_what_must_not_be(host: Host) -> None:
    message_id = add_unknown_message(host)
    dead = add_job(host, "deliver_message", message_id=message_id.removeprefix("msg_"))
    add_job(host)
    assert (await host.post("/job-retries", {})).body == {"retried": 1, "left": 1}
    assert (await host.call("POST", f"/api/v1/jobs/{dead}/retry")).code == "conflict"


@pytest.mark.parametrize(("was_sent", "status"), [(True, "sent"), (False, "queued")])
async def test_message_that_may_have_been_sent_is_settled_once(
    host: Host, was_sent: bool, status: str
) -> None:
    message_id = add_unknown_message(host)
    for wish in (was_sent, not was_sent):
        answer = await host.post(
            f"/messages/{message_id}/settle", {"was_sent": wish, "reason": "asked"}
        )
        assert (answer.status, answer.body["status"]) == (200, status)


async def test_member_decides_about_messages_but_not_about_jobs(host: Host) -> None:
    member: Organization = host.add_key(Role.MEMBER)
    body = {"was_sent": True, "reason": "asked"}
    settled = await host.post(f"/messages/{add_unknown_message(host)}/settle", body, by=member)
    assert settled.status == 200
    assert (await host.call("GET", "/api/v1/jobs", by=member)).status == 403


async def test_text_whose_handling_was_given_up_is_repeated_once(host: Host) -> None:
    assert (await host.webhook(text("Are you there?"))).status == 200
    host.rows("UPDATE jobs SET dead_at = now(), last_error = 'x'")
    [given_up] = (await host.get("/jobs"))["data"]
    assert (given_up["kind"], given_up["remedy"]) == ("handle_inbound_event", "retry")
    for _ in range(2):
        answer = await host.call("POST", f"/api/v1/jobs/{given_up['id']}/retry")
        assert answer.status == 202, answer
    async with working(host.assembly):
        await host.quiet()
    assert host.count("messages") == 1
