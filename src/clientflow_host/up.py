"""``clientflow up``: everything on this machine, with a demo organization.

PostgreSQL, then the same three processes that an operator runs: host, worker, sandbox. Each is
started again when it ends; all of them end with this one.
"""

import asyncio
import contextlib
import secrets
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Final

import aiohttp
import attrs
import structlog

from clientflow_core.ids import IdPrefix, to_public_id
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.embedded import EmbeddedPostgres, find_binaries
from clientflow_core.persistence.migrate import migrate
from clientflow_core.persistence.provision import provision
from clientflow_core.persistence.server import parse_url
from clientflow_core.secret import Secret
from clientflow_core.services.initialize import initialize, new_api_key
from clientflow_core.settings import Completeness, completeness
from clientflow_host.assembly import discover_enabled, load_everything, own_channels
from clientflow_host.children import Child, ChildFailed, supervised
from clientflow_host.ports import Ports, choose_ports
from clientflow_host.sandbox import build_sandboxes, sandbox_settings, sandboxed_specs
from clientflow_host.settings import STATE_DIR_ENV, HostSettings, load_host_settings, local_url
from clientflow_host.state import StateFolder, UpNote

_READY_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.05
_WATCH_SECONDS: Final = 1.0
_DEMO: Final = "demo.json"
_DEMO_EMAIL: Final = "demo@clientflow.example"

Say = Callable[[str], None]
log = structlog.get_logger(__name__)


@attrs.frozen(kw_only=True)
class _Plan:
    """What will run, all settings known and checked.

    Attributes:
        values: every setting, those of the stand-ins included.
        sandboxed: the names of the providers that are stand-ins.
        sandbox_values: their settings.
    """

    settings: HostSettings
    folder: StateFolder
    ports: Ports
    url: str
    values: Mapping[str, str]
    sandboxed: Sequence[str]
    sandbox_values: Mapping[str, str]

    @property
    def sandbox_url(self) -> str | None:
        return local_url(self.settings.host, self.ports.sandbox) if self.sandboxed else None


async def run_up(
    values: Mapping[str, str], *, say: Say, when_ready: Callable[[UpNote], None]
) -> None:
    """Run everything until the process is told to stop.

    Args:
        values: the settings.
        say: is told of each step.
        when_ready: is told once everything can be used.

    Raises:
        ClientFlowError: something cannot be started; says what, and how to mend it.
    """
    running = asyncio.current_task()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, running.cancel if running else loop.stop)
    with contextlib.suppress(asyncio.CancelledError):
        settings = load_host_settings(dict(values))
        folder = StateFolder.open(settings.state_folder)
        with folder.held():
            await _run(_make_plan(values, settings, folder), say=say, when_ready=when_ready)


def _make_plan(values: Mapping[str, str], settings: HostSettings, folder: StateFolder) -> _Plan:
    ports = choose_ports(settings)
    url = attrs.evolve(settings, port=ports.host).url
    specs = [
        spec
        for spec in sandboxed_specs(discover_enabled(settings))
        if completeness(spec.settings, values) is Completeness.NONE
    ]
    sandbox_url = local_url(settings.host, ports.sandbox)
    boxes = build_sandboxes(specs, folder, sandbox_url=sandbox_url, host_url=url)
    sandbox_values = sandbox_settings(boxes)
    ours = {
        "CLIENTFLOW_PUBLIC_URL": url,
        "CLIENTFLOW_PORT": str(ports.host),
        "CLIENTFLOW_WORKER_PORT": str(ports.worker),
        "CLIENTFLOW_SANDBOX_PORT": str(ports.sandbox),
        STATE_DIR_ENV: str(folder.path),
    }
    return _Plan(
        settings=settings,
        folder=folder,
        ports=ports,
        url=url,
        values={**values, **ours, **sandbox_values},
        sandboxed=[spec.name for spec in specs],
        sandbox_values=sandbox_values,
    )


async def _run(plan: _Plan, *, say: Say, when_ready: Callable[[UpNote], None]) -> None:
    _, registry = load_everything(plan.values)
    for name, enabled in registry.providers.items():
        kind = "on its sandbox" if name in plan.sandboxed else "the real one"
        say(f"{enabled.spec.title}: {kind}")
    async with _database(plan, say) as database_url:
        demo = await _demo_organization(plan, database_url, say)
        note = UpNote(
            url=plan.url,
            sandbox_url=plan.sandbox_url,
            state_dir=str(plan.folder.path),
            settings=plan.sandbox_values,
            database_url=database_url.reveal(),
            **demo,
        )
        children = _children(plan, database_url)
        async with supervised(list(children)):
            await _wait_until_ready(children)
            say("host, worker" + (" and sandbox" if plan.sandboxed else "") + " are ready")
            plan.folder.leave_note(note)
            try:
                when_ready(note)
                await asyncio.Event().wait()
            finally:
                plan.folder.remove_note()


