"""What the service checks of itself: the items of the checklist that no plugin answers."""

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import attrs

from clientflow_core.clock import Clock
from clientflow_core.contributions.checks import CheckResult
from clientflow_core.errors import ClientFlowError, DatabaseUnfit
from clientflow_core.persistence.database import Database
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_host.settings import HostSettings, is_this_machine

if TYPE_CHECKING:
    import aiohttp


@attrs.frozen(kw_only=True)
class HostCheckContext:
    """What a check of ours works with. It changes nothing.

    Attributes:
        values: every setting as it was read, by its name.
        settings: the host's.
        registry: of the enabled plugins, open.
        http: the shared session, for asking the running service. Never close it.
        url: of the running service, without a slash at the end.
        clock: tells the time.
        release: that this command is of.
        opened: the database as the application role, or why there is none.
    """

    values: Mapping[str, str]
    settings: HostSettings
    registry: ProviderRegistry
    http: "aiohttp.ClientSession"
    url: str
    clock: Clock
    release: str
    opened: Database | ClientFlowError = attrs.field(repr=False)

    @property
    def database(self) -> Database:
        """The database.

        Raises:
            DatabaseUnfit: it cannot be reached or used.
        """
        if isinstance(self.opened, ClientFlowError):
            msg = f"the database cannot be used: {self.opened}"
            raise DatabaseUnfit(msg) from self.opened
        return self.opened

    @property
    def now(self) -> dt.datetime:
        """This moment."""
        return self.clock.now()

    @property
    def is_local(self) -> bool:
        """Whether the service is reached from this machine only, as one for trying things is."""
        return is_this_machine(urlsplit(self.url).hostname)


Run = Callable[[HostCheckContext], Awaitable[CheckResult]]


@attrs.frozen(kw_only=True)
class HostCheck:
    """A check of ours for an item of the checklist.

    Attributes:
        id: the item's, such as ``DD2``.
        run: does it. What it raises is a failure.
        deadline_seconds: one that takes longer has failed.
        fix: mends what the check has found, and gives a sentence on what it did. It may be done
            again, and takes nothing from anybody.
        fix_title: what the fix would do.
    """

    id: str
    run: Run
    deadline_seconds: float = 10.0
    fix: Callable[[HostCheckContext], Awaitable[str]] | None = None
    fix_title: str = ""
