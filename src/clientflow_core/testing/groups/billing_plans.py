"""What is on sale, and what it costs."""

from collections.abc import Sequence
from typing import Any, Final

from hypothesis import strategies as st

from clientflow_core.domain.billing import Plan
from clientflow_core.domain.money import Money
from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.groups.billing import BillingChecks, done
from clientflow_core.testing.samples import happen
from clientflow_core.testing.stage import Stage
from clientflow_core.testing.strategies import CURRENCIES, amounts

_KEY: Final = "kit_plan"


class BillingPlanChecks(BillingChecks):
    """``list_plans``."""

    @check("plans.are-whole", Tier.BRONZE)
    async def test_plans_are_whole(self, stage: Stage) -> None:
        """Each plan has a key, which no other has, a title, and an amount of money."""
        async with stage.provider() as provider:
            plans = await self.plans(provider)
        for plan in plans:
            assert isinstance(plan, Plan), f"list_plans gives {plan!r}, which is no Plan"
            assert isinstance(plan.price, Money), f"a plan costs {plan.price!r}"
            assert plan.key.split() == [plan.key], f"{plan.key!r} is no key"
            assert plan.title.strip(), f"the plan {plan.key} has no title"
        keys = [plan.key for plan in plans]
        assert len(set(keys)) == len(keys), f"two plans have the same key: {keys}"

    @check("plans.prices-are-exact", Tier.BRONZE)
    def test_prices_are_exact(self) -> None:
        """Every amount arrives to the unit: of cents, of whole yen, of thousandths of a dinar."""
        with self.stage() as stage:
            plans = stage.provider()
            provider = stage.run(plans.__aenter__())

            def are_exact(prices: Sequence[Money]) -> None:
                for price in prices:
                    found = stage.run(self._offer(provider, stage, price))
                    assert found.price == price, f"{price} becomes {found.price}"

            self.hold(st.tuples(*(amounts(one) for one in CURRENCIES)), are_exact)
            stage.run(plans.__aexit__(None, None, None))

    @check("plans.key-outlives-its-price", Tier.SILVER)
    async def test_key_outlives_its_price(self, stage: Stage) -> None:
        """When a plan costs something else, its key stays, and names the new price alone."""
        async with stage.provider() as provider:
            await self._offer(provider, stage, Money(minor=1000, currency="USD"))
            dearer = Money(minor=1500, currency="USD")
            found = await self._offer(provider, stage, dearer)
        assert found.price == dearer, f"the price was raised to {dearer}, and is {found.price}"

    async def _offer(self, provider: Any, stage: Stage, price: Money) -> Plan:
        fields = {"key": _KEY, "amount": str(price.minor), "currency": price.currency}
        happen(self, stage, self.name_of_price(stage), fields)
        plans = await done("list_plans", provider.list_plans())
        found = [plan for plan in plans if plan.key == _KEY]
        assert len(found) == 1, f"put on sale as {_KEY!r}, a plan is there {len(found)} times"
        plan: Plan = found[0]
        return plan
