"""What came while nobody was there to take it: asked for at regular times."""

import datetime as dt
from collections.abc import Sequence
from typing import Final

from clientflow_core.clock import Clock
from clientflow_core.domain.jobs import UPKEEP, Job
from clientflow_core.jobs.schedules import Schedule
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.jobs import is_asked_for
from clientflow_core.providers.spec import Capability
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.services.list_missed import LIST_MISSED, ask_for_page

CATCH_UP: Final = Schedule(name="catch_up", every_seconds=900, lane=UPKEEP, kind="catch_up")
# Longer than an outage that nobody has noticed; what is known already costs a look and no more.
_LOOK_BACK: Final = dt.timedelta(days=1)


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
    """Ask for what each provider could not deliver since a day ago, unless that is still under way.

    Asked are those of the operator; what an organization has set for itself is not.

    Args:
        transaction: of the system.
        registry: the enabled providers.
        clock: tells the time.
    """
    since = clock.now() - _LOOK_BACK
    for name in can_catch_up(registry):
        if not await is_asked_for(transaction, LIST_MISSED, {"provider": name}):
            await ask_for_page(transaction, name, since=since, cursor=None)
