"""Something about a subscription has changed: what it is now is read from its provider.

What an event says about it is not believed, since events come late, twice and in any order. Nor is
the order of the answers: of two reads, that which began later counts, whichever ends first.
"""

from collections.abc import Sequence
from typing import Final

import attrs

from clientflow_core import failpoints
from clientflow_core.domain.billing import Subscription
from clientflow_core.domain.jobs import BILLING, Job
from clientflow_core.domain.subscriptions import choose_current
from clientflow_core.errors import AuthFailed, ProviderUnavailable, RejectedInput
from clientflow_core.jobs.handlers import JobRun, RetryLater
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.billing_customers import (
    begin_read,
    find_customer,
    lock_customers,
)
from clientflow_core.persistence.repositories.jobs import enqueue
from clientflow_core.persistence.repositories.stream_events import add_stream_event
from clientflow_core.persistence.repositories.subscriptions import (
    list_subscriptions,
    put_subscription,
    set_current,
)
from clientflow_core.registry.registry import ProviderRegistry

APPLY_SUBSCRIPTION_CHANGE: Final = "apply_subscription_change"
# Credentials are mended by a person.
_UNFIT_PAUSE_SECONDS: Final = 300.0


@attrs.frozen(kw_only=True)
class _Read:
    """What is read: a subscription, or all of a customer.

    Attributes:
        number: of two reads, the one with the greater number began later.
    """

    provider: str
    customer: str
    subscription: str | None
    number: int


async def ask_to_apply(
    transaction: Transaction, provider: str, *, subscription: str | None = None
) -> None:
    """Ask for a *subscription* of the organization to be read anew; without one, for all of it."""
    args = {"provider": provider}
    if subscription is not None:
        args["subscription"] = subscription
    await enqueue(transaction, lane=BILLING, kind=APPLY_SUBSCRIPTION_CHANGE, args=args)


async def apply_subscription_change(run: JobRun, *, registry: ProviderRegistry) -> None:
    """Read what the job names from its provider, and write it down.

    Raises:
        RetryLater: the provider cannot be asked now.
        PluginError: it is not enabled.
    """
    async with run.transaction() as transaction:
        read = await _begin(transaction, run.job)
    failpoints.hit("apply_subscription_change.begun")
    found = () if read is None else await _ask(run, read, registry)
    failpoints.hit("apply_subscription_change.asked")
    async with run.last_transaction() as transaction:
        if read is not None:
            await _record(transaction, read, found)
        failpoints.hit("apply_subscription_change.recorded")


async def _begin(transaction: Transaction, job: Job) -> _Read | None:
    provider = str(job.args["provider"])
    customer = await find_customer(transaction, provider)
    number = await begin_read(transaction, provider)
    if customer is None or number is None:
        return None
    return _Read(
        provider=provider,
        customer=customer.provider_customer_id,
        subscription=job.args.get("subscription"),
        number=number,
    )


async def _ask(run: JobRun, read: _Read, registry: ProviderRegistry) -> Sequence[Subscription]:
    organization_id = run.job.organization_id
    try:
        billing = await registry.billing(read.provider, organization_id=organization_id)
        if read.subscription is None:
            return await billing.list_subscriptions(read.customer)
        return [await billing.get_subscription(read.subscription)]
    except RejectedInput:
        # It is not there, or no longer: nothing is known of it.
        return ()
    except AuthFailed as error:
        pause = _UNFIT_PAUSE_SECONDS
        raise RetryLater(error.code, delay_seconds=pause, is_attempt=False) from error
    except ProviderUnavailable as error:
        raise RetryLater(error.code, delay_seconds=error.retry_after_seconds) from error


async def _record(transaction: Transaction, read: _Read, found: Sequence[Subscription]) -> None:
    # Two subscriptions may change at once, and only one of them is the current one.
    await lock_customers(transaction)
    # What a forged name leads to is somebody else's.
    ours = [one for one in found if one.provider_customer_id == read.customer]
    changed = [
        await put_subscription(
            transaction, provider=read.provider, found=one, read_number=read.number
        )
        for one in ours
    ]
    if not any(changed):
        return
    held = await list_subscriptions(transaction)
    current = choose_current(held)
    await set_current(transaction, current)
    await add_stream_event(transaction, "subscription.updated", (current or held[0]).id)
