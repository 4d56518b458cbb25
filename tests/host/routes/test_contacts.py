"""``/api/v1/contacts``: adding, reading and listing clients."""

import pytest

from tests.host.conftest import Host
from tests.host.routes.paging import walk

PHONE = "+14155550123"


async def test_contact_is_added_and_read(host: Host) -> None:
    added = await host.post("/contacts", {"phone": "+1 (415) 555-0123", "name": "Zoë Ünal"})
    assert added.status == 201
    (point,) = added.body["points"]
    assert (point["kind"], point["value"]) == ("phone", PHONE)
    assert added.body["name"] == "Zoë Ünal"
    assert await host.get(f"/contacts/{added.body['id']}") == added.body


async def test_contact_needs_no_name(host: Host) -> None:
    for body in ({"phone": PHONE}, {"phone": "+14155550124", "name": None}):
        added = await host.post("/contacts", body)
        assert (added.status, added.body["name"]) == (201, None)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"phone": "4155550123"}, "/phone"),
        ({"phone": "0171 5550123"}, "/phone"),
        ({"phone": "+1"}, "/phone"),
        ({"phone": "+1415555012345678"}, "/phone"),
        ({"phone": "+14155550123 ext. 4"}, "/phone"),
        ({"phone": "whatsapp:+14155550123"}, "/phone"),
        ({"phone": "+1415555\u00000123"}, "/phone"),
        ({"phone": 14155550123}, "/phone"),
        ({"phone": None}, "/phone"),
        ({"phone": PHONE, "name": ""}, "/name"),
        ({"phone": PHONE, "name": " \t\u00a0\u2003"}, "/name"),
        ({"phone": PHONE, "name": "A\u0000B"}, "/name"),
        ({"phone": PHONE, "name": "x" * 201}, "/name"),
        ({"phone": PHONE, "name": 7}, "/name"),
        ({"name": "Zoë"}, ""),
        ({"phone": PHONE, "organization_id": "org_1"}, ""),
        ([], ""),
    ],
)
async def test_broken_rule_is_named(host: Host, body: object, pointer: str) -> None:
    answer = await host.post("/contacts", body)
    assert (answer.status, answer.code) == (422, "invalid_input")
    assert {found.startswith(pointer) for found in answer.pointers} == {True}
    assert host.count("contacts") == 0


async def test_every_broken_rule_is_named(host: Host) -> None:
    answer = await host.post("/contacts", {"phone": "", "name": ""})
    assert set(answer.pointers) == {"/name", "/phone"}


@pytest.mark.parametrize("phone", ["+14155550123", "+1 415 555 0123", "+1-415-555-0123"])
async def test_same_number_again_names_the_contact_that_has_it(host: Host, phone: str) -> None:
    first = await host.post("/contacts", {"phone": PHONE, "name": "Zoë"})
    again = await host.post("/contacts", {"phone": phone, "name": "Another"})
    assert (again.status, again.code) == (409, "conflict")
    assert first.body["id"] in again.body["detail"]
    assert host.rows("SELECT name FROM contacts") == [("Zoë",)]


async def test_two_organizations_may_have_the_same_client(host: Host) -> None:
    theirs = host.add_organization()
    await host.post("/contacts", {"phone": PHONE, "name": "ours"})
    added = await host.post("/contacts", {"phone": PHONE, "name": "theirs"}, by=theirs)
    assert added.status == 201
    assert [c["name"] for c in (await host.get("/contacts"))["data"]] == ["ours"]


async def test_contact_of_a_text_has_its_number_and_no_name(host: Host, worker: None) -> None:
    conversation = await host.conversation()
    contact = await host.get(f"/contacts/{conversation['contact_id']}")
    assert contact["name"] is None
    again = await host.post("/contacts", {"phone": conversation["address"]})
    assert (again.status, contact["id"] in again.body["detail"]) == (409, True)


@pytest.mark.parametrize("total", [0, 1, 20, 21, 120])
async def test_pages_hold_every_contact_once(host: Host, total: int) -> None:
    host.rows(
        "INSERT INTO contacts (organization_id, id, name)"
        " SELECT %s, gen_random_uuid(), n FROM generate_series(1, %s) n",
        *(host.ours.id, total),
    )
    rows = host.rows("SELECT id FROM contacts ORDER BY id DESC")
    expected = [f"con_{found.hex}" for (found,) in rows]
    for limit in (None, 1, 7, 100):
        if limit == 1 and total > 20:
            continue
        assert await walk(host, "/contacts", limit=limit) == expected


async def test_page_is_complete_where_a_contact_has_several_numbers(host: Host) -> None:
    ids = [(await host.post("/contacts", {"phone": f"+1415555013{n}"})).body["id"] for n in (1, 2)]
    host.rows(
        "INSERT INTO contact_points (organization_id, id, contact_id, kind, value)"
        " SELECT organization_id, gen_random_uuid(), id, 'phone', '+1415555014' || row_number()"
        " OVER () FROM contacts",
    )
    listed = await host.get("/contacts", limit=2)
    assert sorted(c["id"] for c in listed["data"]) == sorted(ids)
    assert [len(c["points"]) for c in listed["data"]] == [2, 2]
