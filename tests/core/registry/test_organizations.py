"""Organizations with settings of their own, each served by its own instance."""

import asyncio
import contextlib
import datetime as dt
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import attrs
import pytest
from typing_extensions import override

from clientflow_core.domain.messages import MessageStatus, OutboundMessage, Receipt
from clientflow_core.domain.provider_settings import OfOrganization, OrganizationValues
from clientflow_core.errors import (
    AuthFailed,
    PluginError,
    ProviderUnavailable,
    SettingsError,
    SignatureRefused,
)
from clientflow_core.ids import new_id
from clientflow_core.providers.channel import ChannelProvider
from clientflow_core.providers.spec import ProviderContext, ProviderKind, ProviderSpec
from clientflow_core.providers.webhooks import Verified, WebhookRequest, WebhookSpec
from clientflow_core.registry.discovery import Plugin
from clientflow_core.registry.organizations import load_for_organization
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.secret import Secret
from clientflow_core.settings import setting

OURS, THEIRS, NOBODY = (uuid.UUID(int=number) for number in (1, 2, 3))
OPERATOR = {"SMS_KEY": "operator-key", "SMS_URL": "https://api.example", "SMS_NAME": "operator"}


@attrs.frozen
class SmsSettings:
    key: Secret = setting(env="SMS_KEY", help="the key", per_organization=True)
    name: str = setting(
        env="SMS_NAME", help="the sender", default="none", per_organization=True, pattern="[a-z]+"
    )
    url: str = setting(env="SMS_URL", help="where the API is", default="https://elsewhere.example")
    platform_key: Secret | None = setting(env="SMS_PLATFORM", help="the platform's", default=None)


@attrs.define
class MovingClock:
    seconds: float = 0

    def now(self) -> dt.datetime:
        return dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC) + dt.timedelta(seconds=self.seconds)


@attrs.define
class Kept:
    """Settings in memory, and how often they were read."""

    values: dict[uuid.UUID, OrganizationValues] = attrs.field(factory=dict)
    reads: int = 0
    finds: int = 0
    gate: asyncio.Event | None = None

    def put(self, organization_id: uuid.UUID, **values: str) -> None:
        made = {f"SMS_{name.upper()}": value for name, value in values.items()}
        self.values[organization_id] = OrganizationValues(version=new_id(), values=made)

    async def read(self, organization_id: uuid.UUID, *, provider: str) -> OrganizationValues | None:
        assert provider == "sms"
        self.reads += 1
        found = self.values.get(organization_id)
        if self.gate is not None:
            await self.gate.wait()
        return found

    async def find(self, provider: str, *, account: str) -> Sequence[OfOrganization]:
        assert provider == "sms"
        self.finds += 1
        return [
            OfOrganization(organization_id=organization_id, values=values)
            for organization_id, values in self.values.items()
            if values.values.get("SMS_NAME") == account
        ]


@attrs.define(eq=False)
class Channel(ChannelProvider):
    settings: SmsSettings
    bad_keys: set[str]
    slow: asyncio.Event
    is_open: bool = True

    @override
    async def verify(self) -> str:
        return self.settings.key.reveal()

    @override
    async def send(self, message: OutboundMessage) -> Receipt:
        if self.settings.key.reveal() in self.bad_keys:
            msg = "no such key"
            raise AuthFailed(msg)
        if message.body == "slow":
            await self.slow.wait()
        assert self.is_open
        return Receipt(provider_message_id=await self.verify(), status=MessageStatus.SENT)


