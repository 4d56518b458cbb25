"""Who may call the API, and what those are told who may not."""

import asyncio

import pytest

from clientflow_core.domain.roles import Role
from clientflow_core.persistence.embedded import EmbeddedPostgres
from clientflow_host.assembly import assemble
from tests.databases import Addresses
from tests.host.conftest import Host, database_away, hosting, until, waits_for_a_lock

PATH = "/api/v1/contacts"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "cf_live_x",
        "Basic dXNlcjpwYXNz",
        "Bearer cf_live_one cf_live_two",
        "Bearer cf_live_\udcff\udcfe",
        "Bearer cf_live_é",
        "Bearer " + "x" * 201,
        "Bearer cf_live_" + "A" * 43,
        "Bearer ' OR 1=1 --",
    ],
)
async def test_request_without_a_good_key_is_refused(host: Host, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = await host.bare("GET", PATH, headers=headers)
    assert (answer.status, answer.code) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["X-Request-Id"] == answer.body["request_id"]


@pytest.mark.parametrize("change", ["revoked_at = now()", "expires_at = now()"])
async def test_key_that_is_over_is_refused(host: Host, change: str) -> None:
    assert (await host.call("GET", PATH)).status == 200
    host.rows(f"UPDATE api_keys SET {change}")
    answer = await host.call("GET", PATH)
    assert (answer.status, answer.code) == (401, "unauthenticated")


async def test_key_that_expires_later_is_good(host: Host) -> None:
    host.rows("UPDATE api_keys SET expires_at = now() + interval '1 minute'")
    assert (await host.call("GET", PATH)).status == 200


@pytest.mark.parametrize("scheme", ["bearer ", "BEARER   "])
async def test_scheme_is_read_as_rfc_9110_says(host: Host, scheme: str) -> None:
    headers = {"Authorization": f" {scheme}{host.ours.api_key.reveal()} "}
    assert (await host.bare("GET", PATH, headers=headers)).status == 200


async def test_hash_of_a_key_is_no_key(host: Host) -> None:
    [(key_hash,)] = host.rows("SELECT encode(key_hash, 'hex') FROM api_keys")
    answer = await host.bare("GET", PATH, headers={"Authorization": f"Bearer {key_hash}"})
    assert answer.status == 401


async def test_whoever_has_no_key_learns_nothing_of_what_is_there(host: Host) -> None:
    contact = (await host.post("/contacts", {"phone": "+14155550123"})).body
    for path in (f"{PATH}/{contact['id']}", f"{PATH}/con_{'0' * 32}", f"{PATH}?limit=x"):
        assert (await host.bare("GET", path)).status == 401
    answer = await host.bare("POST", PATH, data=b"{", headers={"Content-Type": "text/plain"})
    assert answer.status == 401


@pytest.mark.parametrize("role", [Role.VIEWER, Role.MEMBER, Role.ADMIN, Role.OWNER])
async def test_role_decides_who_may_change_something(host: Host, role: Role) -> None:
    by = host.add_key(role)
    assert (await host.get("/contacts", by=by))["data"] == []
    answer = await host.post("/contacts", {"phone": "+14155550123"}, by=by)
    if role is not Role.VIEWER:
        assert answer.status == 201
        return
    assert (answer.status, answer.code) == (403, "not_allowed")
    assert "member" in answer.body["detail"]
    assert "viewer" in answer.body["detail"]
    assert host.count("contacts") == 0


async def test_database_that_is_away_is_not_a_wrong_key(
    host: Host, server: EmbeddedPostgres
) -> None:
    with database_away(server, host.addresses):
        answer = await host.call("GET", PATH)
    assert (answer.status, answer.code) == (503, "database")
    assert answer.headers["Retry-After"] == "30"
    assert "connection" not in answer.body["detail"]
    assert (await host.call("GET", PATH)).status == 200


async def test_host_that_has_no_connection_left_asks_to_come_again(
    emptied: Addresses, values: dict[str, str]
) -> None:
    one = values | {"CLIENTFLOW_DATABASE_POOL_SIZE": "1"}
    async with assemble(one) as assembly, hosting(emptied, assembly) as host:
        pool = assembly.database._engine.pool
        pool._timeout = 0.2  # type: ignore[attr-defined]  # five seconds are long here
        with emptied.connect() as connection, connection.transaction():
            connection.execute("LOCK TABLE contacts IN ACCESS EXCLUSIVE MODE")
            first = asyncio.create_task(host.call("GET", PATH))
            await until(lambda: waits_for_a_lock(host))
            answer = await host.call("GET", PATH)
            assert (answer.status, answer.code) == (503, "overloaded")
            assert answer.headers["Retry-After"] == "1"
        assert (await first).status == 200
