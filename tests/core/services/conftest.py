"""The services on a real database, the registry, and Twilio's sandbox; each job is done by hand.

Nothing runs by itself: :meth:`Stage.do_jobs` does what is asked for once, however late it is due,
so that a test sees every step of a story and waits for none. The clock is the test's own.
"""

import asyncio
import datetime as dt
import functools
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import attrs
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from clientflow_core.clock import SystemClock
from clientflow_core.domain.jobs import INBOUND, OUTBOUND, Job
from clientflow_core.domain.messages import Message, MessageReceived, MessageStatus
from clientflow_core.jobs.execution import Execution
from clientflow_core.jobs.handlers import DatabaseJob, Handler, ProviderJob
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.intake import Intake
from clientflow_core.persistence.repositories.jobs import claim_jobs
from clientflow_core.persistence.repositories.messages import read_message
from clientflow_core.providers.spec import AnySpec
from clientflow_core.providers.webhooks import WebhookRequest
from clientflow_core.registry.bound import BoundRouter
from clientflow_core.registry.discovery import Plugin
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.sandbox import build_sandbox_app
from clientflow_core.services.deliver_message import deliver_message
from clientflow_core.services.handle_inbound_event import (
    give_up_inbound_event,
    handle_inbound_event,
)
from clientflow_core.services.receive_message import receive_message
from clientflow_core.services.receive_webhook import receive_webhook
from clientflow_core.services.record_attempt import give_up_message
from clientflow_core.services.send_message import DELIVER_MESSAGE, send_message
from clientflow_plugins.twilio.sandbox import TwilioSandbox
from clientflow_plugins.twilio.spec import TWILIO
from tests.conftest import Business
from tests.databases import Addresses, empty
from tests.texts import ACCOUNT, CLIENT, NUMBER, TOKEN, form, new_sid, signed_headers