@contextlib.asynccontextmanager
async def _database(plan: _Plan, say: Say) -> AsyncIterator[Secret]:
    """Give the application's address of a migrated database; the embedded one if none is set."""
    given, owner = plan.settings.database_url, plan.settings.owner_database_url
    if given is not None:
        if owner is not None:
            await _migrate(owner, given, say)
        yield given
        return
    begun = time.monotonic()
    server = await _start_postgres(plan)
    verb = "found running" if server.was_adopted else "started"
    say(f"PostgreSQL {verb} ({time.monotonic() - begun:.1f} s)")
    keeper = asyncio.create_task(_keep_postgres(plan, server))
    try:
        addresses = await asyncio.to_thread(provision, server, plan.folder.path)
        await _migrate(addresses.owner, addresses.application, say)
        yield addresses.application
    finally:
        keeper.cancel()
        await asyncio.gather(keeper, return_exceptions=True)
        await asyncio.to_thread(server.stop)


async def _start_postgres(plan: _Plan) -> EmbeddedPostgres:
    named = plan.settings.postgres_folder
    binaries = find_binaries(named) if named else None
    start = asyncio.create_task(
        asyncio.to_thread(EmbeddedPostgres.start, plan.folder.path, binaries=binaries)
    )
    try:
        return await asyncio.shield(start)
    except asyncio.CancelledError:
        # A thread cannot be stopped: let it start the server, then stop that.
        (await start).stop()
        raise


async def _keep_postgres(plan: _Plan, server: EmbeddedPostgres) -> None:
    """Start the server again whenever it is gone; it comes back at the same address."""
    while True:
        await asyncio.sleep(_WATCH_SECONDS)
        if server.is_running():
            continue
        log.warning("postgres_ended", pid=server.pid)
        server = await _start_postgres(plan)


async def _migrate(owner: Secret, application: Secret, say: Say) -> None:
    revision = await asyncio.to_thread(
        migrate,
        parse_url(owner, env="CLIENTFLOW_OWNER_DATABASE_URL"),
        parse_url(application, env="DATABASE_URL"),
    )
    say(f"the schema is at {revision}")


async def _demo_organization(plan: _Plan, database_url: Secret, say: Say) -> dict[str, str]:
    """Make the demo organization; its credentials are made once and kept in the state folder."""
    kept = plan.folder.read_json(_DEMO)
    credentials = kept or _new_credentials(_DEMO_EMAIL)
    _, registry = load_everything(plan.values)
    database = Database(parse_url(database_url, env="DATABASE_URL"), pool_size=1)
    try:
        await database.check()
        made = await initialize(
            database,
            name="Demo business",
            slug="demo",
            email=credentials["email"],
            password=Secret(credentials["password"]),
            api_key=Secret(credentials["api_key"]),
            channels=own_channels(registry),
        )
    finally:
        await database.close()
    if not made.is_new_user and kept is None:
        msg = (
            f"the database has a demo organization whose credentials are not in {plan.folder.path}:"
            " use the state folder that made it, or another database"
        )
        raise ChildFailed(msg)
    plan.folder.write_json(_DEMO, credentials)
    say("the demo organization is there")
    return {
        **credentials,
        "organization_id": to_public_id(IdPrefix.ORGANIZATION, made.organization_id),
    }


def _new_credentials(email: str) -> dict[str, str]:
    return {
        "email": email,
        "password": secrets.token_urlsafe(12),
        "api_key": new_api_key().reveal(),
    }


def _children(plan: _Plan, database_url: Secret) -> dict[Child, str]:
    """Give the child processes, each with the address that tells when it is ready."""
    logs = plan.folder.path / "logs"
    logs.mkdir(exist_ok=True)
    environment = {**plan.values, "DATABASE_URL": database_url.reveal()}
    # Not their business.
    environment["CLIENTFLOW_OWNER_DATABASE_URL"] = ""
    host = plan.settings.host
    urls = {
        "serve": f"{local_url(host, plan.ports.host)}/ready",
        "worker": f"{local_url(host, plan.ports.worker)}/ready",
    }
    if plan.sandbox_url:
        urls["sandbox"] = f"{plan.sandbox_url}/health"
    return {
        Child(
            name,
            arguments=[name, *(plan.sandboxed if name == "sandbox" else ())],
            environment=environment,
            log_folder=logs,
        ): url
        for name, url in urls.items()
    }


async def _wait_until_ready(children: Mapping[Child, str]) -> None:
    timeout = aiohttp.ClientTimeout(total=5)
    async with aiohttp.ClientSession(timeout=timeout) as http, asyncio.TaskGroup() as group:
        for child, url in children.items():
            group.create_task(_wait_for(http, child, url))


async def _wait_for(http: aiohttp.ClientSession, child: Child, url: str) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while not await _answers(http, url):
        if child.restarts or time.monotonic() > deadline:
            msg = f"{child.name} does not start; {child.log_file} says:\n{child.last_words()}"
            raise ChildFailed(msg)
        await asyncio.sleep(_POLL_SECONDS)


async def _answers(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(url) as answer:
            return answer.status == HTTPStatus.OK
    except (aiohttp.ClientError, TimeoutError):
        return False
