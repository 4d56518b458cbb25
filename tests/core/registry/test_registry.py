import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, cast

import attrs
import pytest
from typing_extensions import override

from clientflow_core.domain.messages import (
    MessageReceived,
    MessageStatus,
    OutboundMessage,
    Receipt,
)
from clientflow_core.errors import (
    PluginError,
    ProviderUnavailable,
    SettingProblem,
    SettingsError,
    SignatureRefused,
)
from clientflow_core.ids import new_id
from clientflow_core.providers.channel import ChannelProvider
from clientflow_core.providers.spec import AnySpec, ProviderContext, ProviderKind, ProviderSpec
from clientflow_core.providers.webhooks import Verified, WebhookRequest, WebhookSpec
from clientflow_core.registry.discovery import Plugin
from clientflow_core.registry.finding import Found, Wanted, discover_plugins
from clientflow_core.registry.lifecycle import ProviderState
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.registry.selection import select
from clientflow_core.settings import setting
from tests.core.registry.conftest import Install

NOON = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
REQUEST = WebhookRequest(
    method="POST", url="https://a.example/webhooks/sms", headers={}, body=b"", received_at=NOON
)
KEYS = {"SMS_KEY": "k1", "SMS_PORT": "1", "FAX_KEY": "k2", "FAX_PORT": "2"}

Open = Callable[[ProviderContext, Any], AbstractAsyncContextManager[Any]]


class Noon:
    """A clock that stands still."""

    def now(self) -> dt.datetime:
        return NOON


@attrs.define
class MovingClock:
    """A clock that a test moves."""

    seconds: float = 0

    def now(self) -> dt.datetime:
        return NOON + dt.timedelta(seconds=self.seconds)


@attrs.define(eq=False)
class Channel(ChannelProvider):
    """Keeps what it was opened with."""

    context: ProviderContext
    settings: Any

    @override
    async def verify(self) -> str:
        return "an account"

    @override
    async def send(self, message: OutboundMessage) -> Receipt:
        return Receipt(provider_message_id=message.body, status=MessageStatus.SENT)


@attrs.define
class Journal:
    """What was opened and closed, and whether the shared session was still open then."""

    lines: list[str] = attrs.field(factory=list)
    sessions_open: list[bool] = attrs.field(factory=list)

    def opener(self, name: str, *, seconds: float = 0) -> Open:
        @contextlib.asynccontextmanager
        async def open_channel(context: ProviderContext, settings: Any) -> AsyncIterator[Channel]:
            self.lines.append(f"open {name}")
            await asyncio.sleep(seconds)
            yield Channel(context, settings)
            self.lines.append(f"close {name}")
            self.sessions_open.append(not context.http.closed)

        return open_channel


@attrs.frozen
class NoSettings:
    """Nothing to set."""


@attrs.frozen
class SmsSettings:
    """What the provider ``sms`` needs."""

    key: str = setting(env="SMS_KEY", help="the key")
    port: int = setting(env="SMS_PORT", help="the port")


def make_spec(
    name: str, open_channel: Open, *, settings: type = NoSettings, **more: Any
) -> AnySpec:
    arguments = {"kind": ProviderKind.CHANNEL} | more
    return ProviderSpec(
        name=name, title=name, settings=settings, open=open_channel, **cast("Any", arguments)
    )


def inner(channel: Any) -> Channel:
    """Give what is behind the guard."""
    found = channel._provider
    assert isinstance(found, Channel)
    return found


def make_plugin(name: str, *specs: AnySpec, distribution: str | None = None) -> Plugin:
    return Plugin(name=name, version="1.0", specs=specs, distribution=distribution)


# --- which plugins are enabled


@pytest.fixture
def installed(install: Install) -> list[Plugin]:
    install("sms", specs='[spec("sms", ["sms-in"])]')
    install("fax", specs='[spec("fax")]')
    return list(discover_plugins(names=["sms", "fax"]))


def chosen(
    plugins: list[Plugin], values: dict[str, str], *, names: list[str] | None = None
) -> list[str]:
    return [plugin.name for plugin in selected(plugins, values, names=names)]


def selected(
    plugins: list[Plugin], values: dict[str, str], *, names: list[str] | None = None
) -> Sequence[Plugin]:
    wanted = Wanted(required=None if names is None else tuple(names))
    return select(Found(plugins=plugins, broken=[]), values, wanted=wanted).plugins


