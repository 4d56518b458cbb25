"""The description of the assistant, light enough to be imported where OpenAI is not used."""

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Final

from clientflow_core.errors import PluginError
from clientflow_core.providers.spec import Capability, ProviderContext, ProviderKind, ProviderSpec
from clientflow_plugins.openai.settings import OpenAISettings

if TYPE_CHECKING:
    from clientflow_plugins.openai.provider import OpenAIAssistant

# A model that reasons takes its time.
DEADLINE_SECONDS: Final = 45.0


@contextlib.asynccontextmanager
async def open_openai(
    context: ProviderContext, settings: OpenAISettings
) -> AsyncIterator["OpenAIAssistant"]:
    """Give the assistant; the SDK is imported here, and no call is made.

    Raises:
        PluginError: the SDK is not installed.
    """
    try:
        from clientflow_plugins.openai.provider import OpenAIAssistant  # noqa: PLC0415 - the SDK
    except ImportError as error:
        msg = "the openai package is missing: install clientflow[openai]"
        raise PluginError(msg) from error
    yield OpenAIAssistant(context, settings)


OPENAI: Final[ProviderSpec[OpenAISettings, "OpenAIAssistant"]] = ProviderSpec(
    kind=ProviderKind.ASSISTANT,
    name="openai",
    title="OpenAI",
    settings=OpenAISettings,
    open=open_openai,
    capabilities=frozenset({Capability.EMBEDDINGS, Capability.MODERATION}),
    deadline_seconds=DEADLINE_SECONDS,
    sandbox="clientflow_plugins.openai.sandbox:OpenAISandbox",
    requires="openai",
    sdk_modules=("openai",),
)
