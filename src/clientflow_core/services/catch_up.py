"""What came while nobody was there to take it: asked for at regular times."""

import datetime as dt
from collections.abc import Sequence
from typing import Final

from clientflow_core.clock import Clock
from clientflow_core.domain.jobs import UPKEEP, Job
from clientflow_core.jobs.schedules import Schedule
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.catch_ups import read_caught_up_at
from clientflow_core.persistence.repositories.jobs import is_asked_for
from clientflow_core.providers.spec import Capability
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.services.list_missed import LIST_MISSED, MissedPart, ask_for_part

CATCH_UP: Final = Schedule(name="catch_up", every_seconds=900, lane=UPKEEP, kind="catch_up")
# What shows in a list late, or by a clock that differs; what is known costs a look and no more.
_OVERLAP: Final = dt.timedelta(hours=1)
# Who has just set the service up may have sent something to it before it ran.
_FIRST_TIME: Final = dt.timedelta(days=1)
# After a longer pause the service begins anew. Stripe lists no longer, Twilio more than a year.
_FARTHEST: Final = dt.timedelta(days=30)


def can_catch_up(registry: ProviderRegistry) -> Sequence[str]:
    """Give the enabled providers that can be asked what they could not deliver."""
    return [
        name
        for name, enabled in registry.providers.items()
        if Capability.CATCH_UP in enabled.spec.capabilities
    ]


async def catch_up(
    transaction: Transaction, _: Job, *, registry: ProviderRegistry, clock: Clock
) -> None:
    """Ask for what each provider could not deliver, unless that is still under way.

    It goes back to an hour before all was last read to its end, 30 days at most; one day the first
    time. Asked are those of the operator; what an organization has set for itself is not.

    Args:
        transaction: of the system.
        registry: the enabled providers.
        clock: tells the time.
    """
    now = clock.now()
    for name in can_catch_up(registry):
        if await is_asked_for(transaction, LIST_MISSED, {"provider": name}):
            continue
        last = await read_caught_up_at(transaction, name)
        since = max(last - _OVERLAP, now - _FARTHEST) if last else now - _FIRST_TIME
        await ask_for_part(transaction, MissedPart(provider=name, since=since, until=now))
