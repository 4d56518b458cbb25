"""What is on sale, and what may have been missed."""

from collections.abc import AsyncIterator

import pytest

from clientflow_core.errors import ProviderUnavailable
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.plans import list_plans
from tests.conftest import Business
from tests.core.services.billed import Shop, opened_shop
from tests.core.services.tills import plan, subscription
from tests.databases import Addresses, empty


@pytest.fixture
def addresses(shared: Addresses) -> Addresses:
    return empty(shared)


@pytest.fixture
async def shop(addresses: Addresses, database: Database, business: Business) -> AsyncIterator[Shop]:
    async with opened_shop(addresses, database, business) as made:
        yield made


async def sync(shop: Shop) -> None:
    await shop.ask_to_sync()
    await shop.do_jobs()


async def on_sale(shop: Shop, *keys: str) -> list[tuple[str, str, int]]:
    async with shop.database.organization(shop.organization_id) as transaction:
        found = await list_plans(transaction, ["till", "box"], keys=keys)
    return [(one.provider, one.plan.key, one.plan.price.minor) for one in found]


async def test_plans_are_those_of_the_providers_in_their_order(shop: Shop) -> None:
    shop.other.plans = [plan("team", minor=1), plan("starter", minor=2)]
    await sync(shop)
    assert await on_sale(shop) == [
        ("till", "starter", 1900),
        ("till", "team", 4900),
        ("box", "team", 1),
        ("box", "starter", 2),
    ]


async def test_plan_that_is_sold_no_longer_is_shown_to_who_has_it_alone(shop: Shop) -> None:
    await sync(shop)
    shop.till.plans = [plan("team", minor=5900)]
    await sync(shop)
    assert [one for one in await on_sale(shop) if one[0] == "till"] == [("till", "team", 5900)]
    assert ("till", "starter", 1900) in await on_sale(shop, "starter")


async def test_provider_that_does_not_answer_is_in_nobodys_way(shop: Shop) -> None:
    shop.till.error = ProviderUnavailable("busy")
    await sync(shop)
    assert {one[0] for one in await on_sale(shop)} == {"box"}
    assert shop.jobs() == [("sync_billing", "provider_unavailable", 1)]


async def test_what_was_missed_is_read_and_asked_for_once(shop: Shop) -> None:
    await shop.become_customer()
    shop.till.have(subscription())
    await sync(shop)
    assert [kind for kind, *_ in shop.jobs()] == ["apply_subscription_change"]
    await shop.do_jobs()
    held = await shop.current()
    assert held
    assert held.subscription == subscription()
    shop.till.error = ProviderUnavailable("busy")
    await shop.ask()
    await shop.ask_to_sync()
    await shop.do_jobs()
    assert [kind for kind, *_ in shop.jobs()].count("apply_subscription_change") == 1
