"""From a client's e-mail to our answer and what becomes of it: plugin, services and database."""

import datetime as dt
from collections.abc import AsyncIterator

import aiohttp
import attrs
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from clientflow_core.domain.calendars import Timed
from clientflow_core.domain.messages import MessageStatus
from clientflow_core.errors import SignatureRefused
from clientflow_core.persistence.database import Database
from clientflow_core.registry.discovery import Plugin
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.sandbox import build_sandbox_app
from clientflow_core.services.send_message import send_message
from clientflow_core.services.tell_attendees import tell_attendees
from clientflow_plugins.sendgrid.sandbox import SendgridSandbox
from clientflow_plugins.sendgrid.spec import SENDGRID
from tests.conftest import Business, add_business
from tests.core.domain.test_ical import HAIRCUT
from tests.core.services.conftest import Door, Stage, StandingClock
from tests.databases import Addresses
from tests.plugins.sendgrid.conftest import CLIENT


@pytest.fixture
async def door() -> AsyncIterator[Door]:
    """Where webhooks arrive; what proves nothing is refused."""
    made = Door()

    async def handle(request: web.Request) -> web.Response:
        try:
            return await made.handle(request)
        except SignatureRefused:
            return web.Response(status=403)

    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.add_routes([web.post("/webhooks/{name}", handle)])
    async with TestServer(app) as server:
        made.url = str(server.make_url("")).rstrip("/")
        yield made


@pytest.fixture
async def sandbox(door: Door, credentials: dict[str, str]) -> AsyncIterator[SendgridSandbox]:
    made = SendgridSandbox(
        base_url="http://not-yet", host_url=door.url, credentials=credentials, step_seconds=0.001
    )
    async with TestServer(build_sandbox_app([made])) as server:
        made.base_url = str(server.make_url("/sendgrid"))
        yield made


@pytest.fixture
def business(addresses: Addresses, sandbox: SendgridSandbox) -> Business:
    made = add_business(addresses, address=sandbox.credentials["SENDGRID_FROM_EMAIL"])
    with addresses.connect() as connection:
        connection.execute("UPDATE channels SET provider = 'sendgrid', medium = 'email'")
    return made


@pytest.fixture
async def stage(
    addresses: Addresses,
    database: Database,
    business: Business,
    sandbox: SendgridSandbox,
    door: Door,
) -> AsyncIterator[Stage]:
    plugin = Plugin(name="sendgrid", version="0", specs=(SENDGRID,))
    async with ProviderRegistry([plugin], sandbox.settings(), public_url=door.url) as registry:
        clock = StandingClock()
        door.stage = Stage(addresses, database, business, registry, clock, door.url)
        yield door.stage


async def write(sandbox: SendgridSandbox, http: aiohttp.ClientSession, **fields: str) -> None:
    """Let a client write, whose e-mail the host takes."""
    async with http.post(f"{sandbox.base_url}/_control/inbound", json=fields) as answer:
        assert (await answer.json())["statuses"] == [200]


async def test_mail_comes_in_and_its_answer_goes_out_in_the_same_thread(
    stage: Stage, sandbox: SendgridSandbox, http: aiohttp.ClientSession
) -> None:
    text = "Is Thursday free?\n\nOn Mon, 23 Nov 2026 Acme wrote:\n> Hello"
    for _ in range(2):
        await write(sandbox, http, body=text, subject="An appointment")
        await stage.do_all_jobs()
    [(conversation_id, body, sender)] = stage.rows(
        "SELECT DISTINCT m.conversation_id, m.body, p.value FROM messages m"
        " JOIN conversations c ON c.id = m.conversation_id"
        " JOIN contact_points p ON p.id = c.contact_point_id WHERE m.direction = 'in'"
    )
    assert (body, sender) == ("Is Thursday free?", CLIENT)
    async with stage.database.organization(stage.business.organization_id) as transaction:
        answer = await send_message(transaction, conversation_id, body="Yes, at three.")
    await stage.until(answer.id, MessageStatus.DELIVERED)
    question, _, ours = sandbox.state()["mails"]
    assert ours["text"] == "Yes, at three."
    assert ours["subject"] == "Re: An appointment"
    assert question["headers"]["Message-ID"] in ours["headers"]["References"]
    assert stage.attempts(answer.id) == ["accepted"]


async def test_event_settles_what_nobody_knew(
    stage: Stage, sandbox: SendgridSandbox, http: aiohttp.ClientSession
) -> None:
    await write(sandbox, http)
    await stage.do_all_jobs()
    [(conversation_id,)] = stage.rows("SELECT id FROM conversations")
    async with stage.database.organization(stage.business.organization_id) as transaction:
        answer = await send_message(transaction, conversation_id, body="Yes.")
    async with http.post(
        f"{sandbox.base_url}/_control/faults", json={"calls": 1, "answer": "cut_after_acceptance"}
    ) as told:
        assert told.status == 200
    await stage.until(answer.id, MessageStatus.DELIVERED)
    assert [mail["text"] for mail in sandbox.state()["mails"]][1:] == ["Yes."]
    assert stage.attempts(answer.id) == ["accepted"]


async def test_an_invitation_goes_out_once(stage: Stage, sandbox: SendgridSandbox) -> None:
    start = stage.clock.now() + dt.timedelta(days=1)
    time = Timed(starts_at=start, ends_at=start + dt.timedelta(hours=1), time_zone="UTC")
    asked = attrs.evolve(HAIRCUT, time=time, attendees=(CLIENT,))
    async with stage.database.organization(stage.business.organization_id) as transaction:
        await tell_attendees(transaction, asked, now=stage.clock.now())
    [(message_id,)] = stage.rows("SELECT id FROM messages")
    await stage.until(message_id, MessageStatus.DELIVERED)
    (mail,) = sandbox.state()["mails"]
    assert mail["subject"] == "Invitation: Haircut"
    assert mail["text"].startswith("You are invited to an appointment.")
    assert stage.attempts(message_id) == ["accepted"]


async def test_forged_mail_is_not_kept(
    stage: Stage, sandbox: SendgridSandbox, http: aiohttp.ClientSession
) -> None:
    (event, *_) = sandbox.events()
    values = {field.name: field.default or "" for field in event.fields}
    (request,) = event.happen(values).requests
    headers = dict(request.headers)
    for body in (request.body + b"\r\n", request.body.replace(b"ada@", b"eve@")):
        async with http.post(request.url, data=body, headers=headers) as answer:
            assert answer.status == 403
    assert stage.count("inbound_events") == 0
