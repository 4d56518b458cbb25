"""Whatever becomes of the events, what we keep of billing ends up as its provider has it."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clientflow_core.domain.billing import Subscription, SubscriptionStatus
from clientflow_core.domain.subscriptions import choose_current
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.subscriptions import list_subscriptions
from tests.conftest import add_business
from tests.core.services.billed import Shop, opened_shop
from tests.core.services.tills import subscription
from tests.databases import Addresses, empty

pytestmark = pytest.mark.proves("TI1")

NAMES = ("sub_1", "sub_2", "sub_3")


@attrs.frozen
class Step:
    """Something happens at the provider, and then some events arrive, of that or of before.

    Attributes:
        change: what a subscription is from now on.
        told: of which subscriptions events arrive; all others are lost.
        is_handled: whether what has arrived is handled before anything else happens.
    """

    change: Subscription
    told: Sequence[str]
    is_handled: bool


def changes() -> st.SearchStrategy[Subscription]:
    """Give one of some subscriptions, in any state."""
    return st.builds(
        lambda name, status, days, plan_key, is_ending: attrs.evolve(
            subscription(name, status, days=days), plan_key=plan_key, is_ending=is_ending
        ),
        st.sampled_from(NAMES),
        st.sampled_from(SubscriptionStatus),
        st.integers(0, 3),
        st.sampled_from(["starter", "team"]),
        st.booleans(),
    )


HISTORIES = st.lists(
    st.builds(Step, changes(), st.lists(st.sampled_from(NAMES), max_size=3), st.booleans()),
    min_size=1,
    max_size=6,
)


async def live_through(shop: Shop, history: Sequence[Step]) -> None:
    """Let the provider live through *history*, and see that we are where it is in the end."""
    shop.rows("DELETE FROM subscriptions")
    shop.rows("DELETE FROM jobs")
    shop.till.has.clear()
    for step in history:
        shop.till.have(step.change)
        for name in step.told:
            await shop.ask(name)
        if step.is_handled:
            await shop.do_jobs()
    await shop.ask_to_sync()
    await shop.do_jobs()
    await shop.do_jobs()
    async with shop.database.organization(shop.organization_id) as transaction:
        held = await list_subscriptions(transaction)
    kept = {one.subscription.provider_subscription_id: one.subscription for one in held}
    assert kept == shop.till.has
    assert await shop.current() == next((one for one in held if one.is_current), None)
    best = choose_current(held)
    assert [one.id for one in held if one.is_current] == ([best.id] if best else [])
    assert shop.jobs() == []


def test_any_history_with_events_lost_doubled_and_out_of_order_ends_as_the_provider_has_it(
    shared: Addresses,
) -> None:
    business = add_business(empty(shared))
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        database = Database(shared.application, pool_size=2)
        stack.push_async_callback(database.close)
        opening = stack.enter_async_context(opened_shop(shared, database, business))
        shop = runner.run(opening)
        runner.run(shop.become_customer())

        @settings(max_examples=12)
        @given(HISTORIES)
        def ends_as_the_provider_has_it(history: list[Step]) -> None:
            runner.run(live_through(shop, history))

        ends_as_the_provider_has_it()
        runner.run(stack.aclose())
