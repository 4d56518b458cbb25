"""Inbound events that are handled again, and followed to their end."""

import uuid
from collections.abc import Collection

import pytest

from clientflow_core.domain.inbound_events import InboundEventState
from clientflow_host import replaying as replaying_module
from clientflow_host.assembly import Assembly
from clientflow_host.replaying import ReplayEnd, Replaying
from clientflow_host.worker import working
from tests.host.conftest import Host
from tests.texts import text

EVERYTHING = ()
BROKEN = "REVOKE INSERT ON contacts FROM clientflow_app"
MENDED = "GRANT INSERT ON contacts TO clientflow_app"


async def follow(replaying: Replaying, *, wait_seconds: float = 60.0) -> list[int]:
    return [settled async for settled in replaying.follow(wait_seconds=wait_seconds)]


def ends(replaying: Replaying) -> list[tuple[ReplayEnd, str | None]]:
    return [(one.end, one.reason) for one in replaying.replayed()]


async def ids(replaying: Replaying, states: Collection[InboundEventState]) -> list[uuid.UUID]:
    return await replaying.choose(states=states, since=None)


async def receive(host: Host, *several: dict[str, str]) -> None:
    for fields in several:
        assert (await host.webhook(fields)).status == 200


async def test_end_of_each_is_told_in_the_order_that_was_asked_for(
    host: Host, assembly: Assembly
) -> None:
    unreadable = text()
    del unreadable["From"]
    await receive(host, text("Hello?"), unreadable, text(To="+14155550199"))
    replaying = Replaying(assembly.database)
    found = await ids(replaying, EVERYTHING)
    async with working(assembly):
        await host.quiet()
        assert await replaying.has_worker()
        host.rows("UPDATE inbound_events SET state = 'failed' WHERE state <> 'done'")
        await replaying.ask(found)
        told = await follow(replaying)
    assert told[-1] == 3
    (first, _), (second, why), (third, reason) = ends(replaying)
    assert (first, second, third) == (ReplayEnd.DONE_BEFORE, ReplayEnd.FAILED, ReplayEnd.IGNORED)
    assert "From" in str(why)
    assert reason == "no channel of twilio has the address +14155550199"
    assert [one.is_good for one in replaying.replayed()] == [True, False, True]
    assert [one.id for one in replaying.replayed()] == found


async def test_event_whose_handling_fails_once_more_is_told_at_once(
    host: Host, assembly: Assembly
) -> None:
    await receive(host, text())
    host.rows(BROKEN)
    replaying = Replaying(assembly.database)
    async with working(assembly):
        await replaying.ask(await ids(replaying, EVERYTHING))
        await follow(replaying)
        ((end, reason),) = ends(replaying)
        assert end is ReplayEnd.PUT_OFF
        assert str(reason).startswith("ProgrammingError; the next try is at ")

        host.rows(MENDED)


async def test_many_are_followed_for_as_long_as_some_are_handled(
    host: Host, assembly: Assembly, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replaying_module, "_AT_ONCE", 50)
    await receive(host, text())
    # Three times as many as are looked at together.
    host.rows(
        "INSERT INTO inbound_events SELECT gen_random_uuid(), provider, webhook, account, n::text,"
        " method, url, headers, body, received_at, NULL, 'failed' FROM inbound_events,"
        " generate_series(1, 150) n"
    )
    replaying = Replaying(assembly.database)
    found = await ids(replaying, [InboundEventState.FAILED])
    assert len(set(found)) == 150
    assert found == sorted(found)
    await replaying.ask(found)
    async with working(assembly):
        told = await follow(replaying)
    assert told == sorted(told)
    assert {end for end, _ in ends(replaying)} == {ReplayEnd.DONE}
    # All of them are the same text.
    assert host.count("messages") == 1


async def test_where_nobody_handles_them_following_has_an_end(
    host: Host, assembly: Assembly
) -> None:
    await receive(host, text())
    replaying = Replaying(assembly.database)
    await replaying.ask(await ids(replaying, EVERYTHING))
    assert not await replaying.has_worker()
    assert set(await follow(replaying, wait_seconds=0.5)) == {0}
    assert await follow(replaying, wait_seconds=0) == []
    assert ends(replaying) == [(ReplayEnd.WAITING, None)]


async def test_dead_letter_that_its_event_knows_nothing_of_is_found_and_told(
    host: Host, assembly: Assembly
) -> None:
    await receive(host, text())
    host.rows("UPDATE jobs SET dead_at = now(), last_error = 'Oops'")
    replaying = Replaying(assembly.database)
    found = await ids(replaying, [InboundEventState.FAILED])
    assert len(found) == 1
    replaying._ids += found
    await replaying._look(found)
    assert ends(replaying) == [(ReplayEnd.FAILED, "Oops")]
