"""A plugin's own code reaches its own provider, with whatever methods it has, and no other's."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest
from typing_extensions import override

from clientflow_core.clock import SystemClock
from clientflow_core.contributions.context import Process
from clientflow_core.errors import PluginError
from clientflow_core.providers.channel import ChannelProvider
from clientflow_core.providers.spec import ProviderContext, ProviderKind, ProviderSpec
from clientflow_core.registry.bound import host_context, plugin_context
from clientflow_core.registry.discovery import Plugin
from clientflow_core.registry.registry import ProviderRegistry


@attrs.frozen
class Settings:
    """Needs none."""


class Drum(ChannelProvider):
    """Can be drummed on, which no other channel can."""

    @override
    async def verify(self) -> str:
        """Name it."""
        return "a drum"

    @override
    async def send(self, message: Any) -> Any:
        """Is not asked."""

    def drum(self) -> str:
        """Drum."""
        return "bom"


@contextlib.asynccontextmanager
async def open_drum(_: ProviderContext, __: Settings) -> AsyncIterator[Drum]:
    yield Drum()


def plugin_with(*names: str) -> Plugin:
    specs = tuple(
        ProviderSpec(
            kind=ProviderKind.CHANNEL, name=name, title=name, settings=Settings, open=open_drum
        )
        for name in names
    )
    return Plugin(name="_".join(names), version="0", specs=specs)


async def test_own_provider_has_all_of_its_methods_and_is_the_one_that_all_use() -> None:
    ours, theirs = plugin_with("tom"), plugin_with("snare")
    async with ProviderRegistry([ours, theirs], {}) as registry:
        context = plugin_context(ours, providers=registry, clock=SystemClock())
        drum = await context.own_provider("tom")
        assert drum.drum() == "bom"
        assert not hasattr(await context.providers.channel("tom"), "drum")
        started = host_context(context, Process.WORKER)
        assert await started.own_provider("tom") is drum
        for name in ("snare", "nothing"):
            with pytest.raises(LookupError, match=f"'tom' has no provider '{name}'"):
                await context.own_provider(name)


async def test_own_provider_is_not_had_from_a_registry_that_is_not_open() -> None:
    ours = plugin_with("tom")
    registry = ProviderRegistry([ours], {})
    context = plugin_context(ours, providers=registry, clock=SystemClock())
    with pytest.raises(PluginError, match="open the registry first"):
        await context.own_provider("tom")
