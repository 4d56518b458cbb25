"""What holds for every operation that is published, found in the document itself.

A new route is covered by being there. A new kind of id, or a new body, must be told of in
``Theirs`` and ``BODIES``; the tests fail until it is.
"""

import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final

import attrs
import pytest

from clientflow_core.domain.roles import Role
from clientflow_host.openapi import load_all
from clientflow_host.pages import CHAPTERS
from tests.host.calendars import FOLLOWED, KEPT, Diary, add_calendar, add_event, add_feed
from tests.host.conftest import Answer, Host, Organization
from tests.host.purchases import add_purchase
from tests.host.threads import add_attachment, add_conversations, add_draft, add_messages
from tests.texts import ACCOUNT, OTHER_NUMBER, TOKEN

APPOINTMENT: Final = {
    "title": "Haircut",
    "starts_at": "2027-01-05T09:00:00Z",
    "ends_at": "2027-01-05T10:00:00Z",
}
BODIES: Final[Mapping[str, object]] = {
    "add_contact": {"phone": "+14155550177", "name": "Zoë"},
    "discard_job": {"reason": "Nobody needs it."},
    "follow_calendar": {"provider": "caldav", "provider_calendar_id": FOLLOWED},
    "make_calendar_feed": {"shows": "busy"},
    "make_appointment": APPOINTMENT,
    "change_appointment": APPOINTMENT,
    "put_consent": {"medium": "text", "is_opted_out": False, "reason": "Asked for it."},
    "put_failover_rule": {"channel_ids": []},
    "put_provider_settings": {
        "values": {
            "TWILIO_ACCOUNT_SID": ACCOUNT,
            "TWILIO_AUTH_TOKEN": TOKEN,
            "TWILIO_PHONE_NUMBER": OTHER_NUMBER,
        }
    },
    "retry_jobs": {},
    "send_message": {"body": "Hello?"},
    "settle_message": {"was_sent": True, "reason": "The client has it."},
    "start_checkout": {"plan_key": "starter"},
}
PLACES: Final = {"medium": "text", "country": "*", "name": "twilio"}
"""What stands in a path and is no id."""
NOBODYS: Final = {"list_plans"}
"""Lists of what is no organization's own."""
ALONE: Final = "theirs-alone"


@pytest.fixture
async def diary() -> AsyncIterator[Diary]:
    """A server that keeps calendars."""
    async with Diary.served() as made:
        yield made


@pytest.fixture
def values(values: dict[str, str], diary: Diary) -> dict[str, str]:
    """With the calendars, and somebody who sells and somebody who drafts, who need nobody."""
    return values | {
        **diary.sandbox.settings(),
        "LEDGER_WEBHOOK_SECRET": "a secret of the tests alone",
        "LOCAL_ASSISTANT_BUSINESS": "Salon Ada",
    }


@attrs.frozen(kw_only=True)
class Published:
    """An operation, as the document has it."""

    method: str
    path: str
    operation: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.operation["operationId"])

    @property
    def is_public(self) -> bool:
        return not self.operation["security"]

    @property
    def role(self) -> Role:
        """What its description says that it needs."""
        return Role(self.operation["description"].split("`")[1])

    @property
    def ids(self) -> list[str]:
        """The names of the ids that stand in its path."""
        found = self.operation.get("parameters", ())
        return [
            one["name"] for one in found if one.get("in") == "path" and one["name"].endswith("_id")
        ]

    async def call(self, host: Host, ids: Mapping[str, str], *, by: Organization) -> Answer:
        """Ask for it, the placeholders filled from *ids*."""
        more = {"json": BODIES[self.name]} if "requestBody" in self.operation else {}
        return await host.call(self.method, self.path.format(**PLACES, **ids), by=by, **more)