def test_without_names_those_are_enabled_whose_settings_are_complete(
    installed: list[Plugin],
) -> None:
    assert chosen(installed, {}) == []
    assert chosen(installed, {"SMS_KEY": "k", "SMS_PORT": "1"}) == ["sms"]
    assert chosen(installed, KEYS) == ["fax", "sms"]


def test_half_set_plugin_counts_as_enabled_and_is_then_refused(installed: list[Plugin]) -> None:
    values = {"SMS_KEY": "k", "SMS_PORT": "1", "FAX_KEY": "k"}
    assert chosen(installed, values) == ["fax", "sms"]
    with pytest.raises(SettingsError) as caught:
        ProviderRegistry(selected(installed, values), values)
    assert [problem.env for problem in caught.value.problems] == ["FAX_PORT"]


def test_named_plugins_are_enabled_in_that_order_and_each_once(installed: list[Plugin]) -> None:
    assert chosen(installed, {}, names=["sms", "fax", "sms"]) == ["sms", "fax"]
    assert chosen(installed, KEYS, names=["fax"]) == ["fax"]
    assert chosen(installed, KEYS, names=[]) == []


def test_named_plugin_without_its_settings_is_refused(installed: list[Plugin]) -> None:
    with pytest.raises(SettingsError, match="SMS_KEY: is not set"):
        ProviderRegistry(selected(installed, {}, names=["sms"]), {})


@pytest.mark.usefixtures("installed")
def test_unknown_name_is_told_with_those_that_are_installed() -> None:
    with pytest.raises(SettingsError) as caught:
        discover_plugins(names=["sms", "smms"])
    _, _, told = str(caught.value).partition("CLIENTFLOW_PLUGINS: names smms; installed are: ")
    assert {"fax", "sms"} <= set(told.partition(" (")[0].split(", "))


def test_assembly_loads_only_what_is_named_and_enables_it(install: Install) -> None:
    install("sms", specs='[spec("sms")]')
    install("broken", body="1 / 0")
    names = ["sms"]
    enabled = selected(list(discover_plugins(names=names)), KEYS, names=names)
    assert list(ProviderRegistry(enabled, KEYS).providers) == ["sms"]


def test_settings_of_all_plugins_are_reported_at_once(installed: list[Plugin]) -> None:
    values = {"SMS_KEY": "k", "SMS_PORT": "s3cret-port", "FAX_KEY": "k"}
    with pytest.raises(SettingsError) as caught:
        ProviderRegistry(installed, values)
    text = str(caught.value)
    assert "FAX_PORT: is not set" in text
    assert "SMS_PORT: is not a whole number" in text
    assert "s3cret" not in text


def test_public_url_that_contradicts_is_refused_at_once_with_its_settings() -> None:
    def check(name: str) -> Callable[[Any, str], list[SettingProblem]]:
        return lambda _, public_url: [SettingProblem(f"{name}_URL", f"must be below {public_url}")]

    opener = Journal().opener("x")
    plugins = [
        make_plugin(name, make_spec(name, opener, check_public_url=check(name.upper())))
        for name in ("sms", "fax")
    ]
    with pytest.raises(SettingsError) as caught:
        ProviderRegistry(plugins, {}, public_url="https://a.example")
    assert [problem.env for problem in caught.value.problems] == ["SMS_URL", "FAX_URL"]
    ProviderRegistry(plugins, {})


# --- library use


async def test_library_use_needs_the_settings_alone(install: Install) -> None:
    install("sms", specs='[spec("sms")]')
    async with ProviderRegistry.from_values({"SMS_KEY": "k1", "SMS_PORT": "1"}) as registry:
        assert list(registry.providers) == ["sms"]
        channel = await registry.channel("sms")
        message = OutboundMessage(attempt_id=new_id(), sender="+1", recipient="+2", body="hi")
        assert (await channel.send(message)).provider_message_id == "hi"


async def test_library_use_may_name_its_plugins(install: Install) -> None:
    install("sms", specs='[spec("sms")]')
    install("broken", body="1 / 0")
    registry = ProviderRegistry.from_values(KEYS, names=["sms"])
    assert list(registry.providers) == ["sms"]
    with pytest.raises(SettingsError, match="names fox"):
        ProviderRegistry.from_values(KEYS, names=["fox"])


async def test_library_use_may_have_a_public_url_for_reports(install: Install) -> None:
    install("sms", specs='[spec("sms")]')
    url = "https://a.example"
    async with ProviderRegistry.from_values(KEYS, names=["sms"], public_url=url) as registry:
        channel: Any = await registry.channel("sms")
        assert channel._provider.context.public_url == url


