import contextlib
from collections.abc import AsyncIterator
from typing import Any, cast

import aiohttp
import attrs
import pytest

from clientflow_core.clock import SystemClock
from clientflow_core.providers.spec import ProviderContext, ProviderKind, ProviderSpec


@attrs.frozen
class Settings:
    pass


@contextlib.asynccontextmanager
async def open_nothing(_: ProviderContext, __: Settings) -> AsyncIterator[object]:
    yield object()


def make(*, name: str = "sms", settings: Any = Settings) -> ProviderSpec[Settings, object]:
    return ProviderSpec(
        kind=ProviderKind.CHANNEL, name=name, title="SMS", settings=settings, open=open_nothing
    )


def test_what_a_plugin_leaves_out_has_a_careful_default() -> None:
    spec = make()
    assert spec.webhooks == ()
    assert spec.capabilities == frozenset()
    assert spec.sandbox is None
    assert spec.deadline_seconds > 0
    assert spec.settle_seconds > 0
    assert list(spec.addresses(Settings())) == []
    assert list(spec.check_public_url(Settings(), "https://a.example")) == []


def test_spec_cannot_be_changed() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        cast("Any", make()).name = "other"


@pytest.mark.parametrize("name", ["", "SMS", "1sms", "a-b", "a b", "a/b", "_a", "ä", "a\n"])
def test_name_that_is_no_lower_case_word_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        make(name=name)


@pytest.mark.parametrize("settings", [None, dict, Settings()])
def test_settings_that_are_no_attrs_class_are_refused(settings: object) -> None:
    with pytest.raises(TypeError, match="settings of a provider are an attrs class"):
        make(settings=settings)


def test_provider_is_local_where_it_brings_settings_and_then_has_no_sandbox() -> None:
    assert not make().is_local
    assert attrs.evolve(make(), local_settings=dict).is_local
    with pytest.raises(ValueError, match="sms is local"):
        attrs.evolve(make(), local_settings=dict, sandbox="a.b:C")


async def test_context_of_library_use_has_a_clock_and_no_public_url() -> None:
    async with aiohttp.ClientSession() as session:
        context = ProviderContext(http=session)
        assert isinstance(context.clock, SystemClock)
        assert context.public_url is None
