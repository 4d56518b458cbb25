"""What a provider could not deliver arrives all the same, once."""

import datetime as dt

import aiohttp
import pytest
from psycopg.types.json import Jsonb
from structlog.testing import capture_logs

from clientflow_core.domain.jobs import Job
from clientflow_core.jobs.handlers import DatabaseJob
from clientflow_host.assembly import Assembly
from clientflow_host.worker import job_handlers, working
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


async def test_all_that_came_is_kept_however_much_it_is(
    host: Host, sandbox: TwilioSandbox, assembly: Assembly
) -> None:
    sandbox.host_url = "http://127.0.0.1:9"
    for number in range(120):
        await write(host.http, sandbox, f"Number {number}")
    host.rows(ASK)
    async with working(assembly):
        await host.quiet()
    assert host.count("messages") == 120


async def ask(assembly: Assembly) -> None:
    """Do what a slot of the schedule does."""
    handler = job_handlers(assembly)["catch_up"]
    assert isinstance(handler, DatabaseJob)
    job = Job(
        id=1,
        lane="upkeep",
        kind="catch_up",
        organization_id=None,
        args={},
        attempts=1,
        max_attempts=14,
        claimed_by=1,
    )
    async with assembly.database.system() as transaction:
        await handler.handle(transaction, job)


async def test_slot_that_comes_while_the_one_before_is_under_way_asks_for_nothing(
    host: Host, assembly: Assembly
) -> None:
    await ask(assembly)
    await ask(assembly)
    [(args,)] = host.rows("SELECT args FROM jobs")
    assert (args["provider"], args["cursor"]) == ("twilio", None)


@pytest.mark.parametrize(
    ("caught_up", "hours"),
    [(None, 24), ("0 minutes", 1), ("5 days", 5 * 24 + 1), ("100 days", 30 * 24)],
)
async def test_it_goes_back_to_what_was_last_read_to_its_end(
    host: Host, assembly: Assembly, caught_up: str | None, hours: int
) -> None:
    if caught_up:
        noted = "INSERT INTO catch_ups VALUES ('twilio', now() - cast(%s AS interval))"
        host.rows(noted, caught_up)
    await ask(assembly)
    [(since, until)] = host.rows("SELECT args ->> 'since', args ->> 'until' FROM jobs")
    back = dt.datetime.fromisoformat(until) - dt.datetime.fromisoformat(since)
    assert abs(back - dt.timedelta(hours=hours)) < dt.timedelta(minutes=2)


async def test_part_that_the_provider_does_not_know_any_more_ends_it_until_the_next_slot(
    host: Host, sandbox: TwilioSandbox, assembly: Assembly
) -> None:
    sandbox.host_url = "http://127.0.0.1:9"
    await write(host.http, sandbox, "Nobody was there")
    path = f"/2010-04-01/Accounts/{sandbox.credentials['TWILIO_ACCOUNT_SID']}/Messages.json"
    args = {
        "provider": "twilio",
        "since": "2026-01-01T00:00:00+00:00",
        "until": "2026-01-02T00:00:00+00:00",
        "cursor": f"https://api.twilio.com{path}?PageToken=PASM{'0' * 32}&Page=1&PageSize=50",
    }
    host.rows(
        "INSERT INTO jobs (lane, kind, args) VALUES ('upkeep', 'list_missed', %s)", Jsonb(args)
    )
    with capture_logs() as logs:
        async with working(assembly):
            await host.quiet()
            assert host.rows("SELECT 1 FROM catch_ups WHERE caught_up_at < '2026-02-01'") == []
            host.rows(ASK)
            await host.quiet()
    assert host.count("inbound_events") == host.count("catch_ups") == 1
    [failed] = [one for one in logs if one["event"] == "catch_up_failed"]
    assert failed["provider"] == "twilio"


async def test_provider_that_does_not_answer_is_asked_again_with_the_next_slot(
    host: Host, assembly: Assembly
) -> None:
    async with working(assembly):
        host.rows(ASK)
        await host.quiet()
    assert host.count("inbound_events") == 0
