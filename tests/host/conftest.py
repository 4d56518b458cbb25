"""The host in this process: over real HTTP, on a database of the test's own, beside the sandbox."""

import asyncio
import contextlib
import gc
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

import aiohttp
import attrs
import psycopg
import pytest
from aiohttp import web, web_app
from aiohttp.test_utils import TestServer
from psycopg import sql

from clientflow_core.domain.roles import Role
from clientflow_core.persistence.embedded import EmbeddedPostgres
from clientflow_core.ports import free_port
from clientflow_core.sandbox import ProviderSandbox, build_sandbox_app
from clientflow_core.secret import Secret
from clientflow_core.services.initialize import hash_api_key, new_api_key
from clientflow_host.app import build_app
from clientflow_host.assembly import Assembly, assemble
from clientflow_host.serving import listening
from clientflow_host.settings import ENCRYPTION_KEY_ENV
from clientflow_host.worker import working
from clientflow_plugins.stripe.sandbox import StripeSandbox
from clientflow_plugins.twilio.sandbox import TwilioSandbox
from tests.conftest import add_business
from tests.databases import Addresses, empty
from tests.texts import ACCOUNT, NUMBER, OTHER_NUMBER, TOKEN, form, signed_headers, text

S = TypeVar("S", bound=ProviderSandbox)

ENCRYPTION_KEY: Final = "dGhlIHRlc3RzJyBrZXksIG5vIHNlY3JldCBhdCBhbGw="


async def until(look: Callable[[], Awaitable[Any]], *, seconds: float = 40.0) -> Any:
    """Call *look* until it gives something true; that is given."""
    deadline = time.monotonic() + seconds
    while not (found := await look()):
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.02)
    return found


@attrs.frozen
class Answer:
    """What the host has answered."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def code(self) -> str:
        """The code of the problem that it is; anything else fails the test."""
        assert self.headers["Content-Type"] == "application/problem+json", self
        assert self.body["status"] == self.status
        return str(self.body["code"])

    @property
    def pointers(self) -> list[str]:
        """Where the rules are broken."""
        return [error["pointer"] for error in self.body["errors"]]


@attrs.frozen
class Organization:
    """An organization, and how somebody of it calls the API."""

    id: uuid.UUID
    api_key: Secret

    @property
    def headers(self) -> dict[str, str]:
        """What they send with each request."""
        return {"Authorization": f"Bearer {self.api_key.reveal()}"}


@attrs.define(eq=False)
class Host:
    """The host as its callers see it, and its database as the superuser does."""

    addresses: Addresses
    assembly: Assembly
    app: web.Application
    http: aiohttp.ClientSession
    ours: Organization

    async def bare(self, method: str, path: str, **more: Any) -> Answer:
        """Ask as nobody."""
        async with self.http.request(method, path, **more) as response:
            is_json = response.content_type.endswith("json") and method != "HEAD"
            body = await (response.json(content_type=None) if is_json else response.text())
            return Answer(response.status, response.headers, body)

    async def call(
        self, method: str, path: str, *, by: Organization | None = None, **more: Any
    ) -> Answer:
        """Ask as the owner of an organization, by default that of the test."""
        headers = {**(by or self.ours).headers, **more.pop("headers", {})}
        return await self.bare(method, path, headers=headers, **more)

    async def get(self, path: str, *, by: Organization | None = None, **query: Any) -> Any:
        """Ask the API; the answer must be 200."""
        answer = await self.call("GET", f"/api/v1{path}", by=by, params=query)
        assert answer.status == 200, answer
        return answer.body

    async def post(
        self, path: str, body: object, *, by: Organization | None = None, key: str | None = None
    ) -> Answer:
        """Post JSON to the API, under an Idempotency-Key if there is one."""
        headers = {} if key is None else {"Idempotency-Key": key}
        return await self.call("POST", f"/api/v1{path}", by=by, json=body, headers=headers)

    async def webhook(
        self, fields: Mapping[str, str], *, path: str = "/webhooks/twilio", **headers: str
    ) -> Answer:
        """Post as Twilio does, signed over the public URL."""
        signed = signed_headers(self.assembly.settings.url + path, fields)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.bare("POST", path, data=form(fields), headers=signed | named)

    def rows(self, query: str, *values: Any, **named: Any) -> list[tuple[Any, ...]]:
        """Ask the database as its superuser."""
        with self.addresses.connect() as connection:
            cursor = connection.execute(query.encode(), named or values)
            return cursor.fetchall() if cursor.description else []

    def count(self, table: str) -> int:
        """Count the rows of a table."""
        return int(self.rows(f"SELECT count(*) FROM {table}")[0][0])

    async def counted(self, webhook: str, outcome: str) -> float:
        """Read from /metrics how many webhooks have ended so."""
        metric = f'clientflow_webhooks_total{{outcome="{outcome}",webhook="{webhook}"}} '
        lines = (await self.bare("GET", "/metrics")).body.splitlines()
        found = [line.removeprefix(metric) for line in lines if line.startswith(metric)]
        return float(found[0]) if found else 0.0

    async def quiet(self) -> None:
        """Wait until there is no job left."""

        async def look() -> bool:
            return self.count("jobs") == 0

        await until(look)

    async def conversation(self, body: str = "Hello?", **more: str) -> Any:
        """Let a client write, and give the conversation; needs a worker."""
        fields = text(body, **more)
        assert (await self.webhook(fields)).status == 200
        await self.quiet()
        listed = await self.get("/conversations", limit=100)
        return next(one for one in listed["data"] if one["address"] == fields["From"])

    async def message_in(self, state: str, message_id: str) -> Any:
        """Wait until a message is in a state, and give it."""

        async def look() -> Any:
            message = await self.get(f"/messages/{message_id}")
            return message if message["status"] == state else None

        return await until(look)

    def add_key(self, role: Role) -> Organization:
        """Make another key of the organization."""
        return add_key(self.addresses, self.ours.id, role)

    def add_organization(self, *, number: str = OTHER_NUMBER) -> Organization:
        """Make another organization, with a number of its own."""
        return add_organization(self.addresses, number=number)


async def waits_for_a_lock(host: Host) -> bool:
    """Tell whether a statement of the host waits for somebody's lock."""
    return host.rows("SELECT count(*) FROM pg_locks WHERE NOT granted") != [(0,)]


