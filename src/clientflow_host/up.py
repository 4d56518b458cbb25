"""``clientflow up``: everything on this machine, with a demo organization.

PostgreSQL, then the same three processes that an operator runs: host, worker, sandbox. Each is
started again when it ends; all of them end with this one.
"""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Final

import aiohttp
import attrs
import structlog
from sqlalchemy.exc import SQLAlchemyError

from clientflow_core.errors import ClientFlowError
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.migrate import migrate
from clientflow_core.persistence.sealing import new_key
from clientflow_core.persistence.server import parse_url
from clientflow_core.providers.spec import AnySpec
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.secret import Secret
from clientflow_core.settings import Completeness, completeness
from clientflow_host.assembly import (
    find_enabled,
    load_everything,
    own_channels,
    require_schema,
)
from clientflow_host.children import Child, ChildFailed, supervised
from clientflow_host.demo_organization import (
    Login,
    follow_everything,
    forget_stand_ins,
    make_demo_organization,
)
from clientflow_host.embedded_database import embedded_database
from clientflow_host.local_providers import local_settings
from clientflow_host.ports import Ports, choose_ports
from clientflow_host.sandbox import build_sandboxes, sandbox_settings
from clientflow_host.settings import (
    ENCRYPTION_KEY_ENV,
    OPERATORS_ENV,
    STATE_DIR_ENV,
    HostSettings,
    local_url,
)
from clientflow_host.state import StateFolder, UpNote

_READY_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.05
_LOOK_SECONDS: Final = 0.5
_ANSWER_SECONDS: Final = 5.0
_ANSWER_TIMEOUT: Final = aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
_ENCRYPTION: Final = "encryption.json"

Say = Callable[[str], None]
# How often the process of the stand-ins was started again, and how often each was reset since.
_Look = tuple[int, Mapping[str, int]]

log = structlog.get_logger(__name__)


@attrs.frozen(kw_only=True)
class _Plan:
    """What will run, all settings known and checked.

    Attributes:
        has_public_url: it is set where the world reaches the host.
        values: every setting, those of the stand-ins included.
        sandboxed: the names of the providers that are stand-ins.
        sandbox_values: their settings, and those of local providers that had none.
    """

    settings: HostSettings
    registry: ProviderRegistry
    folder: StateFolder
    ports: Ports
    has_public_url: bool
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
    _cancel_when_told(say)
    with contextlib.suppress(asyncio.CancelledError):
        settings, _ = load_everything(values, leave_out=_is_added(values))
        folder = StateFolder.open(settings.state_folder)
        with folder.held():
            # What one that was killed has left.
            folder.remove_note()
            await _run(_make_plan(values, settings, folder), say=say, when_ready=when_ready)


def _cancel_when_told(say: Say) -> None:
    """Cancel the present task at the first signal; further ones do not disturb its tidying up."""
    running, loop = asyncio.current_task(), asyncio.get_running_loop()

    def cancel() -> None:
        if running is not None and not running.cancelling():
            say("stopping everything")
            running.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # nohup has SIGHUP ignored.
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, cancel)


def _is_added(values: Mapping[str, str]) -> Callable[[AnySpec], bool]:
    """Tell of a provider that is not set up whether it can be used without an account."""

    def judge(spec: AnySpec) -> bool:
        can_be = spec.is_local or bool(spec.sandbox)
        return can_be and completeness(spec.settings, values) is Completeness.NONE

    return judge


def _make_plan(values: Mapping[str, str], settings: HostSettings, folder: StateFolder) -> _Plan:
    ports = choose_ports(settings)
    url = attrs.evolve(settings, port=ports.host).url
    enabled = [spec for plugin in find_enabled(settings) for spec in plugin.specs]
    added = list(filter(_is_added(values), enabled))
    specs = [spec for spec in added if spec.sandbox]
    sandbox_url = local_url(settings.host, ports.sandbox)
    boxes = build_sandboxes(specs, folder, sandbox_url=sandbox_url, host_url=url)
    sandbox_values = {**sandbox_settings(boxes), **local_settings(added, folder)}
    ours = {
        "CLIENTFLOW_PUBLIC_URL": url,
        "CLIENTFLOW_PORT": str(ports.host),
        "CLIENTFLOW_WORKER_PORT": str(ports.worker),
        "CLIENTFLOW_SANDBOX_PORT": str(ports.sandbox),
        STATE_DIR_ENV: str(folder.path),
        ENCRYPTION_KEY_ENV: _encryption_key(values, folder),
    }
    if specs:
        # Beside its stand-ins, and nowhere else, the pages may be shown in their console's frame.
        ours["CLIENTFLOW_SANDBOX_URL"] = sandbox_url
    chosen = {**values, **ours, **sandbox_values}
    complete, registry = load_everything(chosen)
    return _Plan(
        settings=complete,
        registry=registry,
        folder=folder,
        ports=ports,
        has_public_url=settings.public_url is not None,
        values=chosen,
        sandboxed=[spec.name for spec in specs],
        sandbox_values=sandbox_values,
    )


