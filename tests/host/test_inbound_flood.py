"""Who is sent very many texts keeps nobody else waiting for theirs."""

import asyncio
from typing import Final

from clientflow_host.worker import working
from tests.host.conftest import Host
from tests.texts import OTHER_NUMBER, text

FLOOD: Final = 600
OTHERS: Final = 20
_AT_ONCE: Final = 20


async def send(host: Host, count: int, **fields: str) -> None:
    """Let as many clients write once each."""
    left = iter(range(count))

    async def send_on() -> None:
        for number in left:
            fields_of_one = text(f"Number {number}", From=f"+1415556{number:04d}", **fields)
            assert (await host.webhook(fields_of_one)).status == 200

    await asyncio.gather(*(send_on() for _ in range(_AT_ONCE)))


async def test_texts_of_others_do_not_wait_for_a_flood(host: Host) -> None:
    theirs = host.add_organization(number=OTHER_NUMBER)
    await send(host, FLOOD)
    await send(host, OTHERS, To=OTHER_NUMBER)
    async with working(host.assembly):
        await host.quiet()
    [(before, after)] = host.rows(
        "SELECT count(*) FILTER (WHERE handled_at <= last),"
        " count(*) FILTER (WHERE handled_at > last) FROM inbound_events,"
        " (SELECT max(handled_at) AS last FROM inbound_events WHERE organization_id = %s)"
        " WHERE organization_id <> %s",
        *(theirs.id, theirs.id),
    )
    assert before + after == FLOOD
    assert before < FLOOD / 2
