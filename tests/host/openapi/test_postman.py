"""The API as a collection of Postman's: every request in it reaches what it is for."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.host.conftest import Host

pytestmark = pytest.mark.proves("UA3")


@pytest.fixture
async def collection(host: Host) -> Any:
    """The collection, as a host serves it."""
    answer = await host.bare("GET", "/api/postman.json")
    assert answer.status == 200
    return answer.body


def requests(collection: Any) -> Iterator[Any]:
    for folder in collection["item"]:
        yield from folder["item"]


def address(request: Any) -> str:
    """Give where Postman would send a request whose variables nobody has filled."""
    values = {one["key"]: one["value"] for one in request["url"]["variable"]}
    path = "/".join(values.get(part[1:], part) or "x" for part in request["url"]["path"])
    return f"/{path}"


async def test_every_operation_for_people_is_in_it_once(host: Host, collection: Any) -> None:
    document = (await host.bare("GET", "/api/openapi.json")).body
    published = {
        (method.upper(), re.sub(r"\{(\w+)\}", r":\1", path))
        for path, methods in document["paths"].items()
        for method in methods
        if not path.startswith("/webhooks/")
    }
    found = [
        (one["request"]["method"], one["request"]["url"]["raw"].removeprefix("{{url}}"))
        for one in requests(collection)
    ]
    assert sorted(found) == sorted(published)


async def test_variables_lead_to_this_host_and_hold_no_key(host: Host, collection: Any) -> None:
    variables = {one["key"]: one["value"] for one in collection["variable"]}
    assert variables == {"url": host.assembly.settings.url, "api_key": ""}
    assert collection["auth"]["bearer"][0]["value"] == "{{api_key}}"
    assert collection["info"]["schema"].endswith("/v2.1.0/collection.json")


async def test_every_body_is_one_that_the_api_reads(host: Host, collection: Any) -> None:
    tried = 0
    for one in requests(collection):
        request = one["request"]
        if "body" not in request:
            continue
        headers = {header["key"]: header["value"] for header in request["header"]}
        # The key of Postman's user is nobody's; the body is looked at only behind it.
        headers.pop("Idempotency-Key", None)
        answer = await host.call(
            request["method"], address(request), data=request["body"]["raw"], headers=headers
        )
        tried += 1
        wrong = answer.body.get("code") if isinstance(answer.body, dict) else None
        assert answer.status not in {400, 405, 415, 500}, (one["name"], answer)
        assert wrong != "unsupported_media_type"
    assert tried > 5


async def test_example_of_a_contact_makes_one(host: Host, collection: Any) -> None:
    [new] = [one for one in requests(collection) if one["name"].startswith("Add a contact")]
    body = new["request"]["body"]["raw"]
    headers = {"Content-Type": "application/json"}
    answer = await host.call("POST", "/api/v1/contacts", data=body, headers=headers)
    assert answer.status == 201, answer