class StandingClock:
    """Stands still unless a test lets time pass."""

    def __init__(self) -> None:
        self._now = SystemClock().now()

    def now(self) -> dt.datetime:
        """Give the moment at which it stands, aware, in UTC."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += dt.timedelta(seconds=seconds)


def plugin_of(spec: AnySpec) -> Plugin:
    """Give a plugin that brings *spec* alone."""
    return Plugin(name=spec.name, version="0", specs=(spec,))


@attrs.define(eq=False)
class Stage:
    """What the services work with, and what a test asks of it."""

    addresses: Addresses
    database: Database
    business: Business
    registry: ProviderRegistry
    clock: StandingClock
    public_url: str
    routers: Sequence[BoundRouter] = ()

    async def text_in(self, body: str = "Hello?", *, client: str = CLIENT) -> uuid.UUID:
        """Let a text arrive; give its conversation."""
        received = MessageReceived(
            provider_message_id=new_sid(), sender=client, recipient=NUMBER, body=body
        )
        async with self.database.organization(self.business.organization_id) as transaction:
            await receive_message(
                transaction,
                received,
                channel_id=self.business.channel_id,
                received_at=self.clock.now(),
            )
        [(conversation_id,)] = self.rows(
            "SELECT conversation_id FROM messages WHERE provider_message_id = %s",
            received.provider_message_id,
        )
        found: uuid.UUID = conversation_id
        return found

    async def answer(self, body: str = "Yes.", *, client: str = CLIENT) -> uuid.UUID:
        """Queue an answer to a client, who has written before; give the message."""
        conversation_id = await self.text_in(client=client)
        async with self.database.organization(self.business.organization_id) as transaction:
            return (await send_message(transaction, conversation_id, body=body)).id

    async def message(self, message_id: uuid.UUID) -> Message:
        """Read a message."""
        async with self.database.organization(self.business.organization_id) as transaction:
            return await read_message(transaction, message_id)

    def attempts(self, message_id: uuid.UUID) -> list[str]:
        """Give how each attempt to send a message ended, the first first."""
        rows = self.rows(
            "SELECT state FROM message_attempts WHERE message_id = %s ORDER BY number", message_id
        )
        return [state for (state,) in rows]

    def attempt_id(self, message_id: uuid.UUID) -> uuid.UUID:
        """Give the newest attempt of a message."""
        [(found,)] = self.rows(
            "SELECT id FROM message_attempts WHERE message_id = %s ORDER BY number DESC LIMIT 1",
            message_id,
        )
        return uuid.UUID(str(found))

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """Who does which kind of job, as in the worker."""
        return {
            "handle_inbound_event": DatabaseJob(
                handle=functools.partial(handle_inbound_event, registry=self.registry),
                on_dead=give_up_inbound_event,
            ),
            DELIVER_MESSAGE: ProviderJob(
                handle=functools.partial(
                    deliver_message,
                    registry=self.registry,
                    clock=self.clock,
                    routers=self.routers,
                ),
                on_dead=give_up_message,
            ),
        }

    async def do_jobs(self, *lanes: str) -> Sequence[Job]:
        """Do every job that there is, once, due or not; give them."""
        execution = Execution(self.database, self.handlers)
        done: list[Job] = []
        for lane in lanes or (INBOUND, OUTBOUND):
            self.rows("UPDATE jobs SET run_at = now() WHERE lane = %s AND dead_at IS NULL", lane)
            async with self.database.system() as transaction:
                claimed = await claim_jobs(transaction, lane=lane, worker=1, most=50)
            for group in execution.divide(claimed):
                await execution.run(group)
            done.extend(claimed)
        return done

    async def do_all_jobs(self) -> None:
        """Do jobs until there are none; half a minute passes between two runs of one."""
        for _ in range(20):
            if not await self.do_jobs():
                return
            self.clock.advance(30)
        pytest.fail(f"there is no end of jobs: {self.rows('SELECT * FROM jobs')}")

    async def until(self, message_id: uuid.UUID, status: MessageStatus) -> Message:
        """Do jobs until a message is in a state; what the provider reports may take a moment."""
        for _ in range(500):
            message = await self.message(message_id)
            if message.status is status:
                return message
            await self.do_all_jobs()
            await asyncio.sleep(0.01)
        return pytest.fail(f"the message did not become {status}")

    def job(self) -> Mapping[str, Any]:
        """Give what its row says of the only job."""
        [(attempts, error, is_dead, delay)] = self.rows(
            "SELECT attempts, last_error, dead_at IS NOT NULL,"
            " extract(epoch FROM run_at - now())::float FROM jobs"
        )
        return {"attempts": attempts, "error": error, "is_dead": is_dead, "delay_seconds": delay}

    async def webhook(
        self, fields: Mapping[str, str], *, name: str = "twilio", query: str = ""
    ) -> None:
        """Let a webhook of Twilio's arrive, and do its job."""
        url = f"{self.public_url}/webhooks/{name}{query}"
        await self.receive(url, form(fields), signed_headers(url, fields))
        await self.do_jobs(INBOUND)

    async def receive(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Take a webhook in, as the host does."""
        request = WebhookRequest(
            method="POST",
            url=url,
            headers={name.lower(): value for name, value in headers.items()},
            body=body,
            received_at=self.clock.now(),
        )
        webhook = self.registry.webhooks[url.partition("?")[0].rpartition("/")[2]]
        await receive_webhook(
            request, webhook=webhook, intake=Intake(self.database), registry=self.registry
        )

    @asynccontextmanager
    async def enabling_twilio(self, twilio: "Twilio") -> AsyncIterator[None]:
        """Have Twilio enabled, and nothing else, for as long as the block runs."""
        before = self.registry
        settings = twilio.sandbox.settings()
        enabled = ProviderRegistry([plugin_of(TWILIO)], settings, public_url=self.public_url)
        async with enabled as self.registry:
            yield
        self.registry = before

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the database as its superuser."""
        with self.addresses.connect() as connection:
            cursor = connection.execute(query.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def count(self, table: str) -> int:
        """Count the rows of a table."""
        return int(self.rows(f"SELECT count(*) FROM {table}")[0][0])


@attrs.define(eq=False)
class Twilio:
    """The sandbox, and its control surface."""

    sandbox: TwilioSandbox
    http: aiohttp.ClientSession

    async def control(self, what: str, **body: Any) -> Any:
        """Use the control surface."""
        url = f"{self.sandbox.base_url}/_control/{what}"
        async with self.http.post(url, json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def fail(self, answer: str, *, calls: int = 1, **more: Any) -> None:
        """Let the next calls go wrong."""
        await self.control("faults", calls=calls, answer=answer, **more)

    async def say_nothing(self) -> None:
        """Send no delivery reports from now on."""
        await self.control("faults", webhooks={"drop": 1000})

    def texts(self, client: str = CLIENT) -> list[str]:
        """Give what has reached a client."""
        return [m["body"] for m in self.sandbox.state()["messages"] if m["to"] == client]

    async def until_it_has_a_text(self) -> None:
        """Wait for a text of ours to be taken."""
        for _ in range(500):
            if self.sids():
                return
            await asyncio.sleep(0.01)
        pytest.fail("no text has come")

    def sids(self) -> list[str]:
        """Name the texts that it has taken."""
        messages = self.sandbox.state()["messages"]
        return [m["sid"] for m in messages if m["direction"] != "inbound"]


@pytest.fixture
def addresses(shared: Addresses) -> Addresses:
    """The database of this module, with nothing in it."""
    return empty(shared)


@pytest.fixture
def clock() -> StandingClock:
    """The test's own clock."""
    return StandingClock()


@pytest.fixture
def specs() -> Iterable[AnySpec]:
    """The providers that are enabled.

    No test waits long for an answer that never comes, and no busy machine makes one come too late.
    """
    return [attrs.evolve(TWILIO, deadline_seconds=3)]


@attrs.define(eq=False)
class Door:
    """Where the sandbox's webhooks arrive.

    Attributes:
        url: the public URL.
        stage: which takes them in; set when there is one.
    """

    url: str = ""
    stage: Stage | None = None

    async def handle(self, request: web.Request) -> web.Response:
        """Take one in, as the host does."""
        assert self.stage
        body = await request.read()
        await self.stage.receive(self.url + request.raw_path, body, request.headers)
        return web.Response()


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    """Where webhooks arrive."""
    made = Door()
    app = web.Application()
    app.add_routes([web.post("/webhooks/{name}", made.handle)])
    async with TestServer(app) as server:
        made.url = str(server.make_url("")).rstrip("/")
        yield made


@pytest.fixture
async def twilio(door: Door) -> AsyncIterator[Twilio]:
    """Twilio's sandbox."""
    credentials = {
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_PHONE_NUMBER": NUMBER,
    }
    sandbox = TwilioSandbox(
        base_url="http://not-yet", host_url=door.url, credentials=credentials, step_seconds=0.001
    )
    async with (
        TestServer(build_sandbox_app([sandbox])) as server,
        aiohttp.ClientSession() as http,
    ):
        sandbox.base_url = str(server.make_url("/twilio"))
        yield Twilio(sandbox, http)


@pytest.fixture
async def registry(
    door: Door, twilio: Twilio, clock: StandingClock, specs: Iterable[AnySpec]
) -> AsyncIterator[ProviderRegistry]:
    """The enabled providers."""
    plugins = [plugin_of(spec) for spec in specs]
    settings = twilio.sandbox.settings()
    async with ProviderRegistry(plugins, settings, public_url=door.url, clock=clock) as registry:
        yield registry


@pytest.fixture
def stage(
    addresses: Addresses,
    database: Database,
    business: Business,
    registry: ProviderRegistry,
    clock: StandingClock,
    door: Door,
) -> Stage:
    """Everything together."""
    door.stage = Stage(addresses, database, business, registry, clock, door.url)
    return door.stage
