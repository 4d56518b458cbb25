"""Providers with an organization's own settings: opened on first use, replaced on a change."""

import asyncio
import datetime as dt
import uuid
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

import attrs

from clientflow_core.clock import Clock
from clientflow_core.domain.provider_settings import OfOrganization, OrganizationValues
from clientflow_core.errors import SettingProblem, SettingsError
from clientflow_core.registry.instances import Instance, ReplaceableInstance
from clientflow_core.registry.reporting import log
from clientflow_core.settings import SettingField, load_settings, setting_fields

S = TypeVar("S")

MOST_IDLE: Final = 64
"""How many instances of organizations a process keeps open while nobody calls them."""
_MOST_READS: Final = 10_000
_LOOKUPS_AT_ONCE: Final = 2
_MOST_ACCOUNTS: Final = 1_000
_NOT_THEIRS: Final = "cannot be set by an organization"
_FRESH: Final = dt.timedelta(seconds=5)

Key = tuple[uuid.UUID, str]


class OrganizationSettings(Protocol):
    """Where the settings of organizations are kept."""

    async def read(self, organization_id: uuid.UUID, *, provider: str) -> OrganizationValues | None:
        """Give what an organization has set for *provider*; None if nothing.

        Raises:
            SettingsError: what is kept cannot be opened.
        """
        ...

    async def find(self, provider: str, *, account: str) -> Sequence[OfOrganization]:
        """Give what organizations have set for an *account* at *provider*: a handful at most.

        What cannot be opened is left out.
        """
        ...


@attrs.define(eq=False)
class _Read:
    """What was read last, and when; how often it was dropped meanwhile tells a read too late."""

    found: OrganizationValues | None = None
    read_at: dt.datetime | None = None
    drops: int = 0
    reading: asyncio.Lock = attrs.field(factory=asyncio.Lock)


@attrs.define(eq=False, kw_only=True)
class CachedSettings:
    """Reads settings every few seconds at most, and at once where this process changed them."""

    source: OrganizationSettings
    clock: Clock
    _reads: OrderedDict[Key, _Read] = attrs.field(factory=OrderedDict, init=False)

    async def read(self, key: Key) -> OrganizationValues | None:
        """Give what the organization of *key* has set for the provider of it.

        Raises:
            SettingsError: what is kept cannot be opened.
        """
        read = self._reads.setdefault(key, _Read())
        self._reads.move_to_end(key)
        if len(self._reads) > _MOST_READS:
            self._reads.popitem(last=False)
        async with read.reading:
            while not self.is_fresh(key):
                drops = read.drops
                found = await self.source.read(key[0], provider=key[1])
                read.found = found
                if read.drops == drops:
                    read.read_at = self.clock.now()
                    break
            return read.found

    def is_fresh(self, key: Key) -> bool:
        """Whether what is known need not be read again yet."""
        read = self._reads.get(key)
        if read is None or read.read_at is None:
            return False
        return self.clock.now() - read.read_at < _FRESH

    def is_due(self, key: Key) -> bool:
        """Whether it is time to read it again, and nobody does."""
        read = self._reads.get(key)
        return not self.is_fresh(key) and not (read is not None and read.reading.locked())

    def drop(self, key: Key) -> None:
        """Read it again the next time."""
        if (read := self._reads.get(key)) is not None:
            read.read_at = None
            read.drops += 1


@attrs.frozen(eq=False)
class _Pooled:
    version: uuid.UUID
    instance: ReplaceableInstance


@attrs.define(eq=False, kw_only=True)
class Claimants:
    """Finds whose an account may be that an unproven request names; remembers it for seconds.

    Anybody can ask, about any account: few look-ups run at once, and what they find is bounded.
    """

    source: OrganizationSettings
    clock: Clock
    _found: OrderedDict[tuple[str, str], tuple[dt.datetime, Sequence[OfOrganization]]] = (
        attrs.field(factory=OrderedDict, init=False)
    )
    _turns: asyncio.Semaphore = attrs.field(
        factory=lambda: asyncio.Semaphore(_LOOKUPS_AT_ONCE), init=False
    )

    async def find(self, provider: str, *, account: str) -> Sequence[OfOrganization]:
        """Give what organizations have set for *account*."""
        key = (provider, account)
        if (known := self._known(key)) is not None:
            return known
        async with self._turns:
            if (known := self._known(key)) is not None:
                return known
            asked_at = self.clock.now()
            found = await self.source.find(provider, account=account)
            self._found[key] = (asked_at, found)
            if len(self._found) > _MOST_ACCOUNTS:
                self._found.popitem(last=False)
            return found

    def forget(self) -> None:
        """Look all of it up again."""
        self._found.clear()

    def _known(self, key: tuple[str, str]) -> Sequence[OfOrganization] | None:
        asked_at, found = self._found.get(key, (None, ()))
        if asked_at is None or self.clock.now() - asked_at >= _FRESH:
            return None
        return found


