"""The real plugin and SDK beside its sandbox, over HTTP."""

from collections.abc import AsyncIterator
from typing import Any, Final

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from clientflow_core.domain.assistance import AssistanceRequest, Speaker, Utterance
from clientflow_core.providers.spec import ProviderContext
from clientflow_core.sandbox import build_sandbox_app
from clientflow_core.settings import load_settings
from clientflow_plugins.openai.provider import OpenAIAssistant
from clientflow_plugins.openai.sandbox import OpenAISandbox
from clientflow_plugins.openai.settings import OpenAISettings
from clientflow_plugins.openai.spec import OPENAI

INSTRUCTIONS: Final = "Draft a short answer for the business."
ASKED: Final = "Hello. Is Thursday at three still free?"
SCHEMA: Final = {
    "type": "object",
    "properties": {"reply": {"type": "string"}, "is_urgent": {"type": "boolean"}},
    "required": ["reply", "is_urgent"],
    "additionalProperties": False,
}


def ask(words: str = ASKED, **more: Any) -> AssistanceRequest:
    """Give a question of a client who says *words*, after something was said."""
    said = (
        Utterance(speaker=Speaker.USER, text="Good morning!"),
        Utterance(speaker=Speaker.ASSISTANT, text="How can we help?"),
        Utterance(speaker=Speaker.USER, text=words),
    )
    return AssistanceRequest(**{"instructions": INSTRUCTIONS, "conversation": said, **more})


@pytest.fixture
async def sandbox() -> AsyncIterator[OpenAISandbox]:
    made = OpenAISandbox(
        base_url="http://not-yet",
        host_url="http://nobody",
        credentials=OpenAISandbox.new_credentials(),
        step_seconds=0.0,
    )
    async with TestServer(build_sandbox_app([made])) as server:
        made.base_url = str(server.make_url("/openai"))
        yield made


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def settings(sandbox: OpenAISandbox) -> OpenAISettings:
    return load_settings(OpenAISettings, sandbox.settings())


@pytest.fixture
async def assistant(
    http: aiohttp.ClientSession, settings: OpenAISettings
) -> AsyncIterator[OpenAIAssistant]:
    """Asks at /responses."""
    async with OPENAI.open(ProviderContext(http=http), settings) as opened:
        yield opened


@pytest.fixture
async def chat_assistant(
    http: aiohttp.ClientSession, sandbox: OpenAISandbox
) -> AsyncIterator[OpenAIAssistant]:
    """Asks at /chat/completions."""
    values = sandbox.settings() | {"OPENAI_CHAT_COMPLETIONS": "true"}
    settings = load_settings(OpenAISettings, values)
    async with OPENAI.open(ProviderContext(http=http), settings) as opened:
        yield opened


@pytest.fixture(params=["responses", "chat"])
def either(
    request: pytest.FixtureRequest, assistant: OpenAIAssistant, chat_assistant: OpenAIAssistant
) -> OpenAIAssistant:
    """Asks at the one, and then at the other."""
    return assistant if request.param == "responses" else chat_assistant
