"""What callers are told while the database is stuck or away; and that it heals by itself."""

import asyncio

import pytest

from clientflow_core.persistence import database as database_module
from clientflow_core.persistence import patience
from clientflow_core.persistence.embedded import EmbeddedPostgres
from clientflow_host.openapi import routing
from clientflow_host.routes import webhooks
from tests.databases import Addresses
from tests.host.conftest import Answer, Host, database_away, until
from tests.texts import text
from tests.torture.postgres import standing_still


@pytest.fixture(params=["statement_timeout=200ms", "lock_timeout=200ms"])
def limit(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of the limits of every connection; as it is, it would take too long here."""
    monkeypatch.setattr(database_module, "_OPTIONS", f"-c timezone=UTC -c {request.param}")


async def ask(host: Host) -> Answer:
    return await host.call("GET", "/api/v1/contacts")


async def test_statement_that_is_stuck_is_ended_and_the_caller_told_to_come_again(
    limit: None, host: Host
) -> None:
    with host.addresses.connect() as connection, connection.transaction():
        connection.execute("LOCK TABLE contacts IN ACCESS EXCLUSIVE MODE")
        answer = await ask(host)
        assert (answer.status, answer.code) == (503, "database")
        assert int(answer.headers["Retry-After"]) > 0
    assert (await ask(host)).status == 200


async def test_host_serves_again_soon_after_the_database_is_back(
    host: Host, server: EmbeddedPostgres, emptied: Addresses
) -> None:
    assert (await ask(host)).status == 200
    with database_away(server, emptied):
        answer = await ask(host)
        assert (answer.status, answer.code) == (503, "database")

    async def serves() -> bool:
        return (await ask(host)).status == 200

    await until(serves, seconds=5)


async def test_while_the_database_stands_still_everybody_has_an_answer_soon(
    host: Host, server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await ask(host)).status == 200
    monkeypatch.setattr(patience, "BEGIN_SECONDS", 0.3)
    monkeypatch.setattr(webhooks, "REQUEST_SECONDS", 0.3)
    written = text("Are you there?")
    async with asyncio.timeout(8):
        with standing_still(server):
            asked = [*(ask(host) for _ in range(3)), host.webhook(written)]
            answers = [*await asyncio.gather(*asked), await ask(host)]
            assert (await host.bare("GET", "/health")).status == 200
    assert [(one.status, one.code) for one in answers] == [(503, "overloaded")] * 5
    assert all(int(one.headers["Retry-After"]) > 0 for one in answers)
    monkeypatch.undo()
    assert (await ask(host)).status == 200
    assert (await host.webhook(written)).status == 200
    assert host.count("inbound_events") == 1, "it is kept once, though it was sent twice"


async def test_who_asks_is_not_left_waiting_for_a_key_that_cannot_be_looked_up(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routing, "REQUEST_SECONDS", 0.3)
    with host.addresses.connect() as connection, connection.transaction():
        connection.execute("LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE")
        async with asyncio.timeout(4):
            answer = await ask(host)
    assert (answer.status, answer.code) == (503, "took_too_long")
    assert int(answer.headers["Retry-After"]) > 0
    assert (await ask(host)).status == 200
