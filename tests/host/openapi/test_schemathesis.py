"""The whole document against the running host: requests as published, and others, by schemathesis.

It runs as a program of its own, over real HTTP, with the keys of two organizations. The short form
always sends the same requests; ``nox -s fuzz`` sends others for as long as it is told to.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tests.host.calendars import KEPT, Diary, add_calendar, add_event, add_feed
from tests.host.conftest import Host, Organization
from tests.host.openapi.generated import (
    ATTACHMENT_ENV,
    CALENDAR_ENV,
    EVENTS_ENV,
    FEED_TOKEN,
    JOB_ENV,
    LEDGER_SECRET,
)
from tests.host.purchases import add_purchase
from tests.host.threads import add_attachment, add_conversations, add_draft, add_messages

ROOT: Final = Path(__file__).parents[3]
CONFIG: Final = Path(__file__).with_name("schemathesis.toml")
SHORT: Final = ("--generation-deterministic", "--max-examples=4")
_SECONDS: Final = "CLIENTFLOW_FUZZ_SECONDS"


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
        "LEDGER_WEBHOOK_SECRET": LEDGER_SECRET,
        "LOCAL_ASSISTANT_BUSINESS": "Salon Ada",
        # It asks more often than anybody may.
        "CLIENTFLOW_RATE_LIMIT": "0",
    }


def write_keys(folder: Path, organizations: Mapping[str, Organization]) -> None:
    """Tell schemathesis how each of *organizations* calls."""
    entries = [
        {"name": name, "fixedHeaders": [{"name": key, "value": value}]}
        for name, organization in organizations.items()
        for key, value in organization.headers.items()
    ]
    (folder / "keys.json").write_text(json.dumps({"auth": entries}))


def add_appointments(host: Host, diary: Diary) -> Mapping[str, str]:
    """Let a calendar of ours be read by others, with two events in it; give what names them."""
    calendar = add_calendar(host, host.ours, name=KEPT)
    add_feed(host, host.ours, calendar, token=FEED_TOKEN)
    events = [add_event(host, host.ours, calendar, **diary.put()) for _ in range(2)]
    return {CALENDAR_ENV: calendar, EVENTS_ENV: " ".join(events)}


def add_dead_job(host: Host) -> Mapping[str, str]:
    """Let a job of ours be given up; give what names it."""
    [(job_id,)] = host.rows(
        "INSERT INTO jobs (lane, kind, organization_id, args, dead_at)"
        " VALUES ('upkeep', 'x', %s, '{}', now()) RETURNING id",
        host.ours.id,
    )
    return {JOB_ENV: f"job_{job_id:032x}"}


async def look_at(host: Host, diary: Diary, folder: Path, *how: str) -> Mapping[str, Any]:
    """Let schemathesis call every operation of *host*; give its report.

    What it prints shows with that of the test.

    Args:
        host: with something in it for each of two organizations.
        diary: that the host is set up with.
        folder: for its files.
        how: options for it.
    """
    theirs = host.add_organization()
    for organization in (host.ours, theirs):
        conversation_id, _ = add_conversations(host, organization, 2)
        add_messages(host, conversation_id, 2)
        add_calendar(host, organization)
        add_purchase(host, organization.id, plan_key="starter")
    of_ours = "SELECT id FROM messages ORDER BY organization_id <> %s"
    message_ids = [message_id for (message_id,) in host.rows(of_ours, host.ours.id)]
    attachment_id, *_ = [add_attachment(host, message_id) for message_id in message_ids]
    for message_id in message_ids:
        add_draft(host, message_id)
    write_keys(folder, {"ours": host.ours, "theirs": theirs})
    # From a file: the operation from which it has the document itself it would leave out.
    (folder / "openapi.json").write_text(json.dumps(await document_of(host)))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG)),
        *("run", "openapi.json", "--url", host.assembly.settings.url, "--no-color"),
        *("--report=json", "--report-json-path=report.json", *how),
        cwd=folder,
        env={
            **os.environ,
            **add_appointments(host, diary),
            **add_dead_job(host),
            "PYTHONPATH": str(ROOT),
            ATTACHMENT_ENV: attachment_id,
        },
    )
    await process.wait()
    report: Mapping[str, Any] = json.loads((folder / "report.json").read_text())
    return report


async def document_of(host: Host) -> Any:
    """Give the document."""
    return (await host.bare("GET", "/api/openapi.json")).body


def how_long() -> tuple[str, ...]:
    """Give the options of schemathesis: the short form's, or what nox -s fuzz asks for."""
    if _SECONDS not in os.environ:
        return SHORT
    seconds, seed = os.environ[_SECONDS], os.environ["CLIENTFLOW_FUZZ_SEED"]
    return (f"--max-time={seconds}", f"--seed={seed}", "--generation-database=none")


@pytest.mark.fuzz
# Ten seconds on a quiet machine. The long form ends by itself.
@pytest.mark.timeout(0 if _SECONDS in os.environ else 240)
async def test_host_answers_every_generated_request_as_published(
    host: Host, diary: Diary, tmp_path: Path
) -> None:
    report = await look_at(host, diary, tmp_path, *how_long())
    assert (report["failures"], report["errors"], report["exit_code"]) == ([], [], 0)
    assert report["complete"]
    assert {phase["status"] for phase in report["phases"].values()} == {"success"}
    paths = (await document_of(host))["paths"]
    assert report["operations"]["tested"] == sum(len(methods) for methods in paths.values())
