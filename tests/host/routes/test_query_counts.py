"""How many statements an operation takes: one for each row of a list is soon too many."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from tests.host.calendars import Diary
from tests.host.conftest import Host
from tests.host.routes.test_every_operation import Theirs, diary, published, values
from tests.host.threads import add_conversations, add_messages

__all__ = ["diary", "values"]

pytestmark = pytest.mark.proves("TP2")

USUAL: Final = 8
"""What an operation may take: to know who asks, the scope, and what it is about."""
MORE: Final[Mapping[str, int]] = {
    "cancel_appointment": 12,
    "change_appointment": 20,
    "list_invoices": 14,
    "put_consent": 12,
    "request_draft": 14,
    "send_message": 12,
    "start_checkout": 16,
}
"""Those that may take more, and how many."""


@contextmanager
def counted() -> Iterator[list[str]]:
    """Keep each statement that the host sends meanwhile, save those of its heart."""
    sent: list[str] = []

    def keep(_: object, __: object, statement: str, *___: object) -> None:
        if "heartbeats" not in statement:
            sent.append(statement)

    event.listen(Engine, "before_cursor_execute", keep)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", keep)


async def test_no_operation_takes_more_statements_than_it_may(host: Host, diary: Diary) -> None:
    theirs = Theirs(host, diary)
    took: dict[str, int] = {}
    for one in await published(host):
        with counted() as sent:
            answer = await one.call(host, theirs.ids, by=theirs.organization)
        assert answer.status < 300, (one, answer)
        took[one.name] = len(sent)
    assert {name: n for name, n in took.items() if n > MORE.get(name, USUAL)} == {}
    # A line that is no longer needed lets something creep back in.
    assert {name: took.get(name) for name in MORE if took.get(name, 0) <= USUAL} == {}


@pytest.mark.parametrize(
    "path", ["/contacts", "/conversations", "/conversations/{conversation_id}/messages"]
)
async def test_a_list_takes_no_more_statements_with_many_rows(host: Host, path: str) -> None:
    (conversation_id,) = add_conversations(host, host.ours, 1)
    add_messages(host, conversation_id, 1)

    async def look() -> tuple[int, int]:
        with counted() as sent:
            listed = await host.get(path.format(conversation_id=conversation_id), limit=100)
        return len(sent), len(listed["data"])

    statements, rows = await look()
    add_messages(host, conversation_id, 20, first="00000001")
    add_more(host)
    assert rows == 1
    assert await look() == (statements, 21)


def add_more(host: Host) -> None:
    """Make twenty contacts, each with a conversation."""
    host.rows(
        """
        WITH new AS (
            INSERT INTO contacts (organization_id, id, name)
            SELECT organization_id, gen_random_uuid(), name FROM contacts, generate_series(1, 20)
            RETURNING organization_id, id
        ), points AS (
            INSERT INTO contact_points (organization_id, id, contact_id, kind, value)
            SELECT organization_id, id, id, 'phone', id::text FROM new
        )
        INSERT INTO conversations (organization_id, id, contact_id, channel_id, contact_point_id)
        SELECT new.organization_id, new.id, new.id, channels.id, new.id FROM new, channels
        """
    )
