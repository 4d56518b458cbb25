"""Who is sent very many texts keeps nobody else waiting for theirs."""

import asyncio
import uuid
from typing import Final

from clientflow_host.worker import working
from tests.host.conftest import Host, until
from tests.texts import OTHER_NUMBER, text

FLOOD: Final = 400
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


def handled(host: Host, organization_id: uuid.UUID) -> int:
    """Count the events of an organization that are handled."""
    statement = (
        "SELECT count(*) FROM inbound_events WHERE organization_id = %s AND handled_at IS NOT NULL"
    )
    return int(host.rows(statement, organization_id)[0][0])


async def test_texts_of_others_do_not_wait_for_a_flood(host: Host) -> None:
    theirs = host.add_organization(number=OTHER_NUMBER)
    await send(host, FLOOD)
    await send(host, OTHERS, To=OTHER_NUMBER)

    async def are_handled() -> bool:
        return handled(host, theirs.id) == OTHERS

    async with working(host.assembly):
        await until(are_handled)
        assert handled(host, host.ours.id) < FLOOD / 2
