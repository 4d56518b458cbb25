"""A text comes in, an assistant drafts the answer, a person sends it: all of it in this process."""

import re
from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestServer

from clientflow_core.ports import free_port
from clientflow_core.sandbox import build_sandbox_app
from clientflow_plugins.openai.sandbox import OpenAISandbox
from clientflow_plugins.twilio.sandbox import TwilioSandbox
from tests.host.conftest import Host, until
from tests.host.pages.conftest import Browser, browser, stranger
from tests.texts import CLIENT

__all__ = ["browser", "stranger"]


@pytest.fixture
def openai_port() -> int:
    return free_port()


@pytest.fixture
def openai(openai_port: int) -> OpenAISandbox:
    return OpenAISandbox(
        base_url=f"http://127.0.0.1:{openai_port}/openai",
        host_url="http://nobody",
        credentials=OpenAISandbox.new_credentials(),
    )


@pytest.fixture
def values(values: dict[str, str], openai: OpenAISandbox) -> dict[str, str]:
    """With the local assistant as well, which has to stand back."""
    return values | openai.settings() | {"LOCAL_ASSISTANT_BUSINESS": "Salon Ada"}


@pytest.fixture
async def serving(openai: OpenAISandbox, openai_port: int) -> AsyncIterator[None]:
    async with TestServer(build_sandbox_app([openai]), port=openai_port):
        yield


async def test_a_text_is_answered_with_the_help_of_an_assistant(
    host: Host,
    worker: None,
    sandbox: TwilioSandbox,
    openai: OpenAISandbox,
    serving: None,
    browser: Browser,
) -> None:
    conversation = await host.conversation("Hello! Is Thursday at three still free?")
    path = f"/inbox/{conversation['id']}"
    assert await browser.send(f"{path}/draft") == (303, path)
    await host.quiet()
    _, page = await browser.open(path)
    assert "Drafted by OpenAI" in page
    (draft,) = re.findall(r'data-id="([^"]*)"', page)
    (text,) = re.findall(r"<textarea[^>]*>([^<]*)</textarea>", page)
    assert "Is Thursday at three still free?" in text
    assert not [one for one in sandbox.state()["messages"] if one["to"] == CLIENT]

    edited = "Yes, Thursday at three is free. See you then!"
    assert await browser.send(path, body=edited, draft=draft) == (303, path)

    async def arrived() -> list[str]:
        sent = sandbox.state()["messages"]
        return [one["body"] for one in sent if one["to"] == CLIENT and one["status"] == "delivered"]

    assert await until(arrived) == [edited]
    (asked,) = openai.state()["requests"]
    assert CLIENT not in str(asked)
    found = await host.get(f"/drafts/{draft}")
    assert (found["state"], found["provider"]) == ("used", "openai")
    assert float(found["cost_usd"]) > 0