def _encryption_key(values: Mapping[str, str], folder: StateFolder) -> str:
    """Give the key of the settings, or else the one that is made once and kept.

    Raises:
        StateFolderUnusable: it cannot be read or written.
    """
    if given := values.get(ENCRYPTION_KEY_ENV):
        return given
    kept = folder.read_json(_ENCRYPTION)
    if kept is None:
        # Never made anew: what was sealed with the old one would be lost.
        kept = {"key": new_key()}
        folder.write_json(_ENCRYPTION, kept)
    return str(kept.get("key", ""))


async def _run(plan: _Plan, *, say: Say, when_ready: Callable[[UpNote], None]) -> None:
    for enabled in plan.registry.providers.values():
        say(f"{enabled.spec.title}: {_what_it_is(plan, enabled.spec)}")
    for one in plan.registry.quarantined:
        say(f"{one.name}: left out, since {one.summary}; see clientflow plugins")
    async with _database(plan, say) as database_url:
        login = await _demo_organization(plan, database_url)
        plan = attrs.evolve(plan, values=_with_operator(plan.values, login))
        say("the demo organization is there")
        note = UpNote(
            url=plan.settings.url,
            sandbox_url=plan.sandbox_url,
            state_dir=str(plan.folder.path),
            settings=plan.sandbox_values,
            database_url=database_url.reveal(),
            **attrs.asdict(login),
        )
        async with _children(plan, database_url) as sandbox:
            say(f"{'host, worker and sandbox' if sandbox else 'host and worker'} are ready")
            plan.folder.leave_note(note)
            try:
                when_ready(note)
                if sandbox:
                    await _forget_when_lost(sandbox, plan, database_url, login)
                await asyncio.Event().wait()
            finally:
                plan.folder.remove_note()


def _with_operator(values: Mapping[str, str], login: Login) -> Mapping[str, str]:
    """Let the demo's owner see what operators see, where nobody else is named."""
    return {OPERATORS_ENV: login.email, **{name: one for name, one in values.items() if one}}


def _what_it_is(plan: _Plan, spec: AnySpec) -> str:
    if spec.name in plan.sandboxed:
        return "on its sandbox"
    if spec.is_local:
        return "on this machine, with no provider behind it"
    if not spec.webhooks:
        return "the real one"
    remedy = "" if plan.has_public_url else ", so set CLIENTFLOW_PUBLIC_URL"
    return f"the real one; it must reach {plan.settings.url}{spec.webhooks[0].path}{remedy}"


@contextlib.asynccontextmanager
async def _database(plan: _Plan, say: Say) -> AsyncIterator[Secret]:
    """Give the application's address of a migrated database; the embedded one if none is set."""
    given, owner = plan.settings.database_url, plan.settings.owner_database_url
    if given is not None:
        if owner is not None:
            await _migrate(owner, given, say)
        yield given
        return
    embedded = embedded_database(
        plan.folder.path, postgres_folder=plan.settings.postgres_folder, say=say
    )
    async with embedded as addresses:
        await _migrate(addresses.owner, addresses.application, say)
        yield addresses.application


async def _migrate(owner: Secret, application: Secret, say: Say) -> None:
    revision = await asyncio.to_thread(
        migrate,
        parse_url(owner, env="CLIENTFLOW_OWNER_DATABASE_URL"),
        parse_url(application, env="DATABASE_URL"),
    )
    say(f"the schema is at {revision}")


async def _demo_organization(plan: _Plan, database_url: Secret) -> Login:
    database = Database(parse_url(database_url, env="DATABASE_URL"), pool_size=1)
    try:
        await database.check()
        await require_schema(database)
        channels = own_channels(plan.registry)
        login = await make_demo_organization(database, plan.folder, channels=channels)
        await follow_everything(database, login, registry=plan.registry)
        await forget_stand_ins(database, login, names=plan.sandboxed, registry=plan.registry)
        return login
    finally:
        await database.close()


