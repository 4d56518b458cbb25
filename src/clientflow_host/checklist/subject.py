"""Opens what the checklist looks at: the settings, the plugins, the database, a running service."""

import contextlib
from collections.abc import AsyncIterator, Mapping

from clientflow_core.clock import SystemClock
from clientflow_core.errors import ClientFlowError, DatabaseUnfit, SettingsError
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.checklist import StoredResult, keep_results
from clientflow_core.release import release
from clientflow_host.assembly import load_everything, open_database
from clientflow_host.checklist.catalogue import load_catalogue
from clientflow_host.checklist.host_checks import HostCheckContext
from clientflow_host.checklist.running import Answered
from clientflow_host.settings import HostSettings


@contextlib.asynccontextmanager
async def opened(values: Mapping[str, str], *, url: str | None) -> AsyncIterator[HostCheckContext]:
    """Open what the checks work with; a database that is away is told by the checks.

    Args:
        values: every setting.
        url: of the running service; by default where the settings say that the world reaches it.

    Raises:
        SettingsError: settings are missing or malformed.
        PluginError: a plugin that must work does not.
    """
    settings, registry = load_everything(values)
    async with registry, contextlib.AsyncExitStack() as stack:
        yield HostCheckContext(
            values=values,
            settings=settings,
            registry=registry,
            http=registry.http,
            url=(url or settings.url).rstrip("/"),
            clock=SystemClock(),
            release=release(),
            opened=await _database(stack, settings),
        )


async def keep(context: HostCheckContext, answered: list[Answered]) -> bool:
    """Keep the answers for this release; tell whether there was a database to keep them in."""
    items = load_catalogue()
    results = [
        StoredResult(
            item_id=one.item.id,
            status=one.answer.status.value,
            found=one.answer.found,
            expected=one.answer.expected,
            hint=one.answer.hint,
            checked_at=context.now,
        )
        for one in answered
        if one.item.id in items
    ]
    if isinstance(context.opened, ClientFlowError):
        return False
    async with context.database.system() as transaction:
        await keep_results(transaction, release=context.release, results=results)
    return True


async def _database(
    stack: contextlib.AsyncExitStack, settings: HostSettings
) -> Database | ClientFlowError:
    try:
        return await stack.enter_async_context(open_database(settings))
    except (DatabaseUnfit, SettingsError) as error:
        return error
