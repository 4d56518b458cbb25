"""What a plugin registers: one frozen description of each provider that it brings."""

import enum
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from typing import Any, Generic, TypeVar

import aiohttp
import attrs

from clientflow_core.clock import Clock, SystemClock
from clientflow_core.domain.routing import Medium
from clientflow_core.errors import SettingProblem
from clientflow_core.providers.authorization import AuthorizationSpec
from clientflow_core.providers.records import MemoryRecordStore, RecordStore
from clientflow_core.providers.webhooks import WebhookSpec

S = TypeVar("S")
P = TypeVar("P", covariant=True)


class ProviderKind(enum.StrEnum):
    """What a provider does for us; each kind has one interface."""

    CHANNEL = "channel"
    BILLING = "billing"
    CALENDAR = "calendar"
    ASSISTANT = "assistant"
    IDENTITY = "identity"
    OBSERVER = "observer"


class Capability(enum.StrEnum):
    """An ability that not every provider has; each stands for one Protocol."""

    CATCH_UP = "catch_up"
    MESSAGE_LOOKUP = "message_lookup"
    USAGE = "usage"
    INVOICES = "invoices"
    PUSH = "push"
    EMBEDDINGS = "embeddings"
    MODERATION = "moderation"
    USER_LOOKUP = "user_lookup"


@attrs.frozen(kw_only=True)
class ProviderContext:
    """What the assembly lends to a provider.

    Attributes:
        http: the one shared session. The assembly closes it; a provider never does.
        clock: ask it for the time.
        public_url: where the world reaches the host, without a slash at the end; None in library
            use without a host, and then no status callbacks are asked for.
        organization_id: whose own settings the provider was opened with; None for the operator's,
            with which it serves every organization that has set none.
        records: what it may keep, by organization; in memory in library use.
    """

    http: aiohttp.ClientSession
    clock: Clock = attrs.field(factory=SystemClock)
    public_url: str | None = None
    organization_id: uuid.UUID | None = None
    records: RecordStore = attrs.field(factory=MemoryRecordStore)


def _as_tuple(names: Iterable[str]) -> tuple[str, ...]:
    # By its own name mypy cannot tell of what it is a tuple.
    return tuple(names)


def _no_addresses(_: Any) -> Sequence[str]:
    return ()


def _no_account(_: Any) -> str | None:
    return None


def _no_budget(_: Any) -> Decimal | None:
    return None


def _no_problems(_: Any, __: str) -> Iterable[SettingProblem]:
    return ()


def _is_settings_class(_: object, __: "attrs.Attribute[Any]", value: Any) -> None:
    if not (isinstance(value, type) and attrs.has(value)):
        msg = f"the settings of a provider are an attrs class, not {value!r}"
        raise TypeError(msg)


@attrs.frozen(kw_only=True)
class ProviderSpec(Generic[S, P]):
    """A provider, described without importing its SDK.

    Attributes:
        kind: which interface it implements.
        name: lower case; begins the path of its sandbox and names it in every listing.
        title: for people.
        settings: an attrs class of :func:`clientflow_core.settings.setting` fields.
        open: gives the provider; only here may its SDK be imported.
        webhooks: the addresses at which it calls us.
        medium: what a channel carries; the channels of one stand in for each other.
        addresses: gives the addresses of ours, such as a telephone number, that settings name; each
            becomes a channel of the first organization.
        account: gives the account at the provider that settings belong to, as webhooks name it;
            where an organization sets its own, its webhooks are found by it.
        monthly_budget: gives the most that an organization may spend at it in a calendar month
            (UTC), in US dollars; None for no limit.
        check_public_url: gives the settings that contradict the public URL of the host.
        capabilities: what it can beyond the mandatory methods of its kind.
        sends_invitations: whether it tells by itself those who are asked to an event of a calendar;
            else we do.
        authorization: how somebody lets an organization use their account; None where that is set
            by hand alone.
        settle_seconds: how long after a call its look-up may still miss what it accepted.
        deadline_seconds: a call that takes longer has an unknown outcome.
        sandbox: ``package.module:Class`` of its stand-in server, imported only to run it.
        local_settings: makes the settings, by their names in the environment, with which it works
            on this machine alone; `up` asks once and keeps them. Only a local provider has it: one
            behind which no company stands, and so no sandbox.
        requires: the extra of the plugin's distribution that brings its SDK, for the message when
            that is missing.
        sdk_modules: the packages of its SDK, as they are imported, such as ``("stripe",)``; one
            that is not installed is told at the start, without importing anything.
    """

    kind: ProviderKind = attrs.field(converter=ProviderKind)
    name: str = attrs.field(validator=attrs.validators.matches_re(r"[a-z][a-z0-9_]*"))
    title: str
    settings: type[S] = attrs.field(validator=_is_settings_class)
    open: Callable[[ProviderContext, S], AbstractAsyncContextManager[P]]
    webhooks: tuple[WebhookSpec, ...] = ()
    medium: Medium = attrs.field(default=Medium.TEXT, converter=Medium)
    addresses: Callable[[S], Sequence[str]] = _no_addresses
    account: Callable[[S], str | None] = _no_account
    monthly_budget: Callable[[S], Decimal | None] = _no_budget
    check_public_url: Callable[[S, str], Iterable[SettingProblem]] = _no_problems
    capabilities: frozenset[Capability] = frozenset()
    sends_invitations: bool = False
    authorization: AuthorizationSpec[S] | None = None
    settle_seconds: float = 30.0
    deadline_seconds: float = 20.0
    sandbox: str | None = None
    local_settings: Callable[[], Mapping[str, str]] | None = None
    requires: str | None = None
    sdk_modules: tuple[str, ...] = attrs.field(
        default=(),
        converter=_as_tuple,
        # To look for a part of a package would import the package.
        validator=attrs.validators.deep_iterable(attrs.validators.matches_re(r"[A-Za-z_]\w*")),
    )

    def __attrs_post_init__(self) -> None:
        if self.is_local and self.sandbox:
            msg = f"{self.name} is local: nobody stands behind it for whom a sandbox could stand in"
            raise ValueError(msg)

    @property
    def is_local(self) -> bool:
        """Whether no outside provider stands behind it, and nothing leaves this machine."""
        return self.local_settings is not None


AnySpec = ProviderSpec[Any, Any]