async def _forget_when_lost(
    sandbox: Child, plan: _Plan, database_url: Secret, login: Login
) -> None:
    """Forget what the stand-ins have forgotten: they were started again, or told to by a person."""
    seen: _Look = sandbox.restarts, dict.fromkeys(plan.sandboxed, 0)
    async with aiohttp.ClientSession(timeout=_ANSWER_TIMEOUT) as http:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            restarts = sandbox.restarts
            resets = await _read_resets(http, f"{plan.sandbox_url}/resets")
            # Not before they answer: whoever asked them in vain would leave them alone for a while.
            if resets is None:
                continue
            now = restarts, resets
            if names := forgetful(seen, now):
                await _forget_stand_ins(plan, database_url, login, names=names)
            seen = now


def forgetful(seen: _Look, now: _Look) -> Sequence[str]:
    """Name the stand-ins that have forgotten everything between two looks.

    Args:
        seen: what was found first.
        now: what was found later.
    """
    has_restarted = seen[0] != now[0]
    return [name for name, count in now[1].items() if has_restarted or count != seen[1].get(name)]


async def _forget_stand_ins(
    plan: _Plan, database_url: Secret, login: Login, *, names: Sequence[str]
) -> None:
    """Forget what the stand-ins have just lost; without a database it is left for the next time."""
    database = Database(parse_url(database_url, env="DATABASE_URL"), pool_size=1)
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            await forget_stand_ins(database, login, names=names, registry=plan.registry)
    except (ClientFlowError, SQLAlchemyError, OSError) as error:
        log.warning("stand_ins_not_forgotten", reason=type(error).__name__)
    finally:
        await database.close()


@contextlib.asynccontextmanager
async def _children(plan: _Plan, database_url: Secret) -> AsyncIterator[Child | None]:
    """Run the processes; once all of them are ready, give that of the stand-ins if there is one."""
    host = plan.settings.host
    serve = _child(plan, "serve", database_url)
    worker = _child(plan, "worker", database_url)
    urls = {
        serve: f"{local_url(host, plan.ports.host)}/ready",
        worker: f"{local_url(host, plan.ports.worker)}/ready",
    }
    sandbox = None
    async with contextlib.AsyncExitStack() as stack:
        if plan.sandbox_url:
            # Outermost, so that it outlives those who are still talking to it.
            sandbox = _child(plan, "sandbox", database_url, *plan.sandboxed)
            urls[sandbox] = f"{plan.sandbox_url}/health"
            await stack.enter_async_context(supervised([sandbox]))
        await stack.enter_async_context(supervised([serve, worker]))
        await _wait_until_ready(urls)
        yield sandbox


def _child(plan: _Plan, name: str, database_url: Secret, *arguments: str) -> Child:
    environment = {
        **plan.values,
        "DATABASE_URL": database_url.reveal(),
        # Not their business.
        "CLIENTFLOW_OWNER_DATABASE_URL": "",
    }
    return Child(
        name,
        arguments=[name, *arguments],
        environment=environment,
        log_folder=plan.folder.subfolder("logs"),
    )


async def _wait_until_ready(urls: Mapping[Child, str]) -> None:
    """Wait for the children, each with the address that tells when it is ready.

    Raises:
        ChildFailed: one has ended, or takes too long.
    """
    deadline = time.monotonic() + _READY_SECONDS
    waiting = dict(urls)
    async with aiohttp.ClientSession(timeout=_ANSWER_TIMEOUT) as http:
        while waiting:
            is_late = time.monotonic() > deadline
            _refuse_failed([child for child in urls if child.restarts or is_late])
            waiting = {c: url for c, url in waiting.items() if not await _answers(http, url)}
            await asyncio.sleep(_POLL_SECONDS)


def _refuse_failed(failed: Sequence[Child]) -> None:
    if failed:
        words = (f"{c.name} does not start; {c.log_file} says:\n{c.last_words()}" for c in failed)
        raise ChildFailed("\n".join(words))


async def _answers(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(url) as answer:
            return answer.status == HTTPStatus.OK
    except (aiohttp.ClientError, TimeoutError):
        return False


async def _read_resets(http: aiohttp.ClientSession, url: str) -> Mapping[str, int] | None:
    try:
        async with http.get(url) as answer:
            found: Mapping[str, int] = await answer.json()
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return None
    return found
