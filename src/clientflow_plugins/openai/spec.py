"""The description of the assistant, light enough to be imported where OpenAI is not used."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from decimal import Decimal
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
    """Give the assistant; the SDK is imported here, in a thread, and no call is made.

    Raises:
        PluginError: the SDK is not installed.
    """
    try:
        await asyncio.to_thread(_warm_up)
        from clientflow_plugins.openai.provider import OpenAIAssistant  # noqa: PLC0415 - the SDK
    except ImportError as error:
        msg = "the openai package is missing: install clientflow[openai]"
        raise PluginError(msg) from error
    yield OpenAIAssistant(context, settings)


def _warm_up() -> None:
    """Import the SDK, which takes a second, and make what it would make at the first answer.

    The parts of an answer that it tells apart by looking have validators; they are made when the
    first one is read, which takes another tenth (openai 3.54.0), and would hold the event loop.
    """
    from openai.types.responses import Response  # noqa: PLC0415 - the SDK

    import clientflow_plugins.openai.provider  # noqa: F401, PLC0415 - likewise

    Response.construct(output=[{}], tool_choice={})


def monthly_budget(settings: OpenAISettings) -> Decimal | None:
    """Give what each organization may spend in a month, in US dollars; None for no limit."""
    return None if settings.monthly_budget is None else Decimal(settings.monthly_budget)


OPENAI: Final[ProviderSpec[OpenAISettings, "OpenAIAssistant"]] = ProviderSpec(
    kind=ProviderKind.ASSISTANT,
    name="openai",
    title="OpenAI",
    settings=OpenAISettings,
    open=open_openai,
    capabilities=frozenset({Capability.EMBEDDINGS, Capability.MODERATION}),
    monthly_budget=monthly_budget,
    deadline_seconds=DEADLINE_SECONDS,
    sandbox="clientflow_plugins.openai.sandbox:OpenAISandbox",
    requires="openai",
    sdk_modules=("openai",),
)
