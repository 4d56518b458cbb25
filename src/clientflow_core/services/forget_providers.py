"""Providers that have forgotten everything: what we know of them is nothing that they know."""

from collections.abc import Collection

from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.billing_customers import forget_customers
from clientflow_core.persistence.repositories.calendars import ask_for, list_calendars
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.services.sync_calendar import SYNC_CALENDAR
from clientflow_core.services.watch_calendar import WATCH_CALENDAR, tells_of_changes


async def forget_providers(
    transaction: Transaction, providers: Collection[str], *, registry: ProviderRegistry
) -> None:
    """Forget what the organization has bought at *providers*, and ask for their calendars anew.

    Conversations stay. For stand-ins, which begin with nothing each time that they are started.
    """
    await forget_customers(transaction, providers)
    for calendar in await list_calendars(transaction):
        if calendar.provider not in providers:
            continue
        await ask_for(transaction, SYNC_CALENDAR, calendar.id)
        if tells_of_changes(registry, calendar.provider):
            await ask_for(transaction, WATCH_CALENDAR, calendar.id)
