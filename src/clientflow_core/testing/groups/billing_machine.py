"""A model of what the core does: it keeps what it is told, and reads anew what a webhook names."""

from collections.abc import Sequence
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from typing_extensions import override

from clientflow_core.domain.billing import Subscription
from clientflow_core.domain.changes import SubscriptionChanged
from clientflow_core.domain.messages import ProviderEvent
from clientflow_core.providers.webhooks import WebhookRequest
from clientflow_core.testing.conformance import Conformance
from clientflow_core.testing.groups.billing import PRICE_FIELDS, BillingChecks, done, new_key
from clientflow_core.testing.samples import happen, is_for
from clientflow_core.testing.stage import Stage

_MOST: Final = 3
_PATIENCE_SECONDS: Final = 2.0
_ANY: Final = st.integers(0, 10**6)


def read_webhook(
    suite: Conformance, stage: Stage, request: WebhookRequest
) -> Sequence[ProviderEvent]:
    """Verify and parse *request*, as the host and the worker do."""
    events: list[ProviderEvent] = []
    for webhook in suite.spec.webhooks:
        if is_for(webhook, request):
            webhook.verify(request, stage.settings())
            events += webhook.parse(request)
    return events


class SubscriptionMachine(RuleBasedStateMachine):
    """Subscriptions of one customer begin, change and end, while their webhooks come anyhow.

    Args:
        suite: knows the provider.
        stage: has the sandbox.
        provider: is asked.
    """

    def __init__(self, suite: BillingChecks, stage: Stage, provider: Any) -> None:
        super().__init__()
        self.suite, self.stage, self.provider = suite, stage, provider
        self.customer = ""
        self.names: list[str] = []
        self.copy: dict[str, Subscription] = {}
        self.on_their_way: list[WebhookRequest] = []
        self.taken = 0

    @initialize()
    def found(self) -> None:
        """Begin with a new customer at a provider that knows nobody."""
        self.stage.server.finish(self.stage.sandbox.reset)
        self.taken = len(self.stage.arrived())
        self.customer = self.stage.run(self.suite.customer(self.provider))

    @precondition(lambda self: len(self.names) < _MOST)
    @rule()
    def begin(self) -> None:
        """Somebody pays."""
        self.stage.run(self._begin())

    @precondition(lambda self: bool(self.names))
    @rule(which=_ANY, what=_ANY)
    def happen(self, which: int, what: int) -> None:
        """Something happens at the provider that nobody here has asked for."""
        name = _one_of(self._happenings(), what)
        if name:
            given = {"subscription": _one_of(self.names, which) or ""}
            self.on_their_way += happen(self.suite, self.stage, name, given)

    @precondition(lambda self: bool(self.names))
    @rule(which=_ANY, plan=_ANY)
    def change_plan(self, which: int, plan: int) -> None:
        """We change the plan."""
        self.stage.run(self._change_plan(self.names[which % len(self.names)], plan))

    @precondition(lambda self: bool(self.names))
    @rule(which=_ANY, is_at_once=st.booleans())
    def cancel(self, which: int, is_at_once: bool) -> None:  # noqa: FBT001 - drawn, not called
        """We end it."""
        name = self.names[which % len(self.names)]
        work = self.provider.cancel(name, is_at_once=is_at_once, key=new_key())
        # As the core does: its webhooks may come much later.
        self.copy[name] = self.stage.run(done("cancel", work))

    @rule(which=_ANY, is_repeated=st.booleans())
    def deliver(self, which: int, is_repeated: bool) -> None:  # noqa: FBT001 - drawn, not called
        """One of the webhooks comes, for the last time or not."""
        self._fetch()
        if self.on_their_way:
            place = which % len(self.on_their_way)
            request = self.on_their_way[place] if is_repeated else self.on_their_way.pop(place)
            self._apply(request)

    @rule()
    def settle(self) -> None:
        """All that is under way comes, the newest first: the copy is what is there."""
        truth = self._deliver_rest()
        while self.copy != truth and self._waits_for_more():
            truth = self._deliver_rest()
        assert self.copy == truth, (
            "all webhooks have come, and what was read because of them is not what is there: "
            f"{list(self.copy.values())} instead of {list(truth.values())}"
        )

    @override
    def teardown(self) -> None:
        """End in peace."""
        if self.customer:
            self.settle()

    def see_everything(self) -> None:
        """Let each thing happen that can, once, to a subscription of its own."""
        self.found()
        for place in range(len(self._happenings())):
            self.begin()
            # Or that it has begun would be reason enough to read what has happened since.
            self.settle()
            self.happen(which=0, what=place)
            self.settle()

    def _deliver_rest(self) -> dict[str, Subscription]:
        self._fetch()
        while self.on_their_way:
            self._apply(self.on_their_way.pop())
        return self.stage.run(self._truth())

    def _waits_for_more(self) -> bool:
        """Wait until the sandbox sends something by itself; tell whether it did."""
        more = self.stage.wait_for(
            lambda: len(self.stage.arrived()) > self.taken, seconds=_PATIENCE_SECONDS
        )
        return self.stage.run(more)

    def _apply(self, request: WebhookRequest) -> None:
        for event in read_webhook(self.suite, self.stage, request):
            # Others are those of an earlier customer, whose webhook was under way.
            if isinstance(event, SubscriptionChanged) and self._is_ours(event):
                name = event.provider_subscription_id
                work = self.provider.get_subscription(name)
                self.copy[name] = self.stage.run(done(f"get_subscription of {name!r}", work))

    def _is_ours(self, event: SubscriptionChanged) -> bool:
        return event.provider_customer_id == self.customer

    def _fetch(self) -> None:
        """Take what the sandbox has sent by itself meanwhile."""
        arrived = self.stage.arrived()
        self.on_their_way += arrived[self.taken :]
        self.taken = len(arrived)

    def _happenings(self) -> list[str]:
        begin = self.suite.name_of_begin(self.stage)
        events = self.stage.server.call(self.stage.sandbox.events)
        return [
            event.name
            for event in events
            if event.name != begin and not {field.name for field in event.fields} >= PRICE_FIELDS
        ]

    async def _begin(self) -> None:
        plans = await self.suite.plans(self.provider)
        request = self.suite.checkout(self.customer, plans[0])
        await done("check_out", self.provider.check_out(request, key=new_key()))
        self.on_their_way += happen(self.suite, self.stage, self.suite.name_of_begin(self.stage))
        owned = await self.suite.owned(self.provider, self.customer)
        self.names = [one.provider_subscription_id for one in owned]

    async def _change_plan(self, name: str, plan: int) -> None:
        current = await done("get_subscription", self.provider.get_subscription(name))
        if current.status == "canceled":
            return
        plans = await self.suite.plans(self.provider)
        key = plans[plan % len(plans)].key
        work = self.provider.change_plan(name, plan_key=key, key=new_key())
        self.copy[name] = await done("change_plan", work)

    async def _truth(self) -> dict[str, Subscription]:
        # Asked by one that has seen nothing before.
        async with self.stage.provider() as fresh:
            owned = await self.suite.owned(fresh, self.customer)
        return {one.provider_subscription_id: one for one in owned}


def _one_of(names: Sequence[str], place: int) -> str | None:
    return names[place % len(names)] if names else None
