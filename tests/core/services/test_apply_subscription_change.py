"""What a subscription is, is read from its provider, whatever comes in whichever order."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from clientflow_core.domain.billing import SubscriptionStatus
from clientflow_core.errors import AuthFailed, ProviderUnavailable
from clientflow_core.persistence.database import Database
from tests.conftest import Business
from tests.core.services.billed import Shop, opened_shop
from tests.core.services.tills import subscription
from tests.databases import Addresses, empty

ACTIVE, PAST_DUE = SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE
CANCELED = SubscriptionStatus.CANCELED


@pytest.fixture
def addresses(shared: Addresses) -> Addresses:
    return empty(shared)


@pytest.fixture
async def shop(addresses: Addresses, database: Database, business: Business) -> AsyncIterator[Shop]:
    async with opened_shop(addresses, database, business) as made:
        await made.become_customer()
        yield made


async def test_what_is_read_is_what_the_organization_lives_by(shop: Shop) -> None:
    shop.till.have(subscription())
    await shop.ask("sub_1")
    await shop.do_jobs()
    held = await shop.current()
    assert held
    assert (held.provider, held.subscription) == ("till", subscription())
    assert shop.rows("SELECT kind, subject_id FROM stream_events") == [
        ("subscription.updated", held.id)
    ]
    assert shop.jobs() == []


async def test_what_has_not_changed_is_told_to_nobody(shop: Shop) -> None:
    shop.till.have(subscription())
    for _ in range(2):
        await shop.ask("sub_1")
        await shop.do_jobs()
    assert shop.rows("SELECT count(*) FROM stream_events") == [(1,)]


async def test_read_that_began_later_counts_whichever_ends_first(shop: Shop) -> None:
    slow, shop.till.gate = asyncio.Event(), None
    shop.till.gate = slow
    shop.till.have(subscription())
    await shop.ask("sub_1")
    first = asyncio.create_task(shop.do_jobs())
    await shop.till.asked.wait()
    shop.till.gate = None
    shop.till.have(subscription(status=PAST_DUE))
    await shop.ask("sub_1")
    await shop.do_jobs()
    slow.set()
    await first
    held = await shop.current()
    assert held
    assert held.subscription.status is PAST_DUE
    assert shop.jobs() == []


@pytest.mark.parametrize(
    ("error", "attempts"),
    [(ProviderUnavailable("busy"), 1), (AuthFailed("a wrong key"), 0)],
)
async def test_provider_that_cannot_be_asked_is_asked_later(
    shop: Shop, error: AuthFailed | ProviderUnavailable, attempts: int
) -> None:
    shop.till.error = error
    await shop.ask("sub_1")
    await shop.do_jobs()
    [(_, told, count)] = shop.jobs()
    assert (told, await shop.current()) == (error.code, None)
    assert count <= 1


async def test_subscription_that_is_not_there_is_nobodys(shop: Shop) -> None:
    await shop.ask("sub_9")
    await shop.do_jobs()
    assert (shop.jobs(), await shop.current()) == ([], None)


async def test_subscription_of_another_customer_is_not_taken(shop: Shop) -> None:
    shop.till.have(subscription(customer="cus_of_somebody_else"))
    await shop.ask("sub_1")
    await shop.do_jobs()
    assert shop.rows("SELECT count(*) FROM subscriptions") == [(0,)]


async def test_who_is_no_customer_is_not_asked_for(shop: Shop) -> None:
    await shop.ask("sub_1", till=shop.other)
    await shop.do_jobs()
    assert (shop.jobs(), shop.other.calls) == ([], [])


async def test_of_two_subscriptions_the_better_one_is_lived_by(shop: Shop) -> None:
    shop.till.have(subscription(), subscription("sub_2", PAST_DUE, days=5))
    await shop.ask()
    await shop.do_jobs()
    assert [one[0] for one in current_names(shop)] == ["sub_1"]
    shop.till.have(subscription(status=CANCELED))
    await shop.ask("sub_1")
    await shop.do_jobs()
    assert current_names(shop) == [("sub_2",)]
    shop.till.have(subscription("sub_2", CANCELED))
    await shop.ask("sub_2")
    await shop.do_jobs()
    assert (current_names(shop), await shop.current()) == ([], None)


async def test_of_two_equal_ones_the_later_one_is_lived_by(shop: Shop) -> None:
    shop.till.have(subscription("sub_2", days=5), subscription())
    await shop.ask()
    await shop.do_jobs()
    assert current_names(shop) == [("sub_2",)]


async def test_subscriptions_of_two_providers_never_are_current_both(shop: Shop) -> None:
    await shop.become_customer(shop.other)
    shop.till.have(subscription())
    shop.other.have(subscription("sub_2", days=1))
    await shop.ask()
    await shop.ask(till=shop.other)
    await shop.do_jobs()
    assert current_names(shop) == [("sub_2",)]
    assert shop.rows("SELECT count(*) FROM subscriptions") == [(2,)]


def current_names(shop: Shop) -> list[tuple[str, ...]]:
    return shop.rows("SELECT provider_subscription_id FROM subscriptions WHERE is_current")