@attrs.define(eq=False)
class Stage:
    kept: Kept = attrs.field(factory=Kept)
    clock: MovingClock = attrs.field(factory=MovingClock)
    journal: list[str] = attrs.field(factory=list)
    bad_keys: set[str] = attrs.field(factory=set)
    slow: asyncio.Event = attrs.field(factory=asyncio.Event)
    contexts: list[ProviderContext] = attrs.field(factory=list)
    webhooks: tuple[WebhookSpec, ...] = ()

    @staticmethod
    def verify(request: WebhookRequest, settings: SmsSettings) -> Verified:
        if request.body.decode() != settings.key.reveal():
            msg = "no"
            raise SignatureRefused(msg)
        return Verified(external_id="1", account=settings.name)

    def registry(self, values: Mapping[str, str] = OPERATOR) -> ProviderRegistry:
        spec = ProviderSpec(
            kind=ProviderKind.CHANNEL,
            name="sms",
            title="Sms",
            settings=SmsSettings,
            open=self._open,
            deadline_seconds=60,
            webhooks=self.webhooks,
            account=lambda settings: settings.name,
        )
        plugin = Plugin(name="sms", version="1", specs=(spec,))
        return ProviderRegistry([plugin], values, clock=self.clock, organization_settings=self.kept)

    def _open(
        self, context: ProviderContext, settings: SmsSettings
    ) -> AbstractAsyncContextManager[Channel]:
        self.contexts.append(context)

        @contextlib.asynccontextmanager
        async def opened() -> AsyncIterator[Channel]:
            key = settings.key.reveal()
            self.journal.append(f"open {key}")
            channel = Channel(settings, self.bad_keys, self.slow)
            yield channel
            channel.is_open = False
            self.journal.append(f"close {key}")

        return opened()


async def send(
    registry: ProviderRegistry, organization_id: uuid.UUID | None, body: str = ""
) -> str:
    """Send a text for an organization; give the key that it went by."""
    channel = await registry.channel("sms", organization_id=organization_id)
    message = OutboundMessage(attempt_id=new_id(), sender="+1", recipient="+2", body=body)
    return (await channel.send(message)).provider_message_id