def test_addresses_are_those_that_the_settings_hold() -> None:
    spec = make_spec(
        "sms", Journal().opener("sms"), settings=SmsSettings, addresses=lambda s: (f"+{s.port}",)
    )
    registry = ProviderRegistry([make_plugin("sms", spec)], KEYS)
    assert registry.addresses("sms") == ("+1",)
    with pytest.raises(PluginError, match="'fax' is not enabled"):
        registry.addresses("fax")


# --- webhooks


def test_webhook_is_bound_to_the_settings_of_its_provider(installed: list[Plugin]) -> None:
    registry = ProviderRegistry(installed, KEYS)
    assert list(registry.webhooks) == ["sms-in"]
    bound = registry.webhooks["sms-in"]
    assert bound.provider == "sms"
    assert bound.verify(REQUEST) == Verified(external_id="POST", account="k1")


def test_bound_webhook_tells_what_a_request_means() -> None:
    event = MessageReceived(provider_message_id="1", sender="+1", recipient="+2", body="hi")
    webhook = WebhookSpec(
        name="sms-in",
        verify=lambda request, _: Verified(external_id=request.method, account="k1"),
        parse=lambda request: (event,) if request is REQUEST else (),
    )
    spec = make_spec("sms", Journal().opener("sms"), webhooks=(webhook,))
    registry = ProviderRegistry([make_plugin("sms", spec)], {})
    assert registry.webhooks["sms-in"].parse(REQUEST) == (event,)


def test_refused_signature_comes_through() -> None:
    def refuse(_: WebhookRequest, __: Any, /) -> Verified:
        msg = "no signature"
        raise SignatureRefused(msg)

    webhook = WebhookSpec(name="sms-in", verify=refuse, parse=lambda _: ())
    spec = make_spec("sms", Journal().opener("sms"), webhooks=(webhook,))
    registry = ProviderRegistry([make_plugin("sms", spec)], {})
    with pytest.raises(SignatureRefused, match="no signature"):
        registry.webhooks["sms-in"].verify(REQUEST)


@pytest.mark.parametrize("answer", [None, True, object()])
def test_verifier_that_gives_no_verification_lets_nothing_through(answer: Any) -> None:
    webhook = WebhookSpec(name="sms-in", verify=lambda _, __: answer, parse=lambda _: ())
    spec = make_spec("sms", Journal().opener("sms"), webhooks=(webhook,))
    registry = ProviderRegistry([make_plugin("sms", spec)], {})
    with pytest.raises(PluginError, match="in verify_webhook of 'sms', gave"):
        registry.webhooks["sms-in"].verify(REQUEST)


def test_webhook_whose_plugin_fails_is_an_error_of_the_plugin() -> None:
    def need_sdk(_: WebhookRequest, __: Any, /) -> Verified:
        import no_such_sdk  # type: ignore[import-not-found]  # noqa: F401, PLC0415 - what is tested

        raise AssertionError

    def give_junk(_: WebhookRequest) -> Any:
        return ["a message"]

    webhook = WebhookSpec(name="sms-in", verify=need_sdk, parse=give_junk)
    spec = make_spec("sms", Journal().opener("sms"), webhooks=(webhook,))
    bound = ProviderRegistry([make_plugin("sms", spec)], {}).webhooks["sms-in"]
    with pytest.raises(PluginError, match="the plugin 'sms', in verify_webhook") as caught:
        bound.verify(REQUEST)
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)
    with pytest.raises(PluginError, match="in parse_webhook of 'sms', gave list"):
        bound.parse(REQUEST)


# --- opening and closing


async def test_provider_that_is_slow_to_open_holds_up_no_other_and_has_a_deadline() -> None:
    journal = Journal()
    slow = make_spec("slow", journal.opener("slow", seconds=60), deadline_seconds=0.3)
    quick = make_spec("quick", journal.opener("quick"))
    async with ProviderRegistry([make_plugin("all", slow, quick)], {}) as registry:
        opening = asyncio.create_task(registry.channel("slow"))
        await asyncio.sleep(0.01)
        async with asyncio.timeout(0.2):
            await registry.channel("quick")
        assert not opening.done()
        with pytest.raises(ProviderUnavailable, match=r"no answer within 0\.3 seconds \(open\)"):
            await opening
        assert not registry.lifecycles()["slow"].is_fit


