"""The description of the assistant, light enough to be imported where it is not used."""

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from clientflow_core.providers.spec import ProviderContext, ProviderKind, ProviderSpec
from clientflow_plugins.local_assistant.settings import LocalAssistantSettings, new_settings

if TYPE_CHECKING:
    from clientflow_plugins.local_assistant.provider import LocalAssistant


@contextlib.asynccontextmanager
async def open_local_assistant(
    _: ProviderContext, settings: LocalAssistantSettings
) -> AsyncIterator["LocalAssistant"]:
    """Give the assistant, which asks nobody."""
    from clientflow_plugins.local_assistant.provider import (  # noqa: PLC0415 - only if used
        LocalAssistant,
    )

    yield LocalAssistant(settings)


LOCAL_ASSISTANT: Final[ProviderSpec[LocalAssistantSettings, "LocalAssistant"]] = ProviderSpec(
    kind=ProviderKind.ASSISTANT,
    name="local_assistant",
    title="Local assistant",
    settings=LocalAssistantSettings,
    open=open_local_assistant,
    deadline_seconds=5.0,
    local_settings=new_settings,
)
