"""Providers of every kind: brought by their own hook, given by their own accessor."""

import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any

import attrs
import pytest
from typing_extensions import override

from clientflow_core.domain.assistance import (
    Assistance,
    AssistanceRequest,
    TextDelta,
    TokenUsage,
)
from clientflow_core.domain.billing import (
    BilledOrganization,
    CheckoutRequest,
    HostedPage,
    Plan,
    Subscription,
    UsageReport,
)
from clientflow_core.domain.calendars import (
    BusyTime,
    Calendar,
    CalendarEvent,
    EventDraft,
    SyncPage,
)
from clientflow_core.domain.identities import Identity
from clientflow_core.domain.messages import MessageStatus, OutboundMessage, Receipt
from clientflow_core.errors import PluginError, ProviderCannot
from clientflow_core.hookspecs import Hooks, hookimpl
from clientflow_core.providers.assistant import AssistantProvider
from clientflow_core.providers.billing import BillingProvider
from clientflow_core.providers.calendar import CalendarProvider
from clientflow_core.providers.channel import ChannelProvider
from clientflow_core.providers.identity import IdentityProvider
from clientflow_core.providers.interfaces import interface_of, proven_capabilities
from clientflow_core.providers.observer import Fields, ObserverProvider
from clientflow_core.providers.spec import (
    AnySpec,
    Capability,
    ProviderContext,
    ProviderKind,
    ProviderSpec,
)
from clientflow_core.registry.discovery import Plugin, _collect_specs
from clientflow_core.registry.hook_calls import PluginHooks
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.secret import Secret

NOON = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)


class Pigeons(ChannelProvider):
    @override
    async def verify(self) -> str:
        return "a loft"

    @override
    async def send(self, message: OutboundMessage) -> Receipt:
        return Receipt(provider_message_id=message.body, status=MessageStatus.SENT)


class Notebook(BillingProvider):
    @override
    async def verify(self) -> str:
        return "a notebook"

    @override
    async def list_plans(self) -> Sequence[Plan]:
        return ()

    @override
    async def ensure_customer(self, organization: BilledOrganization, *, key: str) -> str:
        return key

    @override
    async def check_out(self, request: CheckoutRequest, *, key: str) -> HostedPage:
        return HostedPage(url=request.success_url)

    @override
    async def open_portal(self, provider_customer_id: str, *, return_url: str) -> HostedPage:
        return HostedPage(url=return_url)

    @override
    async def get_subscription(self, provider_subscription_id: str) -> Subscription:
        raise ProviderCannot(provider_subscription_id)

    @override
    async def list_subscriptions(self, provider_customer_id: str) -> Sequence[Subscription]:
        return ()

    @override
    async def change_plan(
        self, provider_subscription_id: str, *, plan_key: str, key: str
    ) -> Subscription:
        raise ProviderCannot(plan_key)

    @override
    async def cancel(
        self, provider_subscription_id: str, *, is_at_once: bool, key: str
    ) -> Subscription:
        raise ProviderCannot(provider_subscription_id)

    async def report_usage(self, report: UsageReport) -> None:
        """Make a stroke."""


class WallCalendar(CalendarProvider):
    @override
    async def verify(self) -> str:
        return "a wall"

    @override
    async def list_calendars(self) -> Sequence[Calendar]:
        return ()

    @override
    async def sync(self, provider_calendar_id: str, *, cursor: str | None) -> SyncPage:
        return SyncPage(changes=(), cursor=cursor or "0", is_last=True)

    @override
    async def put_event(
        self, provider_calendar_id: str, draft: EventDraft, *, etag: str | None = None
    ) -> CalendarEvent:
        raise ProviderCannot(draft.title)

    @override
    async def delete_event(
        self, provider_calendar_id: str, provider_event_id: str, *, etag: str | None = None
    ) -> None:
        raise ProviderCannot(provider_event_id)

    @override
    async def list_busy_times(
        self,
        provider_calendar_ids: Sequence[str],
        *,
        starts_at: dt.datetime,
        ends_at: dt.datetime,
    ) -> Sequence[BusyTime]:
        return ()


class Parrot(AssistantProvider):
    @override
    async def verify(self) -> str:
        return "a parrot"

    @override
    async def complete(self, request: AssistanceRequest) -> Assistance:
        usage = TokenUsage(input_tokens=1, output_tokens=1)
        return Assistance(text=request.instructions, usage=usage, model="parrot")

    @override
    async def stream(self, request: AssistanceRequest) -> AsyncIterator[TextDelta | Assistance]:
        yield TextDelta(text=request.instructions)
        yield await self.complete(request)


class Doorman(IdentityProvider):
    @override
    async def verify(self) -> str:
        return "a doorman"

    @override
    async def authenticate(self, token: Secret) -> Identity:
        return Identity(issuer="the door", subject=token.reveal(), expires_at=NOON)


