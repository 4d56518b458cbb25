"""A calendar as one would be followed, with a provider that is asked for it or without one."""

import datetime as dt
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import attrs
from aiohttp.test_utils import TestServer

from clientflow_core.ports import free_port
from clientflow_core.sandbox import build_sandbox_app
from clientflow_core.secret import Secret
from clientflow_core.services.share_calendar import hash_feed_token
from clientflow_plugins.caldav.sandbox import CaldavSandbox
from tests.host.conftest import Host, Organization
from tests.host.threads import to_uuid

FOLLOWED: Final = "/calendars/bookings/appointments/"
"""The name that the document's example has."""


KEPT: Final = f"/caldav{FOLLOWED}"
"""The name of the calendar that the sandbox has."""


def add_calendar(
    host: Host,
    organization: Organization,
    *,
    time_zone: str = "UTC",
    name: str = FOLLOWED,
    title: str = "Work",
) -> str:
    """Follow a calendar."""
    [(made,)] = host.rows(
        "INSERT INTO calendars (organization_id, id, provider, provider_calendar_id, title,"
        " time_zone, is_writable)"
        " VALUES (%s, gen_random_uuid(), 'caldav', %s, %s, %s, true) RETURNING id",
        *(organization.id, name, title, time_zone),
    )
    return f"cal_{made.hex}"


@attrs.frozen
class Diary:
    """A server that keeps calendars."""

    sandbox: CaldavSandbox

    @classmethod
    @asynccontextmanager
    async def served(cls) -> AsyncIterator["Diary"]:
        """Make one, and serve it."""
        port = free_port()
        sandbox = CaldavSandbox(
            base_url=f"http://127.0.0.1:{port}/caldav",
            host_url="http://nobody",
            credentials=CaldavSandbox.new_credentials(),
        )
        async with TestServer(build_sandbox_app([sandbox]), port=port):
            yield cls(sandbox)

    def put(self) -> dict[str, str]:
        """Let somebody put an event; give what its row has of it."""
        (create,) = [one for one in self.sandbox.events() if one.name == "event.created"]
        starts_at = dt.datetime.now(dt.UTC) + dt.timedelta(days=3)
        made = create.happen({"title": "Haircut", "starts_at": starts_at.isoformat()})
        name = str(made.facts["event"])
        etag = self.sandbox._collections["appointments"].find(name).etag
        return {"provider_event_id": name, "etag": etag}


def add_feed(
    host: Host, organization: Organization, calendar_id: str, *, token: str = "nobody knows it"
) -> None:
    """Let others read a calendar."""
    host.rows(
        "INSERT INTO calendar_feeds (organization_id, calendar_id, token_hash, shows_details)"
        " VALUES (%s, %s, %s, true)",
        *(organization.id, to_uuid(calendar_id), hash_feed_token(Secret(token))),
    )


def add_event(host: Host, organization: Organization, calendar_id: str, **values: object) -> str:
    """Let an event be in a calendar, in three days and for an hour."""
    said = {"title": "Haircut", "status": "confirmed", "is_busy": True}
    said |= {"provider_event_id": uuid.uuid4().hex, "etag": "1", **values}
    columns, places = ", ".join(said), ", ".join(["%s"] * len(said))
    [(made,)] = host.rows(
        "INSERT INTO calendar_events (organization_id, id, calendar_id,"
        f" description, location, attendees, starts_at, ends_at, time_zone, {columns})"
        " VALUES (%s, gen_random_uuid(), %s, 'with color', 'Main St 1',"
        " '{eva@example.com}', date_trunc('hour', now()) + interval '3 days',"
        f" date_trunc('hour', now()) + interval '73 hours', 'UTC', {places}) RETURNING id",
        *(organization.id, to_uuid(calendar_id), *said.values()),
    )
    return f"cev_{made.hex}"