Make = Callable[[str, uuid.UUID, OrganizationValues], ReplaceableInstance]


@attrs.define(eq=False, kw_only=True)
class OrganizationInstances:
    """The open instances of organizations, at most one for each and provider.

    Args:
        settings: theirs.
        claimants: finds them by an account.
        make: makes an instance of a provider, by name, for an organization, from its values;
            raises SettingsError where they do not fit.
        most_idle: how many are kept open while nobody calls them.
    """

    settings: CachedSettings
    claimants: Claimants
    make: Make
    most_idle: int = MOST_IDLE
    _pool: OrderedDict[Key, _Pooled] = attrs.field(factory=OrderedDict, init=False)
    _tasks: set[asyncio.Task[None]] = attrs.field(factory=set, init=False)

    async def find(self, organization_id: uuid.UUID, provider: str) -> Instance | None:
        """Give the instance with an organization's own settings; None if it has none.

        Raises:
            SettingsError: they cannot be opened, or do not fit what the plugin now wants.
        """
        key = (organization_id, provider)
        found = await self.settings.read(key)
        pooled = self._pool.get(key)
        if pooled is not None and (found is None or pooled.version != found.version):
            del self._pool[key]
            self._retire(pooled)
            pooled = None
        if found is None:
            return None
        if pooled is None:
            pooled = _Pooled(found.version, self.make(provider, organization_id, found))
            self._pool[key] = pooled
        self._pool.move_to_end(key)
        self._close_idle()
        return pooled.instance

    def known(self, organization_id: uuid.UUID, provider: str) -> Instance | None:
        """Give the instance that is open already, and have its settings read again if it is time.

        One that is unfit would otherwise stay so: nobody calls it, and so nobody reads.
        """
        key = (organization_id, provider)
        pooled = self._pool.get(key)
        if pooled is None:
            return None
        if self.settings.is_due(key):
            self._keep(self._refresh(organization_id, provider))
        return pooled.instance

    def named(self, name: str) -> Instance | None:
        """Give the instance that *name* tells from all others, if it is open."""
        return next(
            (
                pooled.instance
                for (organization_id, provider), pooled in self._pool.items()
                if instance_name(provider, organization_id, pooled.version) == name
            ),
            None,
        )

    def drop(self, organization_id: uuid.UUID, provider: str) -> None:
        """Read the settings again the next time: they were changed."""
        self.settings.drop((organization_id, provider))
        self.claimants.forget()

    async def close(self) -> None:
        """Close all of them, after the calls in flight."""
        for pooled in self._pool.values():
            self._retire(pooled)
        self._pool.clear()
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _refresh(self, organization_id: uuid.UUID, provider: str) -> None:
        try:
            await self.find(organization_id, provider)
        except Exception as error:  # noqa: BLE001 - whoever needs them meets it again
            log().warning("settings_not_read", provider=provider, error=type(error).__name__)

    def _close_idle(self) -> None:
        if len(self._pool) <= self.most_idle:
            return
        idle = [key for key, pooled in self._pool.items() if pooled.instance.is_idle]
        # The one that was used longest ago comes first.
        for key in idle[: max(0, len(idle) - self.most_idle)]:
            self._retire(self._pool.pop(key))

    def _retire(self, pooled: _Pooled) -> None:
        self._keep(pooled.instance.retire())

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def instance_name(provider: str, organization_id: uuid.UUID, version: uuid.UUID) -> str:
    """Tell an instance from all others: what fails with other settings says nothing of it."""
    return f"{provider}/{organization_id}/{version}"


def own_fields(settings_class: type) -> tuple[SettingField, ...]:
    """Give the settings of *settings_class* that an organization may set for itself."""
    return tuple(
        field for field in setting_fields(settings_class) if field.setting.per_organization
    )


def load_for_organization(
    settings_class: type[S], values: Mapping[str, str], *, own: Mapping[str, str]
) -> S:
    """Build *settings_class* from what an organization has set, beside what the operator has.

    What organizations may set is never the operator's for one that sets anything: accounts are not
    mixed, and the operator's secrets are not used on an account of somebody's choice.

    Args:
        settings_class: of a provider.
        values: of the operator.
        own: of the organization.

    Raises:
        SettingsError: with every setting that is missing, malformed or not the organization's to
            set, never with its value.
    """
    theirs = {field.setting.env for field in own_fields(settings_class)}
    problems = [SettingProblem(env, _NOT_THEIRS) for env in own if env not in theirs]
    lent = {env: value for env, value in values.items() if env not in theirs}
    try:
        loaded = load_settings(settings_class, {**lent, **own})
    except SettingsError as error:
        raise SettingsError([*problems, *error.problems]) from None
    if problems:
        raise SettingsError(problems)
    return loaded
