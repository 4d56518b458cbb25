"""By whom a plan is sold, and that who buys can be found again before anything is paid."""

from collections.abc import AsyncIterator

import pytest

from clientflow_core.domain.billing import SubscriptionStatus
from clientflow_core.domain.roles import Principal, Role
from clientflow_core.errors import Conflict, NotFound, ProviderUnavailable
from clientflow_core.persistence.database import Database
from clientflow_core.services.list_invoices import list_invoices
from clientflow_core.services.open_billing_portal import open_billing_portal
from clientflow_core.services.start_checkout import Purchase, start_checkout
from tests.conftest import Business, add_business
from tests.core.services.billed import Shop, opened_shop
from tests.core.services.tills import CUSTOMER, subscription
from tests.databases import Addresses, empty


@pytest.fixture
def addresses(shared: Addresses) -> Addresses:
    return empty(shared)


@pytest.fixture
async def shop(addresses: Addresses, database: Database, business: Business) -> AsyncIterator[Shop]:
    async with opened_shop(addresses, database, business) as made:
        yield made


async def buy(shop: Shop, *, provider: str | None = None, by: Business | None = None) -> str:
    organization_id = (by or shop.business).organization_id
    principal = Principal(organization_id=organization_id, role=Role.OWNER)
    purchase = Purchase(
        plan_key="team", provider=provider, key="k", back_url="http://a.example/billing"
    )
    page = await start_checkout(shop.database, principal, purchase, registry=shop.registry)
    return page.url


def customers(shop: Shop) -> list[tuple[str, ...]]:
    return shop.rows("SELECT provider, provider_customer_id FROM billing_customers ORDER BY 1")


async def test_outside_provider_comes_before_a_local_one(shop: Shop) -> None:
    assert await buy(shop) == "https://till.example/team"
    assert customers(shop) == [("till", CUSTOMER)]


async def test_who_is_named_sells(shop: Shop) -> None:
    assert await buy(shop, provider="box") == "https://box.example/team"
    with pytest.raises(NotFound, match="no billing provider 'bank'"):
        await buy(shop, provider="bank")


async def test_customer_is_made_once_and_known_even_where_the_checkout_fails(shop: Shop) -> None:
    assert await buy(shop)
    shop.till.error = ProviderUnavailable("busy")
    with pytest.raises(ProviderUnavailable):
        await buy(shop)
    assert customers(shop) == [("till", CUSTOMER)]
    assert [call.split()[0] for call in shop.till.calls] == [
        "ensure_customer",
        "check_out",
        "check_out",
    ]


async def test_customer_of_one_organization_is_never_anothers(shop: Shop) -> None:
    assert await buy(shop)
    other = add_business(shop.addresses, address="+14155550199")
    with pytest.raises(Conflict, match="another organization is the customer cus_1"):
        await buy(shop, by=other)


async def test_who_waits_for_the_first_payment_may_begin_anew(shop: Shop) -> None:
    await buy(shop)
    shop.till.have(subscription(status=SubscriptionStatus.INCOMPLETE))
    await shop.ask()
    await shop.do_jobs()
    assert await buy(shop) == "https://till.example/team"
    with pytest.raises(Conflict, match="pays by till"):
        await buy(shop, provider="box")
    shop.till.have(subscription())
    await shop.ask()
    await shop.do_jobs()
    with pytest.raises(Conflict, match="has a subscription already, at till"):
        await buy(shop)


async def test_portal_is_that_of_where_one_has_begun_to_pay(shop: Shop) -> None:
    with pytest.raises(NotFound, match="never bought anything"):
        await portal(shop)
    await buy(shop)
    assert await portal(shop) == f"https://till.example/{CUSTOMER}"
    # It tells of no invoices.
    found = await list_invoices(shop.database, shop.organization_id, registry=shop.registry)
    assert list(found) == []


async def portal(shop: Shop) -> str:
    page = await open_billing_portal(
        shop.database, shop.organization_id, registry=shop.registry, back_url="http://a.example"
    )
    return page.url
