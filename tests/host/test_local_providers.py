"""The settings with which `up` runs local providers."""

import contextlib
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import attrs

from clientflow_core.providers.spec import ProviderContext, ProviderKind, ProviderSpec
from clientflow_host.local_providers import local_settings
from clientflow_host.state import StateFolder


@attrs.frozen
class Settings:
    pass


@contextlib.asynccontextmanager
async def open_nothing(_: ProviderContext, __: Settings) -> AsyncIterator[object]:
    yield object()


def test_settings_are_made_once_and_kept_and_what_is_new_is_added(tmp_path: Path) -> None:
    numbers = itertools.count()
    outside = ProviderSpec(
        kind=ProviderKind.BILLING, name="far", title="Far", settings=Settings, open=open_nothing
    )
    local = attrs.evolve(
        outside, name="near", local_settings=lambda: {"NEAR_KEY": str(next(numbers))}
    )
    folder = StateFolder.open(tmp_path)
    assert local_settings([outside, local], folder) == {"NEAR_KEY": "0"}
    later = attrs.evolve(local, local_settings=lambda: {"NEAR_KEY": "1", "NEAR_NAME": "new"})
    assert local_settings([later], folder) == {"NEAR_KEY": "0", "NEAR_NAME": "new"}
    assert local_settings([outside], folder) == {}
