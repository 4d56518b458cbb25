"""Subscriptions: what is read of them, and what is done to them."""

from typing import Any, Final

from clientflow_core.domain.billing import Subscription, SubscriptionStatus
from clientflow_core.domain.changes import SubscriptionChanged
from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.groups.billing import BillingChecks, done, new_key, require_rejected
from clientflow_core.testing.groups.billing_machine import SubscriptionMachine, read_webhook
from clientflow_core.testing.samples import happen
from clientflow_core.testing.skips import NotSupported, leave_out
from clientflow_core.testing.stage import Stage

_NOBODY: Final = "kit_no_such_subscription"
_STEPS: Final = 12
_SERVED: Final = frozenset({SubscriptionStatus.ACTIVE, SubscriptionStatus.TRIALING})


class BillingSubscriptionChecks(BillingChecks):
    """What becomes of a subscription."""

    @check("subscription.is-whole", Tier.BRONZE)
    async def test_subscription_is_whole(self, stage: Stage) -> None:
        """Read alone or among all, it is the same: its customer's, with times that are aware."""
        async with stage.provider() as provider:
            customer = await self.customer(provider)
            one = await self.begin(provider, stage, customer=customer)
            other = await self.begin(provider, stage, customer=customer)
            owned = await self.owned(provider, customer)
            alone = [await self._get(provider, each) for each in (other, one)]
        assert list(owned) == alone, (
            f"list_subscriptions, the newest first, and get_subscription differ: {owned}, {alone}"
        )
        assert one.provider_customer_id == customer, f"it is {one.provider_customer_id!r}'s"
        for moment in (one.period_start, one.period_end):
            assert moment.tzinfo is not None, "its period has no time zone"
        assert one.period_start < one.period_end, "its period ends before it begins"

    @check("subscription.unknown-one-is-rejected", Tier.BRONZE)
    async def test_unknown_subscription_is_rejected(self, stage: Stage) -> None:
        """A subscription or a plan that is none raises ``RejectedInput``."""
        async with stage.provider() as provider:
            plans = await self.plans(provider)
            begun = await self.begin(provider, stage)
            name = begun.provider_subscription_id
            await require_rejected("get_subscription of none", provider.get_subscription(_NOBODY))
            change = provider.change_plan(_NOBODY, plan_key=plans[1].key, key=new_key())
            await require_rejected("change_plan of no subscription", change)
            change = provider.change_plan(name, plan_key="kit_no_such_plan", key=new_key())
            await require_rejected("change_plan to no plan", change)

    @check("subscription.plan-is-changed", Tier.BRONZE)
    async def test_plan_is_changed(self, stage: Stage) -> None:
        """``change_plan`` moves that subscription to that plan at once, and says so."""
        async with stage.provider() as provider:
            plans = await self.plans(provider)
            customer = await self.customer(provider)
            other = await self.begin(provider, stage, customer=customer)
            begun = await self.begin(provider, stage, customer=customer)
            work = provider.change_plan(
                begun.provider_subscription_id, plan_key=plans[1].key, key=new_key()
            )
            told = await done("change_plan", work)
            now, beside = await self._get(provider, begun), await self._get(provider, other)
        assert told == now, f"change_plan says {told}, and get_subscription {now}"
        assert now.plan_key == plans[1].key, f"moved to {plans[1].key!r}, it is {now.plan_key!r}"
        assert beside == other, "another subscription of the customer was changed with it"

    @check("subscription.ends-when-it-is-asked-to", Tier.BRONZE)
    async def test_subscription_ends_when_it_is_asked_to(self, stage: Stage) -> None:
        """``cancel`` ends it at once, or with its period; what is over stays so without error."""
        async with stage.provider() as provider:
            begun = await self.begin(provider, stage)
            later = await self._cancel(provider, begun, is_at_once=False)
            assert later.status in _SERVED, f"paid for until its period ends, it is {later.status}"
            assert later.is_ending, "it is to end with its period, and does not say so"
            for _ in range(2):
                over = await self._cancel(provider, begun, is_at_once=True)
                assert over.status is SubscriptionStatus.CANCELED, f"ended, it is {over.status!r}"

    @check("subscription.unpaid-is-not-active", Tier.BRONZE, is_ability=True)
    async def test_unpaid_subscription_is_not_active(self, stage: Stage) -> None:
        """When a payment fails it is neither *active* nor *trialing*."""
        failure = self.name_of_failure(stage)
        if failure is None:
            leave_out(NotSupported("the sandbox has no event by which a payment fails"))
        async with stage.provider() as provider:
            begun = await self.begin(provider, stage)
            happen(self, stage, failure)
            now = await self._get(provider, begun)
        assert now.status not in _SERVED, f"its payment has failed, and it is {now.status!r}"

    @check("subscription.events-name-it", Tier.BRONZE, is_ability=True)
    async def test_events_name_the_subscription(self, stage: Stage) -> None:
        """When it begins, a webhook becomes a ``SubscriptionChanged`` with both of its names."""
        self._require_webhooks()
        async with stage.provider() as provider:
            customer, plans = await self.customer(provider), await self.plans(provider)
            request = self.checkout(customer, plans[0])
            await done("check_out", provider.check_out(request, key=new_key()))
            sent = happen(self, stage, self.name_of_begin(stage))
            (begun,) = await self.owned(provider, customer)
        events = [event for one in sent for event in read_webhook(self, stage, one)]
        changes = [event for event in events if isinstance(event, SubscriptionChanged)]
        wanted = SubscriptionChanged(
            provider_customer_id=customer, provider_subscription_id=begun.provider_subscription_id
        )
        assert wanted in changes, f"a subscription has begun, and the webhooks mean {events!r}"

    @check("subscription.events-converge", Tier.SILVER, is_ability=True)
    def test_events_converge(self) -> None:
        """In whatever order its webhooks come, and how often, who reads it anew has it as it is."""
        self._require_webhooks()
        with self.stage() as stage:
            opened = stage.provider()
            provider = stage.run(opened.__aenter__())
            SubscriptionMachine(self, stage, provider).see_everything()
            self.play(lambda: SubscriptionMachine(self, stage, provider), steps=_STEPS)
            stage.run(opened.__aexit__(None, None, None))

    def _require_webhooks(self) -> None:
        if not self.spec.webhooks:
            leave_out(NotSupported("the spec has no webhooks: nobody tells of a change"))

    async def _get(self, provider: Any, known: Subscription) -> Subscription:
        work = provider.get_subscription(known.provider_subscription_id)
        found: Subscription = await done("get_subscription", work)
        return found

    async def _cancel(self, provider: Any, known: Subscription, *, is_at_once: bool) -> Any:
        work = provider.cancel(known.provider_subscription_id, is_at_once=is_at_once, key=new_key())
        told = await done("cancel", work)
        now = await self._get(provider, known)
        assert told == now, f"cancel says {told}, and get_subscription {now}"
        return now
