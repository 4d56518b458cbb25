"""The service as an operator runs it: real processes, on a real database, against the sandbox."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import aiohttp
import attrs
import pytest
from playwright.async_api import Browser

from clientflow_core.persistence.database import Database
from clientflow_core.persistence.embedded import EmbeddedPostgres
from clientflow_core.persistence.provision import DatabaseAddresses
from clientflow_core.ports import free_port
from clientflow_core.secret import Secret
from clientflow_core.services.initialize import NewChannel, initialize, new_api_key
from tests.conftest import new_database
from tests.databases import Addresses
from tests.scenarios.browsers import open_chromium

READY_SECONDS: Final = 40.0
PASSWORD: Final = "a password of the tests"
Until = Callable[[], Any]


@attrs.define(eq=False)
class Process:
    """One command of ours; its log is kept for the message of a test that fails."""

    name: str
    environment: Mapping[str, str]
    log_file: Path
    arguments: tuple[str, ...] = ()
    popen: subprocess.Popen[bytes] | None = None

    def start(self, **more: str) -> None:
        """Start it, with *more* in its environment."""
        with self.log_file.open("ab") as output:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "clientflow_host.cli", self.name, *self.arguments],
                env={**os.environ, **self.environment, **more},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def stop(self) -> int:
        """Tell it to stop; give its exit code."""
        assert self.popen is not None
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(15)

    def kill(self) -> None:
        """End it with nothing tidied up."""
        assert self.popen is not None
        self.popen.kill()
        self.popen.wait(15)

    def log(self) -> str:
        """Give what it has said."""
        return self.log_file.read_text("utf-8", "replace") if self.log_file.exists() else ""


@attrs.define(eq=False)
class Service:
    """Host, worker and sandbox, one organization with one number, and a client's view of all."""

    addresses: Addresses
    http: aiohttp.ClientSession
    url: str
    worker_url: str
    sandbox_url: str
    settings: Mapping[str, str]
    serve: Process
    worker: Process
    sandbox: Process
    number: str

    async def ready(self, url: str) -> None:
        """Wait until what listens at *url* says that it is ready."""
        await self.until(lambda: self._answers(f"{url}/ready"), seconds=READY_SECONDS)

    async def sandbox_ready(self) -> None:
        """Wait until the sandbox answers."""
        await self.until(lambda: self._answers(f"{self.sandbox_url}/health"))

    async def _answers(self, url: str) -> bool:
        try:
            async with self.http.get(url) as answer:
                return int(answer.status) == HTTPStatus.OK
        except aiohttp.ClientError:
            return False

    async def until(self, look: Until, *, seconds: float = 100.0) -> Any:
        """Call *look* until it gives something true; that is given."""
        deadline = time.monotonic() + seconds
        while True:
            found = await look()
            if found:
                return found
            if time.monotonic() > deadline:
                logs = "\n".join(f"--- {p.name}\n{p.log()[-3000:]}" for p in self.processes)
                jobs = self.rows("SELECT kind, attempts, claimed_by, run_at, last_error FROM jobs")
                events = self.rows("SELECT state, reason FROM inbound_events")
                pytest.fail(f"waited {seconds} s in vain\n{jobs=}\n{events=}\n{logs}")
            await asyncio.sleep(0.05)

    @property
    def processes(self) -> tuple[Process, Process, Process]:
        """All of them."""
        return (self.serve, self.worker, self.sandbox)

    async def get(self, path: str) -> Any:
        """Ask the API; the answer must be 200."""
        async with self.http.get(f"{self.url}/api/v1{path}") as answer:
            assert answer.status == HTTPStatus.OK, await answer.text()
            return await answer.json()

    async def text_in(self, client: str, body: str, *, times: int = 1) -> list[int | None]:
        """Let a client write; give what the host answered to each posting."""
        told = await self.control("inbound", {"from": client, "body": body, "times": times})
        statuses: list[int | None] = told["statuses"]
        return statuses

    async def control(self, what: str, body: Mapping[str, Any]) -> Any:
        """Use the sandbox's control surface."""
        url = f"{self.sandbox_url}/twilio/_control/{what}"
        async with self.http.post(url, json=body) as answer:
            assert answer.status == HTTPStatus.OK, await answer.text()
            return await answer.json()

    async def sandbox_state(self) -> Any:
        """Give what the sandbox has seen and holds."""
        async with self.http.get(f"{self.sandbox_url}/twilio/_control/state") as answer:
            return await answer.json()

    async def texts_to(self, client: str) -> list[str]:
        """Give the texts that have reached a client."""
        state = await self.sandbox_state()
        return [m["body"] for m in state["messages"] if m["to"] == client]

    async def conversation(self, client: str) -> Any:
        """Wait for the conversation with a client."""

        async def look() -> Any:
            listed = await self.get("/conversations?limit=100")
            return next((c for c in listed["data"] if c["address"] == client), None)

        return await self.until(look)

    async def messages(self, conversation_id: str) -> list[Any]:
        """List the messages of a conversation, the newest first."""
        listed = await self.get(f"/conversations/{conversation_id}/messages?limit=100")
        found: list[Any] = listed["data"]
        return found

    async def answer(self, conversation_id: str, body: str, **headers: str) -> Any:
        """Send a text in a conversation; it must be accepted."""
        url = f"{self.url}/api/v1/conversations/{conversation_id}/messages"
        async with self.http.post(url, json={"body": body}, headers=headers) as answer:
            assert answer.status == HTTPStatus.ACCEPTED, await answer.text()
            return await answer.json()

    async def message_in_state(self, message_id: str, *states: str, seconds: float = 100.0) -> Any:
        """Wait until a message is in one of *states*."""

        async def look() -> Any:
            message = await self.get(f"/messages/{message_id}")
            return message if message["status"] in states else None

        return await self.until(look, seconds=seconds)

    async def quiet(self, *, seconds: float = 100.0) -> None:
        """Wait until there is no job left."""

        async def look() -> bool:
            return self.rows("SELECT count(*) FROM jobs") == [(0,)]

        await self.until(look, seconds=seconds)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the database as its superuser."""
        with self.addresses.connect() as connection:
            return connection.execute(query.encode()).fetchall()


@attrs.frozen(kw_only=True)
class Stopped:
    """The three processes, not started, and the organization that they are for."""

    addresses: Addresses
    environment: Mapping[str, str]
    api_key: Secret
    serve: Process
    worker: Process
    sandbox: Process

    @classmethod
    def make(cls, addresses: Addresses, folder: Path) -> "Stopped":
        """Make them with ports of their own; their logs are in *folder*."""
        ports = {name: free_port() for name in ("serve", "worker", "sandbox")}
        sandbox_url = f"http://127.0.0.1:{ports['sandbox']}"
        kept = {
            "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
            "TWILIO_AUTH_TOKEN": "1" * 32,
            "TWILIO_PHONE_NUMBER": "+14155550100",
        }
        environment = {
            "DATABASE_URL": addresses.url,
            "CLIENTFLOW_PUBLIC_URL": f"http://127.0.0.1:{ports['serve']}",
            "CLIENTFLOW_PORT": str(ports["serve"]),
            "CLIENTFLOW_WORKER_PORT": str(ports["worker"]),
            "CLIENTFLOW_SANDBOX_PORT": str(ports["sandbox"]),
            "CLIENTFLOW_SANDBOX_URL": sandbox_url,
            "CLIENTFLOW_STATE_DIR": str(folder),
            "CLIENTFLOW_PLUGINS": "twilio",
            "TWILIO_API_BASE_URL": f"{sandbox_url}/twilio",
            **kept,
        }
        (folder / "sandbox.json").write_text(json.dumps({"twilio": kept}))
        names = ("serve", "worker", "sandbox")
        made = {name: Process(name, environment, folder / f"{name}.log") for name in names}
        made["sandbox"].arguments = ("twilio",)
        return cls(addresses=addresses, environment=environment, api_key=new_api_key(), **made)

    async def initialize(self) -> None:
        """Make the organization, with its one number."""
        database = Database(self.addresses.application, pool_size=1)
        await initialize(
            database,
            name="A business",
            slug="test",
            email="owner@example.com",
            password=Secret(PASSWORD),
            api_key=self.api_key,
            channels=[NewChannel("twilio", self.environment["TWILIO_PHONE_NUMBER"], "Texts")],
        )
        await database.close()

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[Service]:
        """Give the view of a client of all that."""
        headers = {"Authorization": f"Bearer {self.api_key.reveal()}"}
        timeout = aiohttp.ClientTimeout(total=20)
        async with aiohttp.ClientSession(headers=headers, timeout=timeout) as http:
            yield Service(
                addresses=self.addresses,
                http=http,
                url=self.environment["CLIENTFLOW_PUBLIC_URL"],
                worker_url=f"http://127.0.0.1:{self.environment['CLIENTFLOW_WORKER_PORT']}",
                sandbox_url=self.environment["CLIENTFLOW_SANDBOX_URL"],
                settings=self.environment,
                serve=self.serve,
                worker=self.worker,
                sandbox=self.sandbox,
                number=self.environment["TWILIO_PHONE_NUMBER"],
            )

    def kill(self) -> None:
        """End whatever runs."""
        for process in (self.serve, self.worker, self.sandbox):
            if process.popen is not None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()


@pytest.fixture
async def service(addresses: Addresses, tmp_path: Path) -> AsyncIterator[Service]:
    """The service, its sandbox running; start `serve` and `worker` as the test needs them."""
    stopped = Stopped.make(addresses, tmp_path)
    await stopped.initialize()
    stopped.sandbox.start()
    try:
        async with stopped.opened() as service:
            await service.sandbox_ready()
            yield service
    finally:
        stopped.kill()


@pytest.fixture(scope="session")
def kept_service(
    server: EmbeddedPostgres, template: DatabaseAddresses, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stopped]:
    """One whose processes all run, for tests that leave them as they were."""
    with new_database(server, template) as addresses:
        started = Stopped.make(addresses, tmp_path_factory.mktemp("service"))
        asyncio.run(started.initialize())
        for process in (started.sandbox, started.serve, started.worker):
            process.start()
        try:
            yield started
        finally:
            started.kill()


# What tests leave behind in a service that the next one uses.
_LEFT_BEHIND: Final = (
    "assistant_drafts",
    "attachments",
    "consents",
    "contact_points",
    "contacts",
    "conversations",
    "idempotency_keys",
    "inbound_events",
    "message_attempts",
    "messages",
    "stream_events",
    "user_sessions",
)


@pytest.fixture
async def running(kept_service: Stopped) -> AsyncIterator[Service]:
    """The service, everything running, with nothing in it."""
    async with kept_service.opened() as service:
        await service.sandbox_ready()
        await service.ready(service.url)
        await service.ready(service.worker_url)
        await service.control("reset", {})
        await service.quiet()
        with service.addresses.connect() as connection:
            # Without the foreign keys, and not TRUNCATE: its locks on several tables and those of
            # what the running processes do all the time would wait for each other.
            connection.execute("SET session_replication_role = replica")
            for table in _LEFT_BEHIND:
                connection.execute(f"DELETE FROM {table}".encode())
        yield service


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    """The system's Chromium."""
    async with open_chromium() as browser:
        yield browser
