"""``/api/v1/contacts/{contact_id}/consent``: what a client wants, and who may say so."""

from typing import Any

import pytest

from clientflow_core.domain.roles import Role
from tests.host.conftest import Answer, Host, Organization
from tests.texts import CLIENT, text


async def add_contact(host: Host) -> str:
    return str((await host.post("/contacts", {"phone": CLIENT})).body["id"])


async def put(
    host: Host, contact_id: str, *, by: Organization | None = None, **changes: Any
) -> Answer:
    body = {"medium": "text", "is_opted_out": True, "reason": "Asked by telephone."} | changes
    path = f"/api/v1/contacts/{contact_id}/consent"
    return await host.call("PUT", path, by=by, json=body)


async def test_client_of_whom_nothing_is_known_may_be_written_to(host: Host) -> None:
    contact_id = await add_contact(host)
    (address,) = (await host.get(f"/contacts/{contact_id}/consent"))["addresses"]
    assert address.pop("contact_point_id").startswith("pnt_")
    assert address == {
        "value": CLIENT,
        "medium": "text",
        "is_opted_out": False,
        "since": None,
        "statements": [],
    }


async def test_everything_that_was_said_is_shown_and_the_newest_holds(host: Host) -> None:
    contact_id = await add_contact(host)
    assert (await put(host, contact_id)).status == 200
    answer = await put(host, contact_id, is_opted_out=False, reason="Has asked for it again.")
    (address,) = answer.body["addresses"]
    assert (address["is_opted_out"], len(address["statements"])) == (False, 2)
    newest, first = address["statements"]
    assert (newest["wish"], newest["evidence"]) == ("opt_in", "Has asked for it again.")
    assert (first["wish"], first["source"]) == ("opt_out", "person")
    assert first["said_by"].startswith("key_")
    assert address["since"] == newest["occurred_at"]
    assert answer.body == await host.get(f"/contacts/{contact_id}/consent")


async def test_stop_refuses_what_is_to_be_sent(host: Host, worker: None) -> None:
    conversation = await host.conversation("STOP")
    path = f"/conversations/{conversation['id']}"
    answer = await host.post(f"{path}/messages", {"body": "Sorry."})
    assert (answer.status, answer.code) == (409, "opted_out")
    assert "has opted out of texts since" in answer.body["detail"]
    assert host.rows("SELECT count(*) FROM messages WHERE direction = 'out'") == [(0,)]
    consent = await host.get(f"/contacts/{conversation['contact_id']}/consent")
    ((said,),) = [one["statements"] for one in consent["addresses"]]
    assert (said["source"], said["evidence"]) == ("client", "STOP")
    assert said["channel_id"] == conversation["channel_id"]
    assert (await host.webhook(text("START"))).status == 200
    await host.quiet()
    assert (await host.post(f"{path}/messages", {"body": "Welcome."})).status == 202


async def test_member_opts_out_and_only_an_admin_back_in(host: Host) -> None:
    contact_id = await add_contact(host)
    member, admin = host.add_key(Role.MEMBER), host.add_key(Role.ADMIN)
    assert (await put(host, contact_id, by=member)).status == 200
    refused = await put(host, contact_id, by=member, is_opted_out=False)
    assert (refused.status, refused.code) == (403, "not_allowed")
    assert (await put(host, contact_id, by=admin, is_opted_out=False)).status == 200


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"reason": ""}, "/reason"),
        ({"reason": " \n"}, "/reason"),
        ({"reason": "x" * 401}, "/reason"),
        ({"reason": None}, "/reason"),
        ({"medium": "pigeon"}, "/medium"),
        ({"is_opted_out": "no"}, "/is_opted_out"),
    ],
)
async def test_what_is_no_reason_is_refused(host: Host, changes: Any, pointer: str) -> None:
    answer = await put(host, await add_contact(host), **changes)
    assert (answer.status, set(answer.pointers)) == (422, {pointer})
    assert host.count("consents") == 0


async def test_who_has_no_such_address_is_no_case_for_it(host: Host) -> None:
    answer = await put(host, await add_contact(host), medium="email")
    assert (answer.status, answer.code) == (409, "conflict")


async def test_problem_of_a_text_that_is_too_long_names_its_medium(
    host: Host, worker: None
) -> None:
    conversation = await host.conversation()
    path = f"/conversations/{conversation['id']}/messages"
    answer = await host.post(path, {"body": "x" * 1601})
    assert answer.status == 422
    (error,) = answer.body["errors"]
    assert error == {"pointer": "/body", "detail": "at most 1600 characters in a text"}
    document = (await host.bare("GET", "/api/openapi.json")).body
    body = document["components"]["schemas"]["NewMessage"]["properties"]["body"]
    assert (body["maxLength"], "At most 1600" in body["description"]) == (100_000, True)
