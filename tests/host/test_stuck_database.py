"""What callers are told while the database is stuck or away; and that it heals by itself."""

import pytest

from clientflow_core.persistence import database as database_module
from clientflow_core.persistence.embedded import EmbeddedPostgres
from tests.conftest import Addresses
from tests.host.conftest import Answer, Host, database_away, until


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