async def settled() -> None:
    """Let what was begun in the background come to its end."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_each_organization_is_served_with_its_own_settings() -> None:
    stage = Stage()
    stage.kept.put(OURS, key="our-key")
    stage.kept.put(THEIRS, key="their-key")
    async with stage.registry() as registry:
        assert [await send(registry, one) for one in (OURS, THEIRS, NOBODY, None)] == [
            "our-key",
            "their-key",
            "operator-key",
            "operator-key",
        ]
    assert sorted(stage.journal[:3]) == ["open operator-key", "open our-key", "open their-key"]
    assert sorted(stage.journal[3:]) == ["close operator-key", "close our-key", "close their-key"]


async def test_organizations_at_once_never_get_the_clients_of_each_other() -> None:
    stage = Stage()
    organizations = [uuid.UUID(int=number) for number in range(10, 30)]
    for organization_id in organizations:
        stage.kept.put(organization_id, key=f"key-{organization_id.int}")

    async def work(organization_id: uuid.UUID) -> None:
        for _ in range(20):
            assert await send(registry, organization_id) == f"key-{organization_id.int}"
            await asyncio.sleep(0)

    async with stage.registry() as registry:
        await asyncio.gather(*map(work, organizations * 2))
    assert len(stage.journal) == 2 * len(organizations)


async def test_a_change_takes_effect_without_a_restart_and_closes_what_was_open() -> None:
    stage = Stage()
    stage.kept.put(OURS, key="old-key")
    async with stage.registry() as registry:
        assert await send(registry, OURS) == "old-key"
        stage.kept.put(OURS, key="new-key")
        assert await send(registry, OURS) == "old-key"
        registry.drop_settings("sms", organization_id=OURS)
        assert await send(registry, OURS) == "new-key"
        await settled()
        assert stage.journal == ["open old-key", "open new-key", "close old-key"]


async def test_a_change_by_another_process_takes_effect_after_some_seconds() -> None:
    stage = Stage()
    stage.kept.put(OURS, key="old-key")
    async with stage.registry() as registry:
        await send(registry, OURS)
        stage.kept.put(OURS, key="new-key")
        stage.clock.seconds += 4
        assert await send(registry, OURS) == "old-key"
        assert stage.kept.reads == 1
        stage.clock.seconds += 2
        assert await send(registry, OURS) == "new-key"


async def test_settings_that_are_taken_away_leave_those_of_the_operator() -> None:
    stage = Stage()
    stage.kept.put(OURS, key="our-key")
    async with stage.registry() as registry:
        await send(registry, OURS)
        stage.kept.values.clear()
        registry.drop_settings("sms", organization_id=OURS)
        assert await send(registry, OURS) == "operator-key"
        await settled()
        assert "close our-key" in stage.journal


async def test_a_call_in_flight_ends_before_its_instance_is_closed() -> None:
    stage = Stage()
    stage.kept.put(OURS, key="old-key")
    async with stage.registry() as registry:
        in_flight = asyncio.create_task(send(registry, OURS, "slow"))
        await settled()
        held = await registry.channel("sms", organization_id=OURS)
        stage.kept.put(OURS, key="new-key")
        registry.drop_settings("sms", organization_id=OURS)
        assert await send(registry, OURS) == "new-key"
        await settled()
        assert "close old-key" not in stage.journal
        with pytest.raises(ProviderUnavailable, match="ask the registry for it again"):
            await held.verify()
        stage.slow.set()
        assert await in_flight == "old-key"
        await settled()
        assert stage.journal[-1] == "close old-key"


async def test_what_was_read_before_a_change_is_not_kept() -> None:
    stage = Stage()
    stage.kept.put(OURS, key="old-key")
    stage.kept.gate = asyncio.Event()
    async with stage.registry() as registry:
        sending = asyncio.create_task(send(registry, OURS))
        await settled()
        stage.kept.put(OURS, key="new-key")
        registry.drop_settings("sms", organization_id=OURS)
        stage.kept.gate.set()
        assert await sending == "new-key"


async def test_refused_credentials_are_forgotten_with_a_new_version() -> None:
    stage = Stage(bad_keys={"bad-key"})
    stage.kept.put(OURS, key="bad-key")
    async with stage.registry() as registry:
        with pytest.raises(AuthFailed):
            await send(registry, OURS)
        with pytest.raises(AuthFailed, match="not asked any"):
            registry.require_fit("sms", organization_id=OURS)
        registry.require_fit("sms", organization_id=THEIRS)
        registry.require_fit("sms")
        stage.kept.put(OURS, key="good-key")
        stage.clock.seconds += 6
        # Nobody calls what is unfit; asking whether it is has the settings read again.
        with pytest.raises(AuthFailed):
            registry.require_fit("sms", organization_id=OURS)
        await settled()
        registry.require_fit("sms", organization_id=OURS)
        assert await send(registry, OURS) == "good-key"


async def test_of_many_idle_instances_the_one_used_longest_ago_is_closed() -> None:
    stage = Stage()
    organizations = [uuid.UUID(int=number) for number in range(10, 10 + 66)]
    for organization_id in organizations:
        stage.kept.put(organization_id, key=f"key-{organization_id.int}")
    async with stage.registry() as registry:
        for organization_id in [*organizations[:64], organizations[0], *organizations[64:]]:
            await send(registry, organization_id)
        await settled()
        closed = [line for line in stage.journal if line.startswith("close")]
        assert closed == ["close key-11", "close key-12"]
        assert await send(registry, organizations[1]) == "key-11"


async def test_without_a_place_for_settings_all_are_served_alike() -> None:
    stage = Stage()
    stage.kept.put(OURS, key="our-key")
    registry = stage.registry()
    registry._organizations = None
    async with registry:
        assert await send(registry, OURS) == "operator-key"


async def test_settings_that_do_not_fit_are_told_by_name_and_never_by_value() -> None:
    stage = Stage()
    stage.kept.put(OURS, name="Not Right", url="https://internal.example")
    async with stage.registry() as registry:
        with pytest.raises(SettingsError) as refused:
            await send(registry, OURS)
    found = {problem.env: problem.problem for problem in refused.value.problems}
    assert found == {
        "SMS_KEY": "is not set",
        "SMS_NAME": "does not look right: it must match [a-z]+",
        "SMS_URL": "cannot be set by an organization",
    }
    assert "Not Right" not in str(refused.value)
    assert "internal" not in str(refused.value)


def test_an_organization_gets_the_operators_address_and_nothing_that_it_may_set_itself() -> None:
    values = {**OPERATOR, "SMS_PLATFORM": "the platform's"}
    loaded = load_for_organization(SmsSettings, values, own={"SMS_KEY": "our-key"})
    assert loaded == SmsSettings(
        key=Secret("our-key"),
        name="none",
        url="https://api.example",
        platform_key=Secret("the platform's"),
    )
    with pytest.raises(SettingsError, match="SMS_KEY: is not set"):
        load_for_organization(SmsSettings, values, own={"SMS_NAME": "ours"})


async def test_the_code_of_a_plugin_gets_the_instances_of_the_organization_it_works_for() -> None:
    stage = Stage()
    stage.kept.put(OURS, key="our-key")
    async with stage.registry() as registry:
        bound = registry.for_organization(OURS)
        channel: Any = await bound.channel("sms")
        assert await channel.verify() == "our-key"


async def test_a_provider_keeps_records_for_the_organization_it_was_opened_for() -> None:
    stage = Stage()
    stage.kept.put(OURS, key="our-key")
    stage.kept.put(THEIRS, key="their-key")
    async with stage.registry() as registry:
        for organization_id in (OURS, THEIRS, NOBODY):
            await registry.channel("sms", organization_id=organization_id)
        ours, theirs, operators = (context.records for context in stage.contexts)
        assert [context.organization_id for context in stage.contexts] == [OURS, THEIRS, None]
        await ours.of(OURS).put("c", "k", "ours")
        with pytest.raises(PluginError, match="records of another"):
            theirs.of(OURS)
        found = await operators.of(OURS).get("c", "k")
        assert found is not None
        assert found.value == "ours"
        # A change of settings loses none of them.
        stage.kept.put(OURS, key="new-key")
        registry.drop_settings("sms", organization_id=OURS)
        await registry.channel("sms", organization_id=OURS)
        assert await stage.contexts[-1].records.of(OURS).get("c", "k") == found


WEBHOOK = WebhookSpec(
    name="sms-in",
    verify=Stage.verify,
    parse=lambda _: (),
    account_hint=lambda request: request.headers.get("account"),
)


async def test_whose_a_webhook_is_gets_looked_up_only_for_a_foreign_account() -> None:
    stage = Stage(webhooks=(WEBHOOK,))
    stage.kept.put(OURS, key="our-key", name="ours")
    webhook = stage.registry().webhooks["sms-in"]
    registry = stage.registry()

    async def prove(key: str, **headers: str) -> uuid.UUID | None:
        request = WebhookRequest(
            method="POST", url="https://a.example", headers=headers, body=key.encode()
        )
        return (await registry.prove(webhook, request)).organization_id

    assert await prove("operator-key") is None
    assert await prove("operator-key", account="operator") is None
    assert stage.kept.finds == 0
    for _ in range(3):
        assert await prove("our-key", account="ours") == OURS
        with pytest.raises(SignatureRefused):
            await prove("our-key", account="nobody")
    assert stage.kept.finds == 2
    with pytest.raises(SignatureRefused):
        await prove("our-key")
    with pytest.raises(SignatureRefused):
        await prove("our-key", account="operator")
    stage.kept.put(OURS, key="new-key", name="ours")
    registry.drop_settings("sms", organization_id=OURS)
    assert await prove("new-key", account="ours") == OURS
