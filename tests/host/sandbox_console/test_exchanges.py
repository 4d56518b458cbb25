"""What an assistant was asked, as people see it in the console."""

import aiohttp
from aiohttp.test_utils import TestServer

from clientflow_core.sandbox import build_sandbox_app
from clientflow_host.sandbox_console.console import add_console
from clientflow_plugins.openai.sandbox import OpenAISandbox
from tests.plugins.openai.test_sandbox import RESPONSE, post


async def test_what_was_asked_and_answered_is_shown() -> None:
    box = OpenAISandbox(
        base_url="http://x", host_url="http://x", credentials=OpenAISandbox.new_credentials()
    )
    app = build_sandbox_app([box])
    add_console(app, [box], host_url="http://x")
    async with TestServer(app) as server, aiohttp.ClientSession(server.make_url("")) as http:
        box.base_url = str(server.make_url("/openai"))
        asked = [{"type": "message", "role": "user", "content": "Is <b>Thursday</b> free?"}]
        assert (await post(box, "responses", RESPONSE | {"input": asked}))[0] == 200
        async with http.get("/") as answer:
            page = await answer.text()
    assert "“Is &lt;b&gt;Thursday&lt;/b&gt; free?”" in page
    assert "gpt-6-luna: " in page
    assert "quota-used" in page
    assert box.credentials["OPENAI_API_KEY"] not in page
