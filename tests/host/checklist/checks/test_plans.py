"""The checks of the plans: what Stripe sells is what the database says, to the cent."""

from collections.abc import AsyncIterator
from typing import Final

import pytest
from aiohttp.test_utils import TestServer

from clientflow_core.contributions.checks import CheckStatus
from clientflow_core.sandbox import build_sandbox_app
from clientflow_host.checklist.checks import load_checks
from clientflow_plugins.stripe.sandbox import StripeSandbox
from tests.host.checklist.conftest import Context, ask
from tests.host.conftest import Host

CREDENTIALS: Final = StripeSandbox.new_credentials()
PLANS: Final = {"BS1": "free", "BS2": "pro", "BS3": "scale"}


@pytest.fixture
def values(values: dict[str, str]) -> dict[str, str]:
    base = f"http://127.0.0.1:{values['CLIENTFLOW_SANDBOX_PORT']}/stripe"
    return values | CREDENTIALS | {"STRIPE_API_BASE_URL": base}


@pytest.fixture
async def stripe(values: dict[str, str]) -> AsyncIterator[StripeSandbox]:
    """Stripe, as the settings lead to it."""
    made = StripeSandbox(
        base_url=values["STRIPE_API_BASE_URL"],
        host_url=values["CLIENTFLOW_PUBLIC_URL"],
        credentials=CREDENTIALS,
    )
    port = int(values["CLIENTFLOW_SANDBOX_PORT"])
    async with TestServer(build_sandbox_app([made]), port=port):
        yield made


async def mend(context: Context) -> str:
    fix = load_checks()["BS1"].fix
    assert fix
    return await fix(context())


@pytest.mark.usefixtures("stripe")
@pytest.mark.parametrize(("item", "key"), list(PLANS.items()))
async def test_plan_that_was_not_written_down_fails_until_it_is(
    context: Context, item: str, key: str
) -> None:
    red = await ask(item, context())
    assert (red.status, red.found) == (CheckStatus.FAILED, "it is not there")
    assert "clientflow billing sync" in red.hint
    assert await mend(context) == "Written down is what stripe sells."
    green = await ask(item, context())
    assert (green.status, key in green.expected) == (CheckStatus.PASSED, True)


async def test_plan_of_another_price_fails(
    host: Host, context: Context, stripe: StripeSandbox
) -> None:
    await mend(context)
    host.rows("UPDATE plans SET price_minor = price_minor + 1 WHERE key = 'pro'")
    found = await ask("BS2", context())
    assert (found.status, found.found) == (CheckStatus.FAILED, "Pro for 49.01 USD")
    stripe.books.prices["price_pro"]["unit_amount"] = 4901
    assert (await ask("BS2", context())).status is CheckStatus.PASSED


async def test_plan_that_is_not_on_sale_is_for_the_plugin_to_judge(
    context: Context, stripe: StripeSandbox
) -> None:
    stripe.books.prices["price_free"]["lookup_key"] = None
    found = await ask("BS1", context())
    assert (found.status, found.found) == (CheckStatus.SKIPPED, "free is not on sale")
