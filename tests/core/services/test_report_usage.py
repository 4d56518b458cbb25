"""What was used counts once here, and once at who charges for it."""

import uuid
from collections.abc import AsyncIterator

import pytest

from clientflow_core.errors import AuthFailed, OutcomeUnknown, ProviderUnavailable, RejectedInput
from clientflow_core.persistence.database import Database
from clientflow_core.services.record_usage import record_usage
from tests.conftest import Business
from tests.core.services.billed import Shop, opened_shop
from tests.core.services.tills import CUSTOMER, Till, subscription
from tests.databases import Addresses, empty


@pytest.fixture
def addresses(shared: Addresses) -> Addresses:
    return empty(shared)


@pytest.fixture
async def shop(addresses: Addresses, database: Database, business: Business) -> AsyncIterator[Shop]:
    async with opened_shop(addresses, database, business) as made:
        yield made


async def buy(shop: Shop, till: Till) -> None:
    await shop.become_customer(till)
    till.have(subscription())
    await shop.ask(till=till)
    await shop.do_jobs()


async def use(shop: Shop, *messages: uuid.UUID) -> None:
    for message in messages:
        async with shop.database.organization(shop.organization_id) as transaction:
            await record_usage(transaction, message)


def reported(shop: Shop) -> list[tuple[bool]]:
    return shop.rows("SELECT reported_at IS NOT NULL FROM usage_events ORDER BY id")


async def test_text_counts_once_and_is_told_once(shop: Shop) -> None:
    await buy(shop, shop.till)
    one, other = uuid.uuid4(), uuid.uuid4()
    await use(shop, one, one, other, one)
    await shop.do_jobs()
    assert [(told.meter, told.quantity) for told in shop.till.told] == [("texts_sent", 1)] * 2
    assert {told.provider_customer_id for told in shop.till.told} == {CUSTOMER}
    assert (reported(shop), shop.jobs()) == ([(True,), (True,)], [])


async def test_what_nobody_pays_for_is_counted_and_told_to_nobody(shop: Shop) -> None:
    await use(shop, uuid.uuid4())
    assert (reported(shop), shop.jobs()) == ([(False,)], [])


async def test_provider_that_does_not_charge_for_use_is_not_told(shop: Shop) -> None:
    await buy(shop, shop.other)
    await use(shop, uuid.uuid4())
    await shop.do_jobs()
    assert (reported(shop), shop.jobs()) == ([(False,)], [])


@pytest.mark.parametrize(
    "error", [OutcomeUnknown("cut"), ProviderUnavailable("busy"), AuthFailed("a wrong key")]
)
async def test_what_may_not_have_been_heard_is_told_again_with_its_id(
    shop: Shop, error: Exception
) -> None:
    await buy(shop, shop.till)
    await use(shop, uuid.uuid4())
    shop.till.error = error
    await shop.do_jobs()
    assert len(shop.jobs()) == 1
    shop.till.error = None
    shop.registry.lifecycle("till").close()
    await shop.do_jobs()
    asked = [call for call in shop.till.calls if call.startswith("report_usage")]
    assert (len(set(asked)), reported(shop), shop.jobs()) == (1, [(True,)], [])


async def test_what_is_refused_for_good_is_not_told_for_ever(shop: Shop) -> None:
    await buy(shop, shop.till)
    await use(shop, uuid.uuid4())
    shop.till.error = RejectedInput("there is no such meter")
    await shop.do_jobs()
    assert (reported(shop), shop.jobs()) == ([(False,)], [])


async def test_subscription_that_has_ended_before_is_charged_for_nothing(shop: Shop) -> None:
    await buy(shop, shop.till)
    await use(shop, uuid.uuid4())
    shop.rows("UPDATE subscriptions SET is_current = false")
    await shop.do_jobs()
    assert (shop.till.told, shop.jobs()) == ([], [])
