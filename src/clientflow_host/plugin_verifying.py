"""Asks each provider whether its credentials work; nothing is sent and nothing changes."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs

from clientflow_core.errors import AuthFailed, ClientFlowError, PluginError, SettingsError
from clientflow_core.providers.spec import AnySpec, ProviderKind
from clientflow_core.registry.discovery import Plugin
from clientflow_core.registry.finding import Found, find_plugins
from clientflow_core.registry.manifest import DescribedProvider, Manifest
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.registry.set_up import begun
from clientflow_core.settings import Completeness, setting_fields
from clientflow_host.assembly import wanted_plugins
from clientflow_host.settings import load_host_settings

_ACCESSORS: Final[Mapping[ProviderKind, Callable[[ProviderRegistry, str], Awaitable[Any]]]] = {
    ProviderKind.CHANNEL: ProviderRegistry.channel,
    ProviderKind.BILLING: ProviderRegistry.billing,
    ProviderKind.CALENDAR: ProviderRegistry.calendar,
    ProviderKind.ASSISTANT: ProviderRegistry.assistant,
    ProviderKind.IDENTITY: ProviderRegistry.identity,
    ProviderKind.OBSERVER: ProviderRegistry.observer,
}


@attrs.frozen(kw_only=True)
class Verdict:
    """What one provider says to its credentials.

    Attributes:
        account: what the provider calls the account; None where it does not work.
        problem: what is wrong; None where it works.
        look_at: where in the provider's console a person finds what may be wrong.
    """

    name: str
    kind: str
    account: str | None = None
    problem: str | None = None
    look_at: Sequence[str] = ()

    @property
    def works(self) -> bool:
        """Whether it does."""
        return self.problem is None


async def verify_providers(values: Mapping[str, str], *, names: Sequence[str]) -> list[Verdict]:
    """Open each provider by itself and let it verify its credentials, all at the same time.

    Args:
        values: the settings.
        names: of providers; without any, all whose settings are begun.

    Raises:
        PluginError: one of *names* is not there.
        SettingsError: the host's settings are not usable.
    """
    settings = load_host_settings(dict(values))
    wanted = wanted_plugins(settings)
    is_named = functools.partial(_brings_one_of, names=names) if names else None
    found = find_plugins(wanted, values=values, is_needed=is_named)
    pairs = [(plugin, spec) for plugin in found.plugins for spec in plugin.specs]
    chosen = _named(pairs, found, names) if names else _begun(found.plugins, values)
    return await asyncio.gather(
        *(_verify(plugin, spec, values, public_url=settings.url) for plugin, spec in chosen)
    )


def _brings_one_of(manifest: Manifest, *, names: Sequence[str]) -> bool:
    return any(provider.name in names for provider in manifest.providers)


def _begun(plugins: Iterable[Plugin], values: Mapping[str, str]) -> list[tuple[Plugin, AnySpec]]:
    return [
        (plugin, spec)
        for plugin in plugins
        for spec in plugin.specs
        if begun(plugin, values)[spec.name] is not Completeness.NONE
    ]


def _named(
    pairs: Sequence[tuple[Plugin, AnySpec]], found: Found, names: Sequence[str]
) -> list[tuple[Plugin, AnySpec]]:
    known = {spec.name: (plugin, spec) for plugin, spec in pairs}
    broken = {one.name: one.reason for one in found.broken}
    for name in names:
        if name in broken:
            raise PluginError(broken[name])
        if name not in known:
            there = sorted([*known, *(one.name for one in _idle_providers(found))])
            msg = f"there is no provider {name!r}; there is: {', '.join(there) or 'none'}"
            raise PluginError(msg)
    return [known[name] for name in dict.fromkeys(names)]


def _idle_providers(found: Found) -> Iterator[DescribedProvider]:
    for plugin in found.idle:
        if plugin.manifest:
            yield from plugin.manifest.providers


async def _verify(
    plugin: Plugin, spec: AnySpec, values: Mapping[str, str], *, public_url: str
) -> Verdict:
    alone = attrs.evolve(plugin, specs=(spec,))
    try:
        async with ProviderRegistry([alone], values, public_url=public_url) as registry:
            # What the registry gives is guarded: it has a deadline, and raises our errors only.
            provider = await _ACCESSORS[spec.kind](registry, spec.name)
            account = await provider.verify()
    except ClientFlowError as error:
        return Verdict(
            name=spec.name,
            kind=spec.kind.value,
            problem=_words(error),
            look_at=_places(spec, error),
        )
    return Verdict(name=spec.name, kind=spec.kind.value, account=str(account))


def _words(error: ClientFlowError) -> str:
    if isinstance(error, SettingsError):
        return "; ".join(f"{problem.env} {problem.problem}" for problem in error.problems)
    return str(error)


def _places(spec: AnySpec, error: ClientFlowError) -> Sequence[str]:
    settings = [field.setting for field in setting_fields(spec.settings)]
    if isinstance(error, SettingsError):
        named = {problem.env for problem in error.problems}
        settings = [one for one in settings if one.env in named]
    elif not isinstance(error, AuthFailed):
        return ()
    return tuple(dict.fromkeys(one.console_url for one in settings if one.console_url))
