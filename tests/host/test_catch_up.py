"""What a provider could not deliver arrives all the same, once."""

import aiohttp

from clientflow_host.assembly import Assembly
from clientflow_host.worker import working
from clientflow_plugins.twilio.sandbox import TwilioSandbox
from tests.host.conftest import Host, until
from tests.texts import CLIENT

ASK = "INSERT INTO jobs (lane, kind, args) VALUES ('upkeep', 'catch_up', '{}')"


async def write(http: aiohttp.ClientSession, sandbox: TwilioSandbox, body: str) -> list[int | None]:
    url = f"{sandbox.base_url}/_control/inbound"
    async with http.post(url, json={"from": CLIENT, "body": body}) as answer:
        statuses: list[int | None] = (await answer.json())["statuses"]
        return statuses


async def test_text_that_came_while_the_host_was_away_is_asked_for_and_kept_once(
    host: Host, sandbox: TwilioSandbox, assembly: Assembly
) -> None:
    assert await write(host.http, sandbox, "This one arrives") == [200]
    ours, sandbox.host_url = sandbox.host_url, "http://127.0.0.1:9"
    assert await write(host.http, sandbox, "Nobody was there") == [None]
    sandbox.host_url = ours
    async with working(assembly):
        for _ in range(2):
            host.rows(ASK)
            await host.quiet()

    async def said() -> list[str]:
        found = host.rows("SELECT body FROM messages ORDER BY body")
        return [body for (body,) in found]

    assert await until(said) == ["Nobody was there", "This one arrives"]
    assert host.rows("SELECT state FROM inbound_events") == [("done",), ("done",)]


async def test_provider_that_does_not_answer_is_asked_again_with_the_next_slot(
    host: Host, assembly: Assembly
) -> None:
    async with working(assembly):
        host.rows(ASK)
        await host.quiet()
    assert host.count("inbound_events") == 0