async def published(host: Host) -> list[Published]:
    """Give every operation that asks who somebody is."""
    document = (await host.bare("GET", "/api/openapi.json")).body
    found = [
        Published(method=method.upper(), path=path, operation=operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    ]
    return [one for one in found if not one.is_public]


class Theirs:
    """What another organization has, by the names of the parameters."""

    def __init__(self, host: Host, diary: Diary) -> None:
        self.organization = host.add_organization()
        (conversation_id,) = add_conversations(host, self.organization, 1)
        add_messages(host, conversation_id, 1)
        [(contact, channel, message)] = host.rows(
            "SELECT c.contact_id, c.channel_id, m.id FROM conversations c JOIN messages m ON true"
        )
        host.rows(
            "INSERT INTO failover_rules SELECT organization_id, 'text', '*', ARRAY[id]"
            " FROM channels WHERE id = %s RETURNING 1",
            channel,
        )
        self.ids = {
            "attachment_id": add_attachment(host, message),
            "calendar_id": add_calendar(host, self.organization, name=KEPT),
            "conversation_id": conversation_id,
            "draft_id": add_draft(host, message),
            "contact_id": f"con_{contact.hex}",
            "message_id": f"msg_{message.hex}",
            "job_id": self._add_dead_job(host),
        }
        calendar = self.ids["calendar_id"]
        add_feed(host, self.organization, calendar)
        self.ids["event_id"] = add_event(host, self.organization, calendar, **diary.put())
        add_calendar(host, self.organization, title="Zzz: followed already")
        self.channel_id = f"chn_{channel.hex}"
        sealed = host.assembly.sealer.seal(
            {"TWILIO_PHONE_NUMBER": OTHER_NUMBER},
            organization_id=self.organization.id,
            provider="twilio",
        )
        host.rows(
            "INSERT INTO provider_settings (organization_id, provider, version, sealed)"
            " VALUES (%s, 'twilio', gen_random_uuid(), %s)",
            self.organization.id,
            sealed,
        )

        add_purchase(host, self.organization.id, plan_key=ALONE)

    def _add_dead_job(self, host: Host) -> str:
        [(job_id,)] = host.rows(
            "INSERT INTO jobs (lane, kind, organization_id, args, dead_at)"
            " VALUES ('upkeep', 'x', %s, '{}', now()) RETURNING id",
            self.organization.id,
        )
        return f"job_{job_id:032x}"

    def has(self, answer: Answer) -> bool:
        """Whether *answer* shows anything of it."""
        marks = (*self.ids.values(), self.channel_id, OTHER_NUMBER, ALONE, self.organization.id.hex)
        return any(mark in str(answer.body) for mark in marks)


def everything(host: Host) -> list[list[tuple[Any, ...]]]:
    """Give all rows that an operation might change."""
    messaging = ("contacts", "contact_points", "conversations", "messages", "assistant_drafts")
    tables = (*messaging, "consents", "jobs", "stream_events")
    return [sorted(host.rows(f"SELECT * FROM {table}"), key=str) for table in tables]


def neutral(answer: Answer, ids: Mapping[str, str]) -> Mapping[str, Any]:
    """Give a problem without what is of this request alone."""
    body = str({**answer.body, "request_id": "…"})
    for value in ids.values():
        body = body.replace(value, "…")
    return {"status": answer.status, "headers": sorted(answer.headers), "body": body}


def malformed(id_: str) -> Iterator[str]:
    """Give texts that look more or less like an id."""
    prefix, _, digits = id_.partition("_")
    yield from ("x", digits, f"{prefix}_", f"{prefix}_{digits}0", f"{prefix}_{digits[1:]}")
    yield from (f"{prefix}_{{{digits}}}", f"{prefix}-{digits}", f"{prefix}_{'A' * 32}")
    yield from (f"usr_{digits}", str(uuid.UUID(digits)), "..%2f", "1%20OR%201=1", "%F0%9F%91%8D")


def at(body: Any, expression: str) -> Any:
    """Give what a link takes out of an answer."""
    for step in expression.removeprefix("$response.body#/").split("/"):
        body = body[int(step) if isinstance(body, list) else step]
    return body


async def test_document_names_operations_that_ask_who_somebody_is(host: Host) -> None:
    names = {one.name for one in await published(host)}
    assert {"list_contacts", "send_message", "read_message"} <= names


async def test_nothing_of_another_organization_is_found(host: Host, diary: Diary) -> None:
    theirs = Theirs(host, diary)
    before = everything(host)
    for one in [one for one in await published(host) if one.ids]:
        answer = await one.call(host, theirs.ids, by=host.ours)
        assert (answer.status, answer.code) == (404, "not_found"), one
        # The same as what is nowhere, but for the id itself.
        nowhere = {name: value[:4] + uuid.uuid4().hex for name, value in theirs.ids.items()}
        missing = await one.call(host, nowhere, by=host.ours)
        assert neutral(answer, theirs.ids) == neutral(missing, nowhere), one
    assert everything(host) == before


async def test_own_things_are_found_by_every_operation(host: Host, diary: Diary) -> None:
    theirs = Theirs(host, diary)
    for one in await published(host):
        answer = await one.call(host, theirs.ids, by=theirs.organization)
        assert answer.status in {200, 201, 202, 204}, one


async def test_no_list_holds_a_row_of_another_organization(host: Host, diary: Diary) -> None:
    theirs = Theirs(host, diary)
    lists = [
        one
        for one in await published(host)
        if one.method == "GET" and "{" not in one.path and one.name not in NOBODYS
    ]
    for one in lists:
        shown = await one.call(host, {}, by=theirs.organization)
        assert theirs.has(shown), one
        answer = await one.call(host, {}, by=host.ours)
        assert answer.status == 200
        assert not theirs.has(answer), one
    assert lists


async def test_malformed_id_is_not_found_either(host: Host, diary: Diary) -> None:
    ids = Theirs(host, diary).ids
    missing = await host.call("GET", f"/api/v1/contacts/con_{'0' * 32}")
    for one in await published(host):
        for name in one.ids:
            for wrong in malformed(ids[name]):
                answer = await one.call(host, ids | {name: wrong}, by=host.ours)
                assert (answer.status, answer.code) == (404, "not_found"), (one, wrong)
                assert set(answer.body) == set(missing.body)


@pytest.mark.proves("SA5")
async def test_every_operation_asks_for_a_key(host: Host) -> None:
    for one in await published(host):
        ids = dict.fromkeys(one.ids, "x")
        answer = await host.bare(one.method, one.path.format(**PLACES, **ids))
        assert (answer.status, answer.code) == (401, "unauthenticated"), one


@pytest.mark.proves("SA5")
@pytest.mark.parametrize("role", [Role.VIEWER, Role.MEMBER, Role.ADMIN, Role.OWNER])
async def test_every_operation_holds_to_its_role(host: Host, role: Role) -> None:
    by = host.add_key(role)
    for one in await published(host):
        ids = dict.fromkeys(one.ids, "x")
        answer = await one.call(host, ids, by=by)
        assert (answer.status == 403) is not role.includes(one.role), one


async def test_every_link_leads_to_something(host: Host, diary: Diary) -> None:
    theirs = Theirs(host, diary)
    by_name = {one.name: one for one in await published(host)}
    followed = set()
    for one in by_name.values():
        answer = await one.call(host, theirs.ids, by=theirs.organization)
        response = one.operation["responses"][str(answer.status)]
        for link in response.get("links", {}).values():
            goal = by_name[link["operationId"]]
            ids = {name: at(answer.body, place) for name, place in link["parameters"].items()}
            found = await goal.call(host, ids, by=theirs.organization)
            assert found.status in {200, 201, 202, 204}, (one, link)
            followed.add(goal.name)
    assert followed == {one.name for one in by_name.values() if one.ids}


@pytest.mark.proves("SA5")
async def test_viewer_may_do_nothing_but_read(host: Host) -> None:
    open_to_viewers = {one.method for one in await published(host) if one.role is Role.VIEWER}
    assert open_to_viewers == {"GET"}


@pytest.mark.proves("SA5")
async def test_host_serves_nothing_that_is_not_published_but_pages(host: Host) -> None:
    document = (await host.bare("GET", "/api/openapi.json")).body
    told = {(m.upper(), path) for path, found in document["paths"].items() for m in found}
    routes = [(r.method, r.resource.canonical) for r in host.app.router.routes() if r.resource]
    pages = {(page.method, page.path) for page in load_all(CHAPTERS)}
    ours = {route for route in routes if route[0] != "HEAD" and not route[1].startswith("/x/")}
    assert ours == told | pages
    assert not any(path.startswith("/api/v1") for _, path in pages)
