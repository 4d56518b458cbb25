"""Events are handed over as arrays that we write ourselves: PostgreSQL reads what we put in."""

import datetime as dt
from collections.abc import Iterator

import attrs
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.inbound_events import (
    _array,
    read_inbound_event,
    store_inbound_events,
)
from tests.core.persistence.conftest import inbound_event
from tests.databases import Addresses

AWKWARD = ["", " ", "NULL", "{}", '{"a"}', "\\", '"', '\\"', "\\x41", ",", "a,b", "'", "\n", "é👍"]
NEPAL = dt.timezone(dt.timedelta(hours=5, minutes=45))


@pytest.fixture(scope="module")
def connection(shared: Addresses) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with shared.connect() as connection:
        yield connection


@settings(max_examples=150, deadline=None)
@given(
    values=st.lists(
        st.sampled_from(AWKWARD)
        | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
    )
)
def test_texts_arrive_as_they_were(
    connection: psycopg.Connection[tuple[object, ...]], values: list[str]
) -> None:
    found = connection.execute("SELECT cast(%s AS text[])", [_array(values)]).fetchone()
    assert found == (values,)


async def test_events_arrive_as_they_were(database: Database) -> None:
    when = dt.datetime(2026, 3, 1, 0, 30, 15, 999_999, tzinfo=NEPAL)
    events = [
        attrs.evolve(
            inbound_event(f"{number}{text}"),
            account=text,
            provider=text,
            webhook=text,
            method=text,
            url=text,
            headers={text: text},
            body=text.encode() + bytes(range(256)),
            received_at=when + dt.timedelta(microseconds=number),
        )
        for number, text in enumerate(AWKWARD)
    ]
    async with database.system() as transaction:
        assert await store_inbound_events(transaction, events) == len(events)
        assert [await read_inbound_event(transaction, e.id) for e in events] == events


async def test_no_events_are_none(database: Database) -> None:
    async with database.system() as transaction:
        assert await store_inbound_events(transaction, []) == 0
