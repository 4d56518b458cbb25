"""The host as a whole: its document, its front page, its start and its stop."""

import asyncio
import os
import signal
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

import aiohttp
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from clientflow_host.app import serve
from clientflow_host.serving import PortTaken
from tests.databases import Addresses
from tests.host.conftest import Host, until
from tests.texts import form, signed_headers, text


@pytest.fixture
async def document(host: Host) -> Any:
    """The OpenAPI document, as it is served."""
    answer = await host.bare("GET", "/api/openapi.json")
    assert (answer.status, answer.headers["Content-Type"]) == (
        200,
        "application/json; charset=utf-8",
    )
    return answer.body


def operations(document: Any) -> list[Any]:
    """Give every operation in the document."""
    return [one for path in document["paths"].values() for one in path.values()]


def test_document_is_valid(document: Any) -> None:
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    assert document["info"] == {"title": "ClientFlow", "version": version("clientflow")}


def test_every_operation_says_what_it_is(document: Any) -> None:
    names = [one["operationId"] for one in operations(document)]
    assert len(names) == len(set(names))
    for one in operations(document):
        assert one["summary"], one
        assert not one["summary"].endswith("."), one
        assert one["tags"], one


def test_every_operation_says_how_it_may_fail(document: Any) -> None:
    for one in operations(document):
        statuses = set(one["responses"])
        assert {"500", "default"} <= statuses, one
        if one["security"]:
            assert {"401", "403", "422"} <= statuses, one
        if "requestBody" in one and one["security"]:
            assert {"400", "413", "415"} <= statuses, one


def test_webhooks_say_how_they_may_fail(document: Any) -> None:
    for name in ("twilio", "twilio-status"):
        operation = document["paths"][f"/webhooks/{name}"]["post"]
        assert operation["security"] == []
        assert {"200", "400", "403", "408", "413", "503"} <= set(operation["responses"])


def test_lists_may_not_find_their_cursor(document: Any) -> None:
    lists = [
        one
        for one in operations(document)
        if "starting_after" in {p.get("name") for p in one.get("parameters", ())}
        # Its ids are numbers in order: any of them is a place in the list.
        and one["operationId"] != "list_jobs"
    ]
    assert len(lists) == 5
    for one in lists:
        assert "404" in one["responses"], one


async def test_front_page_leads_to_the_sign_in(host: Host) -> None:
    answer = await host.bare("GET", "/")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "Sign in" in answer.body
    for path in ("/api/openapi.json", "/ready", "/metrics"):
        assert (await host.bare("GET", path)).status == 200


async def test_pages_are_closed_to_other_sites(host: Host) -> None:
    headers = (await host.bare("GET", "/")).headers
    policy = headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "frame-ancestors 'none'", "form-action 'self'"} <= set(policy)
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


async def test_path_that_is_not_there_is_a_problem(host: Host) -> None:
    for path in ("/nowhere", "/api/v1", "/api/v1/contacts/", "/webhooks/", "/%00"):
        answer = await host.bare("GET", path)
        assert (answer.status, answer.code) == (404, "not_found"), path


async def until_it_serves(url: str, serving: "asyncio.Task[None]") -> None:
    """Wait until something answers at *url*."""
    async with aiohttp.ClientSession() as http:
        while not serving.done():
            try:
                async with http.get(f"{url}/health") as answer:
                    assert answer.status == HTTPStatus.OK
                    return
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.02)
    serving.result()


async def test_host_serves_until_it_is_told_to_stop(values: dict[str, str]) -> None:
    serving = asyncio.create_task(serve(values))
    url = values["CLIENTFLOW_PUBLIC_URL"]
    await until_it_serves(url, serving)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(serving, 10)
    async with aiohttp.ClientSession() as http:
        with pytest.raises(aiohttp.ClientConnectorError):
            await http.get(f"{url}/health")


async def test_webhook_that_is_being_kept_is_answered_though_the_host_stops(
    values: dict[str, str], emptied: Addresses
) -> None:
    serving = asyncio.create_task(serve(values))
    await until_it_serves(values["CLIENTFLOW_PUBLIC_URL"], serving)
    url, fields = f"{values['CLIENTFLOW_PUBLIC_URL']}/webhooks/twilio", text()
    headers = signed_headers(url, fields)
    async with aiohttp.ClientSession() as http:
        with emptied.connect() as connection, connection.transaction():
            connection.execute("LOCK TABLE inbound_events IN SHARE MODE")
            posting = asyncio.create_task(http.post(url, data=form(fields), headers=headers))

            async def look() -> bool:
                waiting = connection.execute("SELECT 1 FROM pg_locks WHERE NOT granted")
                return waiting.fetchone() is not None

            await until(look)
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0.1)
            assert not serving.done()
        assert (await posting).status == HTTPStatus.OK
    await asyncio.wait_for(serving, 10)
    with emptied.connect() as connection:
        assert connection.execute("SELECT count(*) FROM inbound_events").fetchone() == (1,)


async def test_port_that_is_taken_stops_the_start(values: dict[str, str], host: Host) -> None:
    with pytest.raises(PortTaken, match=values["CLIENTFLOW_PORT"]):
        await serve(values)
