"""From an organization to a customer, and from there to a page where somebody pays."""

import asyncio
from typing import Any, Final

import attrs

from clientflow_core.domain.billing import HostedPage, SubscriptionStatus
from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.groups.billing import BillingChecks, done, new_key, require_rejected
from clientflow_core.testing.samples import happen
from clientflow_core.testing.stage import Stage

_MANY: Final = 20
_TRIAL_DAYS: Final = 14
_NOBODY: Final = "kit_no_such_customer"


class BillingSaleChecks(BillingChecks):
    """``ensure_customer``, ``check_out`` and ``open_portal``."""

    @check("customer.is-one-for-each-organization", Tier.BRONZE)
    async def test_customer_is_one_for_each_organization(self, stage: Stage) -> None:
        """An organization stays one customer, and two of the same e-mail address are two."""
        first, second = self.organization(), self.organization()
        async with stage.provider() as provider:
            ids = [
                await done("ensure_customer", provider.ensure_customer(one, key=new_key()))
                for one in (first, first, second)
            ]
        assert ids[0] == ids[1], "asked again, an organization becomes a second customer"
        assert ids[0] != ids[2], "two organizations of the same e-mail address are one customer"

    @check("checkout.page-is-safe", Tier.BRONZE)
    async def test_checkout_page_is_safe(self, stage: Stage) -> None:
        """Who pays is led to a page over HTTPS, which says until when it works with a zone."""
        async with stage.provider() as provider:
            customer, plans = await self.customer(provider), await self.plans(provider)
            work = provider.check_out(self.checkout(customer, plans[0]), key=new_key())
            page = await done("check_out", work)
        _require_safe("check_out", page, stage)

    @check("checkout.sells-when-it-is-paid", Tier.BRONZE)
    async def test_checkout_sells_when_it_is_paid(self, stage: Stage) -> None:
        """Nothing is sold by the page; when it was paid, the subscription to that plan is there."""
        async with stage.provider() as provider:
            customer, plans = await self.customer(provider), await self.plans(provider)
            request = self.checkout(customer, plans[1])
            await done("check_out", provider.check_out(request, key=new_key()))
            before = await self.owned(provider, customer)
            assert not before, "a subscription is there before it was paid for"
            happen(self, stage, self.name_of_begin(stage))
            owned = await self.owned(provider, customer)
        assert len(owned) == 1, f"one checkout was paid, and there are {len(owned)} subscriptions"
        assert owned[0].plan_key == plans[1].key, (
            f"{plans[1].key!r} was paid for, and sold is {owned[0].plan_key!r}"
        )
        assert owned[0].status is SubscriptionStatus.ACTIVE, (
            f"a subscription that is paid for is {owned[0].status!r}"
        )

    @check("checkout.trial-is-a-trial", Tier.SILVER)
    async def test_trial_is_a_trial(self, stage: Stage) -> None:
        """With days of trial it is *trialing*, for about as many days."""
        async with stage.provider() as provider:
            begun = await self.begin(provider, stage, trial_days=_TRIAL_DAYS)
        assert begun.status is SubscriptionStatus.TRIALING, f"in its trial it is {begun.status!r}"
        days = (begun.period_end - begun.period_start).days
        assert abs(days - _TRIAL_DAYS) <= 1, f"{_TRIAL_DAYS} days of trial are {days}"

    @check("checkout.unknown-names-are-rejected", Tier.BRONZE)
    async def test_unknown_names_are_rejected(self, stage: Stage) -> None:
        """A plan or a customer that is none raises ``RejectedInput``."""
        async with stage.provider() as provider:
            customer, plans = await self.customer(provider), await self.plans(provider)
            good = self.checkout(customer, plans[0])
            for bad in (
                attrs.evolve(good, plan_key="kit_no_such_plan"),
                attrs.evolve(good, provider_customer_id=_NOBODY),
            ):
                work = provider.check_out(bad, key=new_key())
                await require_rejected(f"check_out of {bad.plan_key} by {customer}", work)

    @check("portal.page-is-safe", Tier.BRONZE)
    async def test_portal_page_is_safe(self, stage: Stage) -> None:
        """A customer is led to a portal over HTTPS; one that is none is rejected."""
        back = "https://business.example/"
        async with stage.provider() as provider:
            customer = await self.customer(provider)
            page = await done("open_portal", provider.open_portal(customer, return_url=back))
            _require_safe("open_portal", page, stage)
            await require_rejected(
                "open_portal for nobody", provider.open_portal(_NOBODY, return_url=back)
            )

    @check("checkout.many-at-once", Tier.GOLD)
    async def test_many_at_once(self, stage: Stage) -> None:
        """Twenty organizations at the same time each have a page of their own."""

        async def sell(provider: Any, plan: Any) -> tuple[str, str]:
            customer = await self.customer(provider)
            work = provider.check_out(self.checkout(customer, plan), key=new_key())
            return customer, (await done("check_out", work)).url

        async with stage.provider() as provider:
            plans = await self.plans(provider)
            sold = await asyncio.gather(*(sell(provider, plans[0]) for _ in range(_MANY)))
        for what, made in zip(("customers", "pages"), zip(*sold, strict=True), strict=True):
            assert len(set(made)) == _MANY, f"{_MANY} organizations have {len(set(made))} {what}"


def _require_safe(what: str, page: object, stage: Stage) -> None:
    assert isinstance(page, HostedPage), f"{what} gives {page!r}, which is no HostedPage"
    # A stand-in, or a host in a test, has no certificate: its pages are on this machine.
    own_pages = stage.server.host_url if stage.spec.is_local else stage.sandbox.base_url
    is_safe = page.url.startswith(("https://", f"{own_pages}/"))
    assert is_safe, f"{what} leads to {page.url!r}, which is not over HTTPS"
    assert page.expires_at is None or page.expires_at.tzinfo, "expires_at has no time zone"
