from collections.abc import AsyncIterator

import attrs
import pytest
from aiohttp.test_utils import TestServer

from clientflow_core.sandbox import build_sandbox_app
from clientflow_plugins.stripe.sandbox import StripeSandbox
from tests.examples.conftest import Example, blocked_beside

NAME = "sell_a_plan.py"


@pytest.fixture
async def stripe_sandbox() -> AsyncIterator[StripeSandbox]:
    made = StripeSandbox(
        base_url="http://not-yet",
        host_url="http://127.0.0.1:9",
        credentials=StripeSandbox.new_credentials(),
    )
    async with TestServer(build_sandbox_app([made])) as server:
        made.base_url = str(server.make_url("/stripe"))
        yield made


async def test_plan_is_offered_with_nothing_else_installed(stripe_sandbox: StripeSandbox) -> None:
    settings = stripe_sandbox.settings()
    example = Example(blocked=blocked_beside("stripe"), settings=settings)
    result = await example.run_aside(NAME, "pro", "Ada & Sons", "ada@example.com")
    assert (result.returncode, result.stderr) == (0, "")
    (session,) = stripe_sandbox.state()["checkout_sessions"]
    assert result.stdout == f"Pay at {session['url']}\n"
    (customer,) = stripe_sandbox.state()["customers"]
    assert (customer["name"], customer["email"]) == ("Ada & Sons", "ada@example.com")


async def test_plan_that_is_none_says_so(stripe_sandbox: StripeSandbox) -> None:
    example = Example(blocked=blocked_beside("stripe"), settings=stripe_sandbox.settings())
    result = await example.run_aside(NAME, "golden", "Ada", "ada@example.com")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == ("not sold: Stripe has no active price with the lookup key 'golden'\n")


async def test_missing_sdk_is_told_with_what_installs_it(stripe_sandbox: StripeSandbox) -> None:
    example = Example(blocked=blocked_beside("stripe"), settings=stripe_sandbox.settings())
    without = attrs.evolve(example, blocked=example.blocked | {"stripe"})
    result = await without.run_aside(NAME, "pro", "Ada", "ada@example.com")
    assert result.returncode == 1
    assert "clientflow[stripe]" in result.stderr
    assert "Traceback" not in result.stderr
