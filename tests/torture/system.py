"""The service as it is deployed: two hosts, two workers, on one database, against the sandbox."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import aiohttp
import attrs

from clientflow_core.persistence.database import Database
from clientflow_core.persistence.sealing import new_key
from clientflow_core.persistence.server import parse_url
from clientflow_core.ports import free_port
from clientflow_core.secret import Secret
from clientflow_host.assembly import find_enabled, load_everything, own_channels
from clientflow_host.demo_organization import Login, follow_everything, make_demo_organization
from clientflow_host.local_providers import local_settings
from clientflow_host.sandbox import build_sandboxes, sandbox_settings
from clientflow_host.state import StateFolder
from tests.torture.children import Child
from tests.torture.history import History
from tests.torture.postgres import Postgres
from tests.torture.proxy import FaultProxy
from tests.torture.report import Result, say

PLUGINS: Final = "twilio,stripe,sendgrid,google_calendar,local_assistant"
"""Of every system; the sandbox stands in for all but the last."""

WITH_OURS: Final = f"{PLUGINS},torture"
"""Likewise, with the one of plugins/torture.py; for ``CLIENTFLOW_PLUGINS``."""

PLUGINS_FOLDER: Final = Path(__file__).parent / "plugins"
_READY_SECONDS: Final = 90.0
_ANSWER_SECONDS: Final = 30.0
_INSIST_SECONDS: Final = 180.0
_PAUSE_SECONDS: Final = 0.05
_TELL_SECONDS: Final = 15.0

Look = Callable[[], Awaitable[Any]]


class Stuck(AssertionError):
    """What was waited for has not come; the text says what there was instead."""


@attrs.define(eq=False, kw_only=True)
class System:
    """All of it, and what its users see.

    Attributes:
        front: the address that the world knows; it leads to the first host that takes it.
        settings: what every process is given.
        sandbox_url: of the stand-ins.
        login: of the organization's owner.
        history: what was asked for, and what was answered.
        chance: of the session.
    """

    postgres: Postgres
    front: FaultProxy
    settings: Mapping[str, str]
    sandbox_url: str
    login: Login
    http: aiohttp.ClientSession
    history: History
    hosts: Sequence[Child]
    workers: Sequence[Child]
    sandbox: Child
    folder: Path

    @property
    def children(self) -> Sequence[Child]:
        """All processes of ours."""
        return (*self.hosts, *self.workers, self.sandbox)

    @property
    def public_url(self) -> str:
        """Where the world reaches the hosts; webhooks are signed for it."""
        return self.settings["CLIENTFLOW_PUBLIC_URL"]

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the database as its superuser; ``%s`` stands for a value."""
        return self.postgres.rows(query, *values)

    def count(self, query: str, *values: object) -> int:
        """Ask the database for one number."""
        return int(self.rows(query, *values)[0][0])

    async def call(
        self, path: str, body: Mapping[str, Any] | None = None, *, key: str | None = None
    ) -> tuple[int, Any]:
        """Call the API through the front; POST where there is a *body*.

        Args:
            path: below ``/api/v1``.
            body: of the request.
            key: asked again with the same one, it is done once.

        Raises:
            aiohttp.ClientError, TimeoutError: no answer came; it may have been done.
        """
        headers = {"Authorization": f"Bearer {self.login.api_key}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        url, method = f"{self.public_url}/api/v1{path}", "GET" if body is None else "POST"
        async with self.http.request(method, url, json=body, headers=headers) as answer:
            is_json = answer.content_type.endswith("json")
            return int(answer.status), await (answer.json() if is_json else answer.text())

    async def insist(self, op: str, path: str, body: Mapping[str, Any], *, name: str) -> Any:
        """Ask by POST until it is acknowledged, as a careful client does; give the answer.

        Each asking goes into the history as *op*, and into the host under *name* as its key.

        Raises:
            Stuck: it was not for minutes.
        """
        key, deadline = name.replace(" ", "-"), time.monotonic() + _INSIST_SECONDS
        while time.monotonic() < deadline:
            try:
                status, answer = await self.call(path, body, key=key)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                self.history.add(op, name, "info", why=type(error).__name__)
            else:
                if status < HTTPStatus.BAD_REQUEST:
                    self.history.add(op, name, "ok", status=status)
                    return answer
                self.history.add(op, name, "fail", status=status)
                # Busy, or the same request is still under way; everything else is wrong.
                assert status in {409, 429, 500, 502, 503}, f"{path} answers {status}: {answer}"
            await asyncio.sleep(0.2)
        msg = f"{path} was asked for {name!r} in vain for {_INSIST_SECONDS:.0f} s"
        raise Stuck(msg)

    async def control(self, provider: str, what: str, body: Mapping[str, Any]) -> Any:
        """Use the control surface of a stand-in."""
        url = f"{self.sandbox_url}/{provider}/_control/{what}"
        async with self.http.post(url, json=body) as answer:
            said = await answer.text()
            assert answer.status == HTTPStatus.OK, said
            return await answer.json()

    async def sandbox_state(self, provider: str) -> Any:
        """Give what a stand-in has seen and holds."""
        async with self.http.get(f"{self.sandbox_url}/{provider}/_control/state") as answer:
            return await answer.json()

    async def is_ready(self, child: Child) -> bool:
        """Whether *child* says that it is ready."""
        path = "/health" if child.command == "sandbox" else "/ready"
        timeout = aiohttp.ClientTimeout(total=5)
        try:
            async with self.http.get(f"{child.url}{path}", timeout=timeout) as answer:
                return bool(answer.status == HTTPStatus.OK)
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    async def ready(self, *children: Child) -> None:
        """Wait until each of *children* is ready; all of them if none is named."""
        for child in children or self.children:
            await self.until(
                lambda child=child: self.is_ready(child),  # type: ignore[misc]
                what=f"{child.name} is ready",
                seconds=_READY_SECONDS,
            )

    async def until(self, look: Look, *, what: str, seconds: float = 120.0) -> Any:
        """Call *look* until it gives something true, and give that.

        Raises:
            Stuck: it did not within so many seconds.
        """
        deadline = time.monotonic() + seconds
        while True:
            found = await look()
            if found:
                return found
            if time.monotonic() > deadline:
                msg = f"waited {seconds:.0f} s in vain until {what}\n{self.picture()}"
                raise Stuck(msg)
            await asyncio.sleep(_PAUSE_SECONDS)

    async def quiet(self, *, seconds: float = 300.0) -> float:
        """Wait until no job is left that could run; give how many seconds that took.

        What is asked for at regular times only counts while it runs. The progress is told.
        """
        begun = told = time.monotonic()

        async def look() -> bool:
            nonlocal told
            left = self.count("SELECT count(*) FROM jobs WHERE dead_at IS NULL")
            if left and time.monotonic() - told > _TELL_SECONDS:
                told = time.monotonic()
                say(f"{left} jobs are left, such as {self.oldest_job()}")
            return not left

        await self.until(look, what="no job is left", seconds=seconds)
        return time.monotonic() - begun

    def oldest_job(self) -> str:
        """Describe the job that is left for longest."""
        rows = self.rows(
            "SELECT kind, attempts, claimed_by, date_trunc('second', run_at - now())::text,"
            " last_error FROM jobs WHERE dead_at IS NULL ORDER BY id LIMIT 1"
        )
        return "; ".join(
            f"{kind} after {attempts} attempts, of worker {worker}, due in {due}: {error}"
            for kind, attempts, worker, due, error in rows
        )

    def picture(self) -> str:
        """Describe the present state, for a message."""
        jobs = self.rows(
            "SELECT id, kind, attempts, claimed_by, run_at - now(), last_error, dead_at"
            " FROM jobs ORDER BY id LIMIT 10"
        )
        logs = "\n".join(f"--- {one.name}\n{one.tail()}" for one in self.children)
        return f"{jobs=}\n{logs}"

    def freed(self) -> int:
        """Give how many claimed jobs of dead workers were freed so far, by the workers' logs."""
        lines = (line for one in self.workers for line in one.log_lines("orphans_freed"))
        return sum(int(line["jobs"]) for line in lines)


@contextlib.asynccontextmanager
async def running_system(
    result: Result, *, is_started: bool = True, **settings: str
) -> AsyncIterator[System]:
    """Set everything up and start it; at the end everything is ended and removed.

    Args:
        result: of the session; its faults get the jobs that were freed.
        is_started: without it, only the sandbox runs.
        settings: more for every process, such as ``REDIS_URL``.
    """
    with Postgres.started() as postgres:
        ports = [free_port() for _ in range(5)]
        front = FaultProxy(*(("127.0.0.1", port) for port in ports[:2]))
        timeout = aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
        connector = aiohttp.TCPConnector(limit=0)
        async with front, aiohttp.ClientSession(timeout=timeout, connector=connector) as http:
            environment = _environment(postgres, front.port, ports[4]) | settings
            system = System(
                postgres=postgres,
                front=front,
                settings=environment,
                sandbox_url=environment["CLIENTFLOW_SANDBOX_URL"],
                login=await _organization(environment),
                http=http,
                history=History(postgres.folder / "history.jsonl"),
                hosts=[_child("serve", n, environment, ports[n]) for n in range(2)],
                workers=[_child("worker", n, environment, ports[2 + n]) for n in range(2)],
                sandbox=_child("sandbox", 0, environment, ports[4]),
                folder=postgres.folder,
            )
            with _ended(system):
                system.sandbox.start()
                await system.ready(system.sandbox)
                if is_started:
                    await start_all(system)
                yield system
                result.count("jobs freed from dead workers", system.freed())


async def start_all(system: System) -> None:
    """Start hosts and workers, and wait until what they do first is done."""
    for child in (*system.hosts, *system.workers):
        child.start()
    await system.ready()

    async def is_settled() -> bool:
        return not system.count("SELECT count(*) FROM calendars WHERE last_synced_at IS NULL") and (
            not system.count("SELECT count(*) FROM jobs")
            and bool(system.count("SELECT count(*) FROM calendars"))
        )

    await system.until(is_settled, what="the calendars are followed")
    say("two hosts, two workers and the sandbox are ready")


@contextlib.contextmanager
def _ended(system: System) -> Iterator[None]:
    try:
        yield
    finally:
        for child in system.children:
            child.kill()


def _child(command: str, number: int, environment: Mapping[str, str], port: int) -> Child:
    name = f"{command}{number + 1}"
    folder = Path(environment["CLIENTFLOW_STATE_DIR"])
    return Child(
        name=name,
        command=command,
        url=f"http://127.0.0.1:{port}",
        environment={
            **environment,
            "CLIENTFLOW_PORT": str(port),
            "CLIENTFLOW_WORKER_PORT": str(port),
        },
        log_file=folder / f"{name}.log",
        arguments=tuple(PLUGINS.split(",")[:-1]) if command == "sandbox" else (),
    )


def _environment(postgres: Postgres, front_port: int, sandbox_port: int) -> dict[str, str]:
    ours = {
        "DATABASE_URL": postgres.addresses.application.reveal(),
        "CLIENTFLOW_PUBLIC_URL": f"http://127.0.0.1:{front_port}",
        "CLIENTFLOW_SANDBOX_PORT": str(sandbox_port),
        "CLIENTFLOW_SANDBOX_URL": f"http://127.0.0.1:{sandbox_port}",
        "CLIENTFLOW_STATE_DIR": str(postgres.folder / "service"),
        "CLIENTFLOW_PLUGINS": PLUGINS,
        "CLIENTFLOW_PLUGINS_DIR": str(PLUGINS_FOLDER),
        "CLIENTFLOW_ENCRYPTION_KEY": new_key(),
        # Everything comes from one address here.
        "CLIENTFLOW_RATE_LIMIT": "0",
    }
    settings, _ = load_everything(ours, leave_out=lambda _: True)
    folder = StateFolder.open(settings.state_folder)
    specs = [spec for plugin in find_enabled(settings) for spec in plugin.specs]
    boxes = build_sandboxes(
        [spec for spec in specs if spec.sandbox],
        folder,
        sandbox_url=ours["CLIENTFLOW_SANDBOX_URL"],
        host_url=ours["CLIENTFLOW_PUBLIC_URL"],
    )
    return {**ours, **sandbox_settings(boxes), **local_settings(specs, folder)}


async def _organization(environment: Mapping[str, str]) -> Login:
    settings, registry = load_everything(environment)
    database = Database(
        parse_url(Secret(environment["DATABASE_URL"]), env="DATABASE_URL"), pool_size=1
    )
    try:
        folder = StateFolder.open(settings.state_folder)
        login = await make_demo_organization(database, folder, channels=own_channels(registry))
        await follow_everything(database, login, registry=registry)
        return login
    finally:
        await database.close()
