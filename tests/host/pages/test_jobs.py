"""The page of what was given up: for who runs the service, and for nobody else."""

import asyncio
import json
import uuid
from typing import Any, Final

import pytest

from clientflow_core.ids import IdPrefix, to_public_id
from tests.host.conftest import Host
from tests.host.pages.conftest import EMAIL, Browser
from tests.host.threads import add_conversations, add_messages

PATH: Final = "/operation/jobs"
as_operator = pytest.mark.parametrize("values", [{"CLIENTFLOW_OPERATORS": EMAIL}], indirect=True)


def add_job(
    host: Host,
    kind: str = "sync_calendar",
    *,
    organization_id: uuid.UUID | None = None,
    error: str = "provider_unavailable",
    **args: Any,
) -> int:
    [(job_id,)] = host.rows(
        "INSERT INTO jobs (lane, kind, organization_id, args, attempts, last_error, dead_at)"
        " VALUES ('calendars', %s, %s, %s, 14, %s, now()) RETURNING id",
        *(kind, organization_id or host.ours.id, json.dumps(args), error),
    )
    return int(job_id)


def add_unknown_message(host: Host) -> uuid.UUID:
    """Add a message that may have been sent, and its job; give it."""
    (conversation_id,) = add_conversations(host, host.ours, 1)
    add_messages(host, conversation_id, 1)
    [(message_id,)] = host.rows(
        "UPDATE messages SET status = 'unknown', direction = 'out',"
        " error_code = 'provider_outcome_unknown' RETURNING id"
    )
    add_job(host, "deliver_message", error="provider_outcome_unknown", message_id=str(message_id))
    found: uuid.UUID = message_id
    return found


def on_page(job_id: int) -> str:
    return f"{PATH}/job_{job_id:032x}"


def is_dead(host: Host, job_id: int) -> bool:
    return bool(host.rows("SELECT 1 FROM jobs WHERE id = %s AND dead_at IS NOT NULL", job_id))


async def test_owner_of_an_organization_sees_nothing_of_it(host: Host, browser: Browser) -> None:
    job_id = add_job(host)
    assert (await browser.open(PATH))[0] == 403
    assert (await browser.send(f"{on_page(job_id)}/retry"))[0] == 403
    assert is_dead(host, job_id)


@as_operator
async def test_operator_reads_what_failed_why_whose_it_is_and_what_can_be_done(
    host: Host, browser: Browser
) -> None:
    _, page = await browser.open(PATH)
    assert "Nothing was given up" in page
    message_id = add_unknown_message(host)
    add_job(host, organization_id=host.add_organization().id, error="KeyError")
    code, page = await browser.open(PATH)
    assert code == 200
    assert "Messages that may have been sent" in page
    assert (
        f'/inbox/{to_public_id(IdPrefix.CONVERSATION, conversation_of(host, message_id))}"' in page
    )
    assert "after 14 tries" in page
    assert "the log of the worker says where. (KeyError)" in page
    assert "Not before a person has decided" in page
    assert page.count(">Repeat</button>") == 1


def conversation_of(host: Host, message_id: uuid.UUID) -> uuid.UUID:
    [(found,)] = host.rows("SELECT conversation_id FROM messages WHERE id = %s", message_id)
    return uuid.UUID(str(found))


@as_operator
async def test_two_presses_at_once_repeat_it_once(host: Host, browser: Browser) -> None:
    job_id = add_job(host)
    presses = await asyncio.gather(*(browser.send(f"{on_page(job_id)}/retry") for _ in range(2)))
    assert sorted(presses) == [
        (303, f"{PATH}?outcome=retried"),
        (303, f"{PATH}?outcome=under-way"),
    ]
    assert host.rows("SELECT count(*) FROM jobs WHERE dead_at IS NULL") == [(1,)]
    _, page = await browser.open(f"{PATH}?outcome=under-way")
    assert "nothing more was asked for" in page


@as_operator
async def test_all_of_a_kind_are_repeated_but_what_must_not_be(
    host: Host, browser: Browser
) -> None:
    add_unknown_message(host)
    for kind in ("x", "x", "y"):
        add_job(host, kind)
    assert await browser.send(f"{PATH}/retry", kind="x") == (303, f"{PATH}?retried=2&left=0")
    assert await browser.send(f"{PATH}/retry", kind="") == (303, f"{PATH}?retried=1&left=1")
    _, page = await browser.open(f"{PATH}?retried=1&left=1")
    assert "1 are done again now; 1 were left alone." in page


@as_operator
async def test_what_must_not_be_repeated_says_why(host: Host, browser: Browser) -> None:
    add_unknown_message(host)
    [(job_id,)] = host.rows("SELECT id FROM jobs")
    code, page = await browser.send(f"{on_page(job_id)}/retry")
    assert code == 409
    assert "may send it twice" in page


@as_operator
async def test_discarding_takes_a_reason(host: Host, browser: Browser) -> None:
    job_id = add_job(host)
    assert (await browser.send(f"{on_page(job_id)}/discard", reason=" "))[0] == 422
    discard = f"{on_page(job_id)}/discard"
    assert await browser.send(discard, reason="a test") == (303, f"{PATH}?outcome=discarded")
    assert await browser.send(discard, reason="again") == (303, f"{PATH}?outcome=not-there")
    rows = host.rows("SELECT discarded_by, discard_reason FROM jobs")
    assert rows == [(EMAIL, "a test")] or rows == [(EMAIL.lower(), "a test")]


@as_operator
@pytest.mark.parametrize(("answer", "status"), [("yes", "sent"), ("no", "queued")])
async def test_person_decides_about_a_message_that_may_have_been_sent(
    host: Host, browser: Browser, answer: str, status: str
) -> None:
    message_id = add_unknown_message(host)
    whose = to_public_id(IdPrefix.ORGANIZATION, host.ours.id)
    path = f"/operation/messages/{whose}/{to_public_id(IdPrefix.MESSAGE, message_id)}/settle"
    assert (await browser.send(path, reason="asked", was_sent="perhaps"))[0] == 422
    assert (await browser.send(path, reason="", was_sent=answer))[0] == 422
    for _ in range(2):
        sent = await browser.send(path, reason="asked", was_sent=answer)
        assert sent == (303, f"{PATH}?outcome=settled")
    assert host.rows("SELECT status FROM messages") == [(status,)]
    _, page = await browser.open(PATH)
    assert "Messages that may have been sent" not in page


@as_operator
async def test_older_ones_are_on_the_next_page(host: Host, browser: Browser) -> None:
    for _ in range(51):
        add_job(host)
    _, page = await browser.open(PATH)
    assert page.count(">Repeat</button>") == 50
    older = page.partition(f'href="{PATH}?before=')[2].partition('"')[0]
    _, page = await browser.open(f"{PATH}?before={older}")
    assert page.count(">Repeat</button>") == 1
