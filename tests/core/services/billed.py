"""The services of billing on a real database, with tills that a test plays."""

import functools
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import attrs

from clientflow_core.domain.jobs import BILLING
from clientflow_core.domain.subscriptions import BillingCustomer, HeldSubscription
from clientflow_core.jobs.execution import Execution
from clientflow_core.jobs.handlers import Handler, ProviderJob
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.billing_customers import put_customer
from clientflow_core.persistence.repositories.jobs import claim_jobs, enqueue
from clientflow_core.persistence.repositories.subscriptions import find_current_subscription
from clientflow_core.persistence.repositories.usage_events import REPORT_USAGE
from clientflow_core.registry.discovery import Plugin
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.services.apply_subscription_change import (
    APPLY_SUBSCRIPTION_CHANGE,
    apply_subscription_change,
    ask_to_apply,
)
from clientflow_core.services.report_usage import report_usage
from clientflow_core.services.sync_billing import SYNC_BILLING, sync_billing
from tests.conftest import Business
from tests.core.services.tills import CUSTOMER, CountingTill, Till
from tests.databases import Addresses

_HANDLERS: Final[Mapping[str, Any]] = {
    APPLY_SUBSCRIPTION_CHANGE: apply_subscription_change,
    REPORT_USAGE: report_usage,
    SYNC_BILLING.kind: sync_billing,
}


@attrs.define(eq=False)
class Shop:
    """An organization, and the tills at which it may pay."""

    addresses: Addresses
    database: Database
    business: Business
    registry: ProviderRegistry
    till: CountingTill
    other: Till

    @property
    def organization_id(self) -> uuid.UUID:
        """Whose it is."""
        return self.business.organization_id

    async def become_customer(self, till: Till | None = None, *, name: str = CUSTOMER) -> None:
        """Let the organization be a customer of a till."""
        provider = (till or self.till).name
        async with self.database.organization(self.organization_id) as transaction:
            made = BillingCustomer(provider=provider, provider_customer_id=name)
            await put_customer(transaction, made)

    async def ask(self, subscription: str | None = None, *, till: Till | None = None) -> None:
        """Ask for a subscription to be read."""
        async with self.database.organization(self.organization_id) as transaction:
            await ask_to_apply(transaction, (till or self.till).name, subscription=subscription)

    async def ask_to_sync(self) -> None:
        """Ask for what the schedule asks for."""
        async with self.database.system() as transaction:
            await enqueue(transaction, lane=BILLING, kind=SYNC_BILLING.kind, args={})

    async def do_jobs(self) -> None:
        """Do every job of billing that there is, once, one after the other."""
        handlers: dict[str, Handler] = {
            kind: ProviderJob(handle=functools.partial(handle, registry=self.registry))
            for kind, handle in _HANDLERS.items()
        }
        execution = Execution(self.database, handlers)
        self.rows("UPDATE jobs SET run_at = now() WHERE dead_at IS NULL AND claimed_by IS NULL")
        async with self.database.system() as transaction:
            claimed = await claim_jobs(transaction, lane=BILLING, worker=1, most=50)
        for group in execution.divide(claimed):
            await execution.run(group)

    async def current(self) -> HeldSubscription | None:
        """Give what the organization lives by."""
        async with self.database.organization(self.organization_id) as transaction:
            return await find_current_subscription(transaction)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the database as its superuser."""
        with self.addresses.connect() as connection:
            cursor = connection.execute(query.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def jobs(self) -> list[tuple[Any, ...]]:
        """Give kind, error and attempts of each job that is left."""
        return self.rows("SELECT kind, last_error, attempts FROM jobs ORDER BY id")


@asynccontextmanager
async def opened_shop(
    addresses: Addresses, database: Database, business: Business
) -> AsyncIterator[Shop]:
    """Open one with a till that counts, and a local one that does not; the local one first."""
    till, other = CountingTill("till"), Till("box")
    specs = (other.spec(is_local=True), till.spec())
    plugin = Plugin(name="tills", version="0", specs=specs)
    async with ProviderRegistry([plugin], {}, public_url="http://a.example") as registry:
        yield Shop(addresses, database, business, registry, till, other)
