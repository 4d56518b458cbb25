"""Money is taken once: asked again with the same key, a provider does nothing again."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from hypothesis import strategies as st

from clientflow_core.domain.billing import Invoice, InvoiceStatus
from clientflow_core.errors import ProviderError
from clientflow_core.providers.spec import Capability
from clientflow_core.sandbox import Answer
from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.groups.billing import BillingChecks, done, new_key
from clientflow_core.testing.samples import happen
from clientflow_core.testing.skips import NotSupported, leave_out
from clientflow_core.testing.stage import Stage

# Asks a provider under a key.
Ask = Callable[[str], Awaitable[Any]]

_TROUBLES: Final = (
    Answer.CUT_AFTER_ACCEPTANCE,
    Answer.BAD_JSON,
    Answer.CUT_BEFORE,
    Answer.INTERNAL_ERROR,
    Answer.UNAVAILABLE,
    Answer.RATE_LIMITED,
)
_CHANGES: Final = ("ensure_customer", "check_out", "change_plan", "cancel")
# A larger number is a time.
_SMALL: Final = 10**9


class BillingChargeChecks(BillingChecks):
    """What is charged."""

    @check("charge.same-key-is-one-effect", Tier.BRONZE)
    def test_same_key_is_one_effect(self) -> None:
        """However often it goes wrong and is asked again with its key, it is done once."""
        with self.stage() as stage:
            opened = stage.provider()
            provider = stage.run(opened.__aenter__())
            once = {one: stage.run(self._effect(provider, stage, one, ())) for one in _CHANGES}

            def is_once(given: tuple[str, Sequence[Answer]]) -> None:
                name, troubles = given
                effect = stage.run(self._effect(provider, stage, name, troubles))
                assert effect == once[name], (
                    f"{name}, asked again with its key after {[str(one) for one in troubles]}, "
                    "is done more than once: see what the sandbox holds"
                )

            for name in _CHANGES:
                is_once((name, (Answer.CUT_AFTER_ACCEPTANCE,)))
            troubles = st.lists(st.sampled_from(_TROUBLES), min_size=1, max_size=3)
            self.hold(st.tuples(st.sampled_from(_CHANGES), troubles), is_once)
            stage.run(opened.__aexit__(None, None, None))

    @check("charge.another-key-is-another-effect", Tier.SILVER)
    async def test_another_key_is_another_effect(self, stage: Stage) -> None:
        """What is asked with another key is done, too: the key is the one that was given."""
        async with stage.provider() as provider:
            plans = await self.plans(provider)
            begun = await self.begin(provider, stage)
            buyer, name = begun.provider_customer_id, begun.provider_subscription_id
            urls = [
                (await done("check_out", provider.check_out(request, key=new_key()))).url
                for request in (self.checkout(buyer, plan) for plan in plans[:2])
            ]
            assert len(set(urls)) == len(urls), "two checkouts with two keys have one page"
            for plan in (plans[1], plans[0]):
                work = provider.change_plan(name, plan_key=plan.key, key=new_key())
                now = await done("change_plan with another key", work)
                assert now.plan_key == plan.key, f"moved to {plan.key!r}, it is {now.plan_key!r}"

    @check("usage.counts-once", Tier.SILVER, is_ability=True)
    async def test_usage_counts_once(self, stage: Stage) -> None:
        """What was used counts once for each id, however often it is told."""
        self._require(Capability.USAGE)
        async with stage.provider() as provider:
            customer = await self.customer(provider)
            report = self.usage(customer)
            await done("report_usage", provider.report_usage(report))
            once = stage.state()
            await done("report_usage", provider.report_usage(report))
            assert stage.state() == once, "told twice with the same id, it counts twice"
            await done("report_usage", provider.report_usage(self.usage(customer)))
            assert stage.state() != once, "another one of another id does not count"

    @check("invoices.are-exact", Tier.SILVER, is_ability=True)
    async def test_invoices_are_exact(self, stage: Stage) -> None:
        """What was paid is an invoice over that amount; one that is not paid is not called paid."""
        self._require(Capability.INVOICES)
        async with stage.provider() as provider:
            plans = await self.plans(provider)
            begun = await self.begin(provider, stage)
            customer = begun.provider_customer_id
            paid = await done("list_invoices", provider.list_invoices(customer))
            failure = self.name_of_failure(stage)
            later = paid
            if failure is not None:
                happen(self, stage, failure)
                later = await done("list_invoices", provider.list_invoices(customer))
        strange = [one for one in later if not isinstance(one, Invoice)]
        assert not strange, f"list_invoices gives {strange[:1]!r}"
        totals = [one.total for one in paid if one.status is InvoiceStatus.PAID]
        assert plans[0].price in totals, f"{plans[0].price} was paid; the invoices say {totals}"
        whose = {one.provider_customer_id for one in later}
        assert whose == {customer}, f"invoices of {whose} are listed for {customer}"
        moments = [one.issued_at for one in later]
        assert moments == sorted(moments, reverse=True), "the newest does not come first"
        newer = [one.status for one in later if one not in paid]
        is_said = failure is None or any(one is not InvoiceStatus.PAID for one in newer)
        assert is_said, f"a payment has failed, and the new invoices are {newer}"

    def _require(self, capability: Capability) -> None:
        if capability not in self.spec.capabilities:
            leave_out(NotSupported(f"the spec does not declare {capability}"))

    async def _effect(
        self, provider: Any, stage: Stage, name: str, troubles: Sequence[Answer]
    ) -> object:
        """Give what the sandbox holds after *name* has gone wrong so often, and was then done."""
        await _reset(stage)
        ask, key = await self._asks(provider, stage, name), new_key()
        for trouble in troubles:
            stage.go_wrong(trouble, calls=1, spares_reading=True)
            await _try(ask(key))
            stage.behave()
        first = await done(name, ask(key))
        second = await done(f"{name}, with the same key", ask(key))
        assert first == second, f"{name} with the same key answers {first}, then {second}"
        return _shape(stage.state())

    async def _asks(self, provider: Any, stage: Stage, name: str) -> Ask:
        plans, organization = await self.plans(provider), self.organization()
        begun = await self.begin(provider, stage)
        subscription = begun.provider_subscription_id
        request = self.checkout(begun.provider_customer_id, plans[0])
        asks: Mapping[str, Ask] = {
            "ensure_customer": lambda key: provider.ensure_customer(organization, key=key),
            "check_out": lambda key: provider.check_out(request, key=key),
            "change_plan": lambda key: provider.change_plan(
                subscription, plan_key=plans[1].key, key=key
            ),
            "cancel": lambda key: provider.cancel(subscription, is_at_once=True, key=key),
        }
        return asks[name]


async def _reset(stage: Stage) -> None:
    stage.server.finish(stage.sandbox.reset)


async def _try(call: Awaitable[Any]) -> None:
    try:
        await call
    except ProviderError:
        # Which one it must be is for others to say.
        return


def _shape(value: Any) -> object:
    """Give what there is of *value*, a JSON value, whatever it is called and whenever it was."""
    if isinstance(value, Mapping):
        return sorted(repr(_shape(one)) for one in value.values())
    if isinstance(value, (list, tuple)):
        return [len(value), *sorted(repr(_shape(one)) for one in value)]
    is_counted = isinstance(value, int) and abs(value) < _SMALL
    return value if is_counted else type(value).__name__
