"""What Stripe tells of a subscription comes twice and in any order: the end is the same."""

import random
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from aiohttp.test_utils import TestServer

from clientflow_core.sandbox import SignedRequest, build_sandbox_app
from clientflow_plugins.stripe.sandbox import StripeSandbox
from clientflow_plugins.stripe.webhooks import EVENT_TYPES
from tests.host.conftest import Host, until
from tests.host.pages.conftest import add_user

# In an order in which each can happen to one subscription.
STORY: Final = (
    "checkout.session.completed",
    "customer.subscription.updated",
    "invoice.payment_action_required",
    "invoice.payment_failed",
    "invoice.paid",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "charge.dispute.created",
)


@pytest.fixture
async def served(stripe: StripeSandbox, values: dict[str, str]) -> AsyncIterator[None]:
    """It, served."""
    async with TestServer(build_sandbox_app([stripe]), port=int(values["CLIENTFLOW_SANDBOX_PORT"])):
        yield


def let_happen(stripe: StripeSandbox, name: str) -> list[SignedRequest]:
    """Let something happen at Stripe, and give the webhooks that would tell of it."""
    event = next(one for one in stripe.events() if one.name == name)
    return list(event.happen({field.name: field.default or "" for field in event.fields}).requests)


async def send(host: Host, request: SignedRequest) -> int:
    async with host.http.post(request.url, data=request.body, headers=request.headers) as answer:
        return answer.status


async def plan_on_sale(host: Host) -> str:
    async def look() -> Any:
        return (await host.get("/plans"))["data"]

    return str((await until(look))[0]["key"])


@pytest.mark.proves("BS5", "BO5", "TI1")
@pytest.mark.parametrize(
    ("ending", "seed"),
    [
        ("customer.subscription.deleted", 1),
        ("customer.subscription.deleted", 2),
        ("invoice.payment_failed", 3),
    ],
)
async def test_events_come_twice_and_shuffled_and_the_end_is_the_same(
    stripe: StripeSandbox, served: None, host: Host, worker: None, seed: int, ending: str
) -> None:
    add_user(host)
    key = await plan_on_sale(host)
    await host.post("/billing/checkout", {"plan_key": key}, key="k")
    told = [one for name in (*STORY, ending) for one in let_happen(stripe, name)]
    twice = [*told, *told]
    random.Random(seed).shuffle(twice)
    assert {await send(host, one) for one in twice} == {200}
    await host.quiet()
    [(state,)] = [(one["status"],) for one in stripe.state()["subscriptions"]]
    found = (await host.get("/subscription"))["subscription"]
    if ending == "customer.subscription.deleted":
        assert (state, found) == ("canceled", None)
    else:
        assert found["status"] == state == "past_due"
        assert found["plan_key"] == key
    assert host.count("subscriptions") == 1
    assert host.count("inbound_events") == len({one.body for one in told})


def test_the_story_leaves_out_only_what_another_kind_of_purchase_has() -> None:
    others = {
        "checkout.session.async_payment_succeeded",
        "customer.subscription.trial_will_end",
        "customer.subscription.created",
        "customer.subscription.deleted",
    }
    assert set(EVENT_TYPES) - set(STORY) <= others