def add_organization(addresses: Addresses, *, number: str) -> Organization:
    """Make an organization with a number and a key; quicker than initialize, which hashes."""
    business = add_business(addresses, address=number)
    return add_key(addresses, business.organization_id, Role.OWNER)


def add_key(addresses: Addresses, organization_id: uuid.UUID, role: Role) -> Organization:
    """Make a key of an organization."""
    key = new_api_key()
    with addresses.connect() as connection:
        connection.execute(
            "INSERT INTO api_keys (organization_id, id, name, key_hash, role)"
            " VALUES (%s, gen_random_uuid(), 'test', %s, %s)",
            [organization_id, hash_api_key(key), role.value],
        )
    return Organization(organization_id, key)


@contextlib.asynccontextmanager
async def hosting(addresses: Addresses, assembly: Assembly) -> AsyncIterator[Host]:
    """Serve one organization."""
    ours = add_organization(addresses, number=NUMBER)
    app = build_app(assembly)
    where: dict[str, Any] = {"host": "127.0.0.1", "port": assembly.settings.port}
    # Not aiohttp's TestServer, which cancels the handler of a caller who leaves; ours does not.
    async with (
        listening(app, **where, port_env="CLIENTFLOW_PORT", notice_seconds=0),
        aiohttp.ClientSession(f"http://127.0.0.1:{assembly.settings.port}") as http,
    ):
        yield Host(addresses, assembly, app, http, ours)


@pytest.fixture
def emptied(shared: Addresses) -> Addresses:
    """The database of this module, with nothing in it."""
    return empty(shared)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where the index of what is installed is kept; without it every test would make it anew."""
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def values(emptied: Addresses, cache: str, request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings: a host that the world reaches by a port of this machine, and the sandbox.

    A test that is parametrized with some has them too.
    """
    port, sandbox_port = free_port(), free_port()
    return {
        "XDG_CACHE_HOME": cache,
        "DATABASE_URL": emptied.url,
        "CLIENTFLOW_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "CLIENTFLOW_PORT": str(port),
        "CLIENTFLOW_SANDBOX_PORT": str(sandbox_port),
        ENCRYPTION_KEY_ENV: ENCRYPTION_KEY,
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_PHONE_NUMBER": NUMBER,
        "TWILIO_API_BASE_URL": f"http://127.0.0.1:{sandbox_port}/twilio",
    } | getattr(request, "param", {})


@pytest.fixture
async def assembly(values: dict[str, str]) -> AsyncIterator[Assembly]:
    """What the host and the worker of the test are made of."""
    async with assemble(values) as made:
        yield made


@pytest.fixture
async def host(emptied: Addresses, assembly: Assembly) -> AsyncIterator[Host]:
    """The host, serving one organization."""
    async with hosting(emptied, assembly) as made:
        yield made
    del made
    # aiohttp keeps the last 1024 handlers with their applications, of some 12 MB each; and these
    # are mostly compiled rules, which the collector counts as a few objects.
    web_app._cached_build_middleware.cache_clear()
    gc.collect()


@pytest.fixture
async def sandbox(values: dict[str, str]) -> AsyncIterator[TwilioSandbox]:
    """The sandbox that the settings lead to."""
    names = ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_PHONE_NUMBER")
    made = TwilioSandbox(
        base_url=values["TWILIO_API_BASE_URL"],
        host_url=values["CLIENTFLOW_PUBLIC_URL"],
        credentials={name: values[name] for name in names},
    )
    port = int(values["CLIENTFLOW_SANDBOX_PORT"])
    async with TestServer(build_sandbox_app([made]), port=port):
        yield made


def add_sandbox(sandbox_class: type[S], values: dict[str, str]) -> S:
    """Make a stand-in that a test serves, and set the host up with it."""
    made = sandbox_class(
        base_url=f"http://127.0.0.1:{values['CLIENTFLOW_SANDBOX_PORT']}/{sandbox_class.name}",
        host_url=values["CLIENTFLOW_PUBLIC_URL"],
        credentials=sandbox_class.new_credentials(),
    )
    values |= made.settings()
    return made


@pytest.fixture
def stripe(values: dict[str, str]) -> StripeSandbox:
    """Stripe's sandbox, which a test serves."""
    return add_sandbox(StripeSandbox, values)


@pytest.fixture
async def worker(assembly: Assembly) -> AsyncIterator[None]:
    """A worker that does the jobs of the host."""
    async with working(assembly):
        yield


@contextlib.contextmanager
def database_away(server: EmbeddedPostgres, addresses: Addresses) -> Iterator[None]:
    """Break every connection to the test's database, and let no new one be made."""
    postgres = server.url(user=server.superuser, database="postgres")
    name = str(addresses.application.database)
    with psycopg.connect(postgres.reveal(), autocommit=True) as connection:

        def allow(yes: str) -> None:
            statement = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
            connection.execute(statement.format(sql.Identifier(name), sql.SQL(yes)))

        allow("false")
        ends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        connection.execute(ends, [name])
        try:
            yield
        finally:
            allow("true")