class Owl(ObserverProvider):
    @override
    async def verify(self) -> str:
        return "an owl"

    @override
    def report_error(self, error: BaseException, *, fields: Fields) -> None:
        """See it."""

    @override
    @contextlib.contextmanager
    def span(self, name: str, *, fields: Fields) -> Iterator[None]:
        yield

    @override
    async def flush(self) -> None:
        """Hold nothing."""


@attrs.frozen
class NoSettings:
    """Nothing to set."""


def spec_of(kind: ProviderKind, provider: object, *, name: str | None = None) -> AnySpec:
    """Describe *provider*."""

    @contextlib.asynccontextmanager
    async def open_it(context: ProviderContext, settings: NoSettings) -> AsyncIterator[object]:
        yield provider

    name = name or kind.value
    return ProviderSpec(kind=kind, name=name, title=name, settings=NoSettings, open=open_it)


PROVIDERS: dict[ProviderKind, object] = {
    ProviderKind.CHANNEL: Pigeons(),
    ProviderKind.BILLING: Notebook(),
    ProviderKind.CALENDAR: WallCalendar(),
    ProviderKind.ASSISTANT: Parrot(),
    ProviderKind.IDENTITY: Doorman(),
    ProviderKind.OBSERVER: Owl(),
}


class Menagerie(Hooks):
    """Brings one of each kind."""

    @hookimpl
    @override
    def clientflow_channels(self) -> Iterable[ProviderSpec[Any, ChannelProvider]]:
        return [spec_of(ProviderKind.CHANNEL, Pigeons())]

    @hookimpl
    @override
    def clientflow_billing(self) -> Iterable[ProviderSpec[Any, BillingProvider]]:
        return [spec_of(ProviderKind.BILLING, Notebook())]

    @hookimpl
    @override
    def clientflow_calendars(self) -> Iterable[ProviderSpec[Any, CalendarProvider]]:
        return [spec_of(ProviderKind.CALENDAR, WallCalendar())]

    @hookimpl
    @override
    def clientflow_assistants(self) -> Iterable[ProviderSpec[Any, AssistantProvider]]:
        return [spec_of(ProviderKind.ASSISTANT, Parrot())]

    @hookimpl
    @override
    def clientflow_identities(self) -> Iterable[ProviderSpec[Any, IdentityProvider]]:
        return [spec_of(ProviderKind.IDENTITY, Doorman())]

    @hookimpl
    @override
    def clientflow_observers(self) -> Iterable[ProviderSpec[Any, ObserverProvider]]:
        return [spec_of(ProviderKind.OBSERVER, Owl())]


def accessors(registry: ProviderRegistry) -> dict[ProviderKind, Callable[[str], Awaitable[object]]]:
    """Give who gives the providers of each kind."""
    return {
        ProviderKind.CHANNEL: registry.channel,
        ProviderKind.BILLING: registry.billing,
        ProviderKind.CALENDAR: registry.calendar,
        ProviderKind.ASSISTANT: registry.assistant,
        ProviderKind.IDENTITY: registry.identity,
        ProviderKind.OBSERVER: registry.observer,
    }


async def test_plugin_may_bring_a_provider_of_each_kind() -> None:
    specs = _collect_specs(PluginHooks(Menagerie(), "menagerie"))
    assert [spec.kind for spec in specs] == list(ProviderKind)
    plugin = Plugin(name="menagerie", version="1", specs=tuple(specs))
    async with ProviderRegistry([plugin], {}) as registry:
        for kind, accessor in accessors(registry).items():
            assert isinstance(await accessor(kind.value), interface_of(kind))
            for other, accessor_of_other in accessors(registry).items():
                if other is not kind:
                    with pytest.raises(PluginError, match=f"of the kind {kind}, not {other}"):
                        await accessor_of_other(kind.value)


@pytest.mark.parametrize("kind", list(ProviderKind))
async def test_what_is_opened_must_be_a_provider_of_its_kind(kind: ProviderKind) -> None:
    closed: list[str] = []

    @contextlib.asynccontextmanager
    async def open_it(context: ProviderContext, settings: NoSettings) -> AsyncIterator[object]:
        yield object()
        closed.append("closed")

    spec = attrs.evolve(spec_of(kind, None), open=open_it)
    plugin = Plugin(name="odd", version="1", specs=(spec,), distribution="odd-dist")
    async with ProviderRegistry([plugin], {}) as registry:
        with pytest.raises(
            PluginError, match=f"'odd' of odd-dist 1 opens .*{interface_of(kind).__name__}"
        ):
            await accessors(registry)[kind](kind.value)
    assert closed == ["closed"]


@pytest.mark.parametrize("kind", list(ProviderKind))
def test_interface_cannot_be_opened_half_written(kind: ProviderKind) -> None:
    interface = interface_of(kind)
    half = type("Half", (interface,), {"verify": PROVIDERS[kind].verify})  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="abstract"):
        half()


def test_abilities_are_proven_by_the_methods() -> None:
    found = {kind: proven_capabilities(kind, one) for kind, one in PROVIDERS.items()}
    assert found.pop(ProviderKind.BILLING) == {Capability.USAGE}
    assert set(found.values()) == {frozenset()}
