"""Host and worker on a database that they reach through a transaction pooler, a real PgBouncer."""

import asyncio
from collections.abc import Iterator
from typing import Any, Final

import pytest
import sqlalchemy as sa

from clientflow_core.persistence.database import Database
from clientflow_core.persistence.embedded import EmbeddedPostgres
from clientflow_plugins.twilio.sandbox import TwilioSandbox
from tests.databases import Addresses
from tests.host.conftest import Host, Organization, until
from tests.pgbouncer import pooled
from tests.texts import CLIENT, NUMBER, OTHER_NUMBER, text

_OF_THE_SERVER: Final = 2
_BACKEND: Final = sa.text("SELECT pg_backend_pid()")
_LEFT_BEHIND: Final = sa.text(
    "SELECT coalesce(current_setting('app.organization_id', true), ''),"
    " (SELECT count(*) FROM pg_prepared_statements)"
)
_OF_THE_CONTACTS: Final = sa.text("SELECT DISTINCT organization_id FROM contacts")


@pytest.fixture
def values(
    values: dict[str, str], server: EmbeddedPostgres, emptied: Addresses
) -> Iterator[dict[str, str]]:
    with pooled(server, emptied.application, size=_OF_THE_SERVER) as url:
        through = url.set(drivername="postgresql").render_as_string(hide_password=False)
        yield values | {"DATABASE_URL": through, "CLIENTFLOW_DIRECT_DATABASE_URL": emptied.url}


async def backend(database: Database) -> int:
    async with database.system() as transaction:
        return int(await transaction.scalar(_BACKEND))


async def seen_by(database: Database, whose: Organization) -> tuple[set[Any], int]:
    """Give whose contacts an organization sees, and by which process of the server."""
    async with database.organization(whose.id) as transaction:
        found = (await transaction.execute(_OF_THE_CONTACTS)).scalars().all()
        return set(found), int(await transaction.scalar(_BACKEND))


async def left_behind(database: Database) -> tuple[object, ...]:
    async with database.system() as transaction:
        return tuple((await transaction.execute(_LEFT_BEHIND)).one())


async def test_a_text_is_answered_through_the_pooler(
    host: Host, worker: None, sandbox: TwilioSandbox
) -> None:
    conversation = await host.conversation("Are you open on Thursday?")
    path = f"/conversations/{conversation['id']}/messages"
    sent = await host.post(path, {"body": "Yes, from nine."}, key="once")
    assert sent.status == 202
    again = await host.post(path, {"body": "Yes, from nine."}, key="once")
    assert again.body == sent.body, "the key is locked and kept through the pooler, too"

    async def arrived() -> list[str]:
        found = sandbox.state()["messages"]
        return [one["body"] for one in found if (one["to"], one["status"]) == (CLIENT, "delivered")]

    assert await until(arrived) == ["Yes, from nine."]
    await host.message_in("delivered", sent.body["id"])
    await host.quiet()
    assert (await host.bare("GET", "/ready")).status == 200


async def test_no_organization_sees_another_though_they_share_connections(
    host: Host, worker: None, sandbox: TwilioSandbox
) -> None:
    other = host.add_organization()
    for number in (NUMBER, OTHER_NUMBER):
        assert (await host.webhook(text("Hello?", To=number))).status == 200
    await host.quiet()
    whose = [host.ours, other] * 30
    seen = await asyncio.gather(*(seen_by(host.assembly.database, one) for one in whose))
    assert [rows for rows, _ in seen] == [{one.id} for one in whose]
    assert len({process for _, process in seen}) <= _OF_THE_SERVER, "no pooler stands between"

    listed = await asyncio.gather(*(host.get("/conversations", by=one) for one in whose[:20]))
    assert [len(one["data"]) for one in listed] == [1] * 20
    assert len({one["data"][0]["id"] for one in listed}) == 2

    kept = await asyncio.gather(*(left_behind(host.assembly.database) for _ in range(20)))
    assert set(kept) == {("", 0)}, "what is set for a transaction ends with it"


async def test_what_was_undone_leaves_no_scope_on_the_connection(host: Host) -> None:
    database = host.assembly.database

    async def fail() -> None:
        async with database.organization(host.ours.id) as transaction:
            await transaction.execute(sa.text("SELECT 1/0"))

    for _ in range(2 * _OF_THE_SERVER):
        with pytest.raises(sa.exc.DataError):
            await fail()
        assert await left_behind(database) == ("", 0)
    assert await backend(database) > 0