async def test_each_pause_before_a_provider_is_opened_again_is_longer() -> None:
    @contextlib.asynccontextmanager
    async def refuse(context: ProviderContext, settings: Any) -> AsyncIterator[Channel]:
        raise OSError
        yield Channel(context, settings)

    clock = MovingClock()
    plugin = make_plugin("sms", make_spec("sms", refuse))
    pauses = []
    async with ProviderRegistry([plugin], {}, clock=clock) as registry:
        for _ in range(12):
            with pytest.raises(ProviderUnavailable):
                await registry.channel("sms")
            with pytest.raises(ProviderUnavailable) as caught:
                registry.require_fit("sms")
            pauses.append(caught.value.retry_after_seconds)
            clock.seconds += pauses[-1] or 0
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def registry_of(journal: Journal, *names: str, seconds: float = 0) -> ProviderRegistry:
    specs = [make_spec(name, journal.opener(name, seconds=seconds)) for name in names]
    return ProviderRegistry([make_plugin("all", *specs)], {})


async def test_provider_is_opened_when_it_is_first_needed_and_once() -> None:
    journal = Journal()
    async with registry_of(journal, "sms", "fax") as registry:
        assert journal.lines == []
        first = await registry.channel("sms")
        assert await registry.channel("sms") is first
        assert journal.lines == ["open sms"]
    assert journal.lines == ["open sms", "close sms"]


async def test_ten_that_need_it_at_the_same_moment_open_it_once() -> None:
    journal = Journal()
    async with registry_of(journal, "sms", seconds=0.02) as registry:
        opened = await asyncio.gather(*(registry.channel("sms") for _ in range(10)))
        assert len({id(one) for one in opened}) == 1
    assert journal.lines == ["open sms", "close sms"]


async def test_providers_close_in_the_opposite_order_and_the_shared_session_last() -> None:
    journal = Journal()
    async with registry_of(journal, "sms", "fax", "pager") as registry:
        sessions = {id(await session_of(registry, name)) for name in ("sms", "fax", "pager")}
        session = await session_of(registry, "sms")
        assert len(sessions) == 1
    assert journal.lines[3:] == ["close pager", "close fax", "close sms"]
    assert journal.sessions_open == [True, True, True]
    assert session.closed


async def session_of(registry: ProviderRegistry, name: str) -> Any:
    return inner(await registry.channel(name)).context.http


async def test_provider_that_fails_to_close_keeps_nothing_else_open() -> None:
    @contextlib.asynccontextmanager
    async def open_badly(context: ProviderContext, settings: Any) -> AsyncIterator[Channel]:
        yield Channel(context, settings)
        msg = "will not close"
        raise OSError(msg)

    journal = Journal()
    specs = [make_spec("good", journal.opener("good")), make_spec("bad", open_badly)]
    registry = ProviderRegistry([make_plugin("all", *specs)], {})
    await registry.__aenter__()
    await registry.channel("good")
    session = await session_of(registry, "bad")
    with pytest.raises(OSError, match="will not close"):
        await registry.__aexit__(None, None, None)
    assert journal.lines == ["open good", "close good"]
    assert session.closed


async def test_provider_that_fails_to_open_is_tried_again() -> None:
    tries: list[int] = []

    @contextlib.asynccontextmanager
    async def open_late(context: ProviderContext, settings: Any) -> AsyncIterator[Channel]:
        tries.append(1)
        if len(tries) == 1:
            msg = "not yet"
            raise OSError(msg)
        yield Channel(context, settings)

    clock = MovingClock()
    plugin = make_plugin("sms", make_spec("sms", open_late))
    async with ProviderRegistry([plugin], {}, clock=clock) as registry:
        with pytest.raises(ProviderUnavailable, match="in open of 'sms', failed: OSError"):
            await registry.channel("sms")
        assert registry.lifecycles()["sms"].state is ProviderState.WAITING
        with pytest.raises(ProviderUnavailable, match="tried again soon") as caught:
            await registry.channel("sms")
        assert caught.value.retry_after_seconds == 1
        assert len(tries) == 1
        clock.seconds = 1
        assert isinstance(inner(await registry.channel("sms")), Channel)
        assert registry.lifecycles()["sms"].state is ProviderState.READY


async def test_opening_that_is_cancelled_leaves_the_provider_to_the_next() -> None:
    journal = Journal()
    async with registry_of(journal, "sms", seconds=0.05) as registry:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await registry.channel("sms")
        await registry.channel("sms")
    assert journal.lines == ["open sms", "open sms", "close sms"]


