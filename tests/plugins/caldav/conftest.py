"""The real plugin against its sandbox, and against a Radicale that runs as a process of its own."""

import datetime as dt
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import attrs
import pytest
from aiohttp.test_utils import TestServer

from clientflow_core.domain.calendars import CalendarEvent, EventDraft, EventRemoved, Timed
from clientflow_core.ports import free_port
from clientflow_core.providers.spec import ProviderContext
from clientflow_core.sandbox import build_sandbox_app
from clientflow_core.settings import load_settings
from clientflow_core.testing import StillClock
from clientflow_plugins.caldav.provider import CaldavCalendars
from clientflow_plugins.caldav.sandbox import CaldavSandbox
from clientflow_plugins.caldav.settings import CaldavSettings
from clientflow_plugins.caldav.spec import CALDAV

NOON = dt.datetime(2027, 1, 5, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
USER = "ada"


def draft(title: str = "Haircut", **values: Any) -> EventDraft:
    """Give an event of an hour."""
    time = Timed(starts_at=NOON, ends_at=NOON + HOUR, time_zone="Europe/Berlin")
    return EventDraft(id=uuid.uuid4(), title=title, **{"time": time, **values})


@pytest.fixture
def clock() -> StillClock:
    """It stands still shortly before the events."""
    return StillClock(NOON - dt.timedelta(days=1))


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    """The shared session."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
async def sandbox(clock: StillClock) -> AsyncIterator[CaldavSandbox]:
    """The stand-in."""
    made = CaldavSandbox(
        base_url="http://not-yet",
        host_url="http://nobody",
        credentials=CaldavSandbox.new_credentials(),
        clock=clock,
    )
    async with TestServer(build_sandbox_app([made])) as server:
        made.base_url = str(server.make_url("/caldav"))
        yield made


@pytest.fixture
def settings(sandbox: CaldavSandbox) -> CaldavSettings:
    """The account on the sandbox."""
    return load_settings(CaldavSettings, sandbox.settings())


@pytest.fixture
async def calendars(
    http: aiohttp.ClientSession, settings: CaldavSettings, clock: StillClock
) -> AsyncIterator[CaldavCalendars]:
    """The provider on the sandbox."""
    async with CALDAV.open(ProviderContext(http=http, clock=clock), settings) as opened:
        yield opened


async def pull(
    calendars: CaldavCalendars, calendar: str, cursor: str | None
) -> tuple[list[CalendarEvent | EventRemoved], str]:
    """Give all that has changed since *cursor*, and the next one."""
    changes: list[CalendarEvent | EventRemoved] = []
    for _ in range(100):
        page = await calendars.sync(calendar, cursor=cursor)
        changes += page.changes
        cursor = page.cursor
        if page.is_last:
            return changes, cursor
    raise AssertionError(cursor)


@attrs.frozen
class Radicale:
    """A Radicale that runs.

    Attributes:
        url: where it is.
        password: of whoever logs in.
    """

    url: str
    password: str

    @property
    def settings(self) -> CaldavSettings:
        """Those of the one account."""
        values = {
            "CALDAV_URL": self.url,
            "CALDAV_USERNAME": USER,
            "CALDAV_PASSWORD": self.password,
        }
        return load_settings(CaldavSettings, values)

    @property
    def headers(self) -> dict[str, str]:
        """What proves who asks."""
        return {"Authorization": aiohttp.encode_basic_auth(USER, self.password)}


@pytest.fixture(scope="session")
def radicale() -> Iterator[Radicale]:
    """One for the whole run. It is under the GPL: started, and never imported."""
    folder = Path(tempfile.mkdtemp(prefix="cf-radicale-", dir="/tmp"))
    port, password = free_port(), "the password"
    users = folder / "users"
    users.write_text(f"{USER}:{password}\n", "utf-8")
    options = {
        "server-hosts": f"127.0.0.1:{port}",
        "storage-filesystem-folder": str(folder / "collections"),
        "auth-type": "htpasswd",
        "auth-htpasswd-filename": str(users),
        "auth-htpasswd-encryption": "plain",
        "auth-delay": "0",
        "logging-level": "warning",
    }
    command = [sys.executable, "-m", "radicale"]
    command += [f"--{name}={value}" for name, value in options.items()]
    environment = {k: v for k, v in os.environ.items() if k != "COVERAGE_PROCESS_CONFIG"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--config", ""], stdout=log, stderr=log, env=environment
        )
    try:
        _wait_for(port, process, folder / "log")
        yield Radicale(f"http://127.0.0.1:{port}/", password)
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder)


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text("utf-8")
        with socket.socket() as caller:
            if caller.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    pytest.fail(log.read_text("utf-8"))


@attrs.define
class Room:
    """An account on Radicale, with a calendar of its own."""

    calendars: CaldavCalendars
    http: aiohttp.ClientSession
    radicale: Radicale
    path: str

    async def put(self, name: str, data: str) -> None:
        """Let somebody else put a resource, as it stands."""
        address = self.radicale.url.rstrip("/") + self.path + name
        headers = {"Content-Type": "text/calendar", **self.radicale.headers}
        body = data.replace("\n", "\r\n").encode()
        async with self.http.put(address, data=body, headers=headers) as answer:
            assert answer.status in {201, 204}, await answer.text()


@pytest.fixture
async def room(
    radicale: Radicale, http: aiohttp.ClientSession, clock: StillClock
) -> AsyncIterator[Room]:
    """A calendar that nobody else has."""
    path, headers = f"/{USER}/{uuid.uuid4().hex}/", radicale.headers
    body = (
        '<C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:set><D:prop>'
        "<D:displayname>Appointments</D:displayname><C:calendar-timezone>BEGIN:VCALENDAR&#13;\n"
        "BEGIN:VTIMEZONE&#13;\nTZID:Europe/Berlin&#13;\nEND:VTIMEZONE&#13;\nEND:VCALENDAR&#13;\n"
        "</C:calendar-timezone></D:prop></D:set></C:mkcalendar>"
    )
    address = radicale.url.rstrip("/") + path
    async with http.request("MKCALENDAR", address, data=body, headers=headers) as answer:
        assert answer.status == 201, await answer.text()
    context = ProviderContext(http=http, clock=clock)
    async with CALDAV.open(context, radicale.settings) as opened:
        yield Room(opened, http, radicale, path)
    async with http.delete(address, headers=headers) as answer:
        assert answer.status == 200