async def test_closing_waits_for_an_opening_that_has_begun() -> None:
    journal = Journal()
    async with registry_of(journal, "sms", seconds=0.05) as registry:
        opening = asyncio.create_task(registry.channel("sms"))
        await asyncio.sleep(0.01)
    assert journal.lines == ["open sms", "close sms"]
    assert opening.done()
    assert journal.sessions_open == [True]


async def test_registry_may_be_opened_again() -> None:
    journal = Journal()
    registry = registry_of(journal, "sms")
    for _ in range(2):
        async with registry:
            assert not (await session_of(registry, "sms")).closed
    assert journal.lines == ["open sms", "close sms"] * 2


async def test_provider_is_lent_the_public_url_the_clock_and_its_settings() -> None:
    spec = make_spec("sms", Journal().opener("sms"), settings=SmsSettings)
    url, clock = "https://a.example", Noon()
    registry = ProviderRegistry([make_plugin("sms", spec)], KEYS, public_url=url, clock=clock)
    async with registry:
        channel = inner(await registry.channel("sms"))
    assert channel.context.public_url == url
    assert channel.context.clock.now() == NOON
    assert channel.settings == SmsSettings(key="k1", port=1)
    assert registry.providers["sms"].settings is channel.settings


async def test_library_use_has_no_public_url_and_the_clock_of_the_machine() -> None:
    async with registry_of(Journal(), "sms") as registry:
        channel = inner(await registry.channel("sms"))
    assert channel.context.public_url is None
    assert channel.context.clock.now().tzinfo is dt.UTC


# --- clear errors


async def test_use_before_and_after_async_with_is_refused() -> None:
    journal = Journal()
    registry = registry_of(journal, "sms")
    with pytest.raises(PluginError, match=r"open the registry first: async with ProviderRegistry"):
        await registry.channel("sms")
    async with registry:
        await registry.channel("sms")
    with pytest.raises(PluginError, match="open the registry first"):
        await registry.channel("sms")
    assert journal.lines == ["open sms", "close sms"]


async def test_provider_that_is_not_enabled_is_told_with_those_that_are() -> None:
    async with registry_of(Journal(), "sms", "fax") as registry:
        for ask in (registry.channel("pager"), _spec_later(registry, "pager")):
            with pytest.raises(
                PluginError, match=r"'pager' is not enabled \(enabled are: fax, sms"
            ):
                await ask
        assert registry.spec("fax").name == "fax"
    with pytest.raises(PluginError, match=r"enabled are: none.*CLIENTFLOW_PLUGINS"):
        ProviderRegistry([], {}).spec("sms")


async def _spec_later(registry: ProviderRegistry, name: str) -> AnySpec:
    return registry.spec(name)


async def test_provider_of_another_kind_is_no_channel() -> None:
    spec = make_spec("ledger", Journal().opener("ledger"), kind="billing")
    async with ProviderRegistry([make_plugin("ledger", spec)], {}) as registry:
        with pytest.raises(PluginError, match="'ledger' is of the kind billing, not channel"):
            await registry.channel("ledger")


@contextlib.asynccontextmanager
async def import_inside(context: ProviderContext, settings: Any) -> AsyncIterator[Channel]:
    import no_such_sdk  # noqa: F401, PLC0415 - what is tested

    yield Channel(context, settings)


def import_before(context: ProviderContext, settings: Any) -> AbstractAsyncContextManager[Channel]:
    import no_such_sdk  # noqa: F401, PLC0415 - what is tested

    return Journal().opener("sms")(context, settings)


@pytest.mark.parametrize("open_channel", [import_inside, import_before])
@pytest.mark.parametrize(
    ("distribution", "requires", "line"),
    [
        ("clientflow", "twilio", "pip install 'clientflow[twilio]'"),
        ("clientflow-sms", "sdk", "pip install 'clientflow-sms[sdk]'"),
        ("clientflow-sms", None, "pip install 'clientflow-sms'"),
        (None, None, "pip install 'sms-plugin'"),
    ],
)
async def test_missing_sdk_is_told_with_the_line_that_installs_it(
    open_channel: Open, distribution: str | None, requires: str | None, line: str
) -> None:
    spec = make_spec("sms", open_channel, requires=requires)
    plugin = make_plugin("sms-plugin", spec, distribution=distribution)
    async with ProviderRegistry([plugin], {}) as registry:
        with pytest.raises(PluginError) as caught:
            await registry.channel("sms")
    assert str(caught.value) == (
        f"the provider 'sms' cannot be opened (No module named 'no_such_sdk'): {line}"
    )
    assert isinstance(caught.value.__cause__, ImportError)
