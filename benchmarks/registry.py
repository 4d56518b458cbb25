"""What it costs to find a provider, beside a dict and beside a hook of pluggy.

For each message and each request a provider is looked up by its name. That goes through no hook.
"""

import asyncio
import contextlib
import statistics
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any, Final

import attrs
import pluggy
from structlog.testing import capture_logs
from typing_extensions import override

from benchmarks.report import Goal, Options, judge, print_table, spread, write_json
from clientflow_core import (
    ChannelProvider,
    MessageStatus,
    OutboundMessage,
    Plugin,
    ProviderContext,
    ProviderKind,
    ProviderRegistry,
    ProviderSpec,
    Receipt,
    setting,
)

GOALS: Final = (
    Goal(name="registry.spec(name) / dict and a method", bound=2, is_most=True),
    Goal(name="await registry.channel(name) / dict and an awaited method", bound=2, is_most=True),
)
_TIMES: Final = 20_000
_SHORT_TIMES: Final = 500
# Of so many runs the shortest counts: what comes in between only lengthens one.
_TRIES: Final = 7
_NAME: Final = "nobody"
_DICT: Final = "dict and a method"
_SPEC: Final = "registry.spec(name)"
_AWAITED_DICT: Final = "dict and an awaited method"
_CHANNEL: Final = "await registry.channel(name)"
_DIRECT: Final = "await send()"
_GUARDED: Final = "await send(), guarded"
_HOOKS: Final = (1, 5, 20)

_specs = pluggy.HookspecMarker("bench")
_impl = pluggy.HookimplMarker("bench")


@attrs.frozen
class NobodySettings:
    """None that has to be set."""

    key: str = setting(env="NOBODY_KEY", help="nothing", default="")


class Nobody(ChannelProvider):
    """A channel that does nothing."""

    @override
    async def verify(self) -> str:
        return _NAME

    @override
    async def send(self, message: OutboundMessage) -> Receipt:
        return _RECEIPT

    def name(self) -> str:
        """Give a constant."""
        return _NAME


_RECEIPT: Final = Receipt(provider_message_id="1", status=MessageStatus.SENT)
_MESSAGE: Final = OutboundMessage(
    attempt_id=uuid.UUID(int=1), sender="+14155550100", recipient="+14155550101", body="Hello"
)


@contextlib.asynccontextmanager
async def _open(context: ProviderContext, settings: NobodySettings) -> AsyncIterator[Nobody]:
    yield Nobody()


PLUGIN: Final = Plugin(
    name=_NAME,
    version="1",
    specs=(
        ProviderSpec(
            kind=ProviderKind.CHANNEL,
            name=_NAME,
            title="Nobody",
            settings=NobodySettings,
            open=_open,
        ),
    ),
)


class _Spec:
    @_specs
    def send(self, message: object) -> None:
        """The hook that a message would go through."""


class _Impl:
    @_impl
    def send(self, message: object) -> str:
        return _NAME


Loop = Callable[[int], Awaitable[None]]


def run(options: Options) -> bool:
    """Measure, print and keep the figures; tell whether the goals were reached."""
    times = _TIMES if options.is_judged else _SHORT_TIMES
    rounds = asyncio.run(_rounds(options.rounds, times))
    rows = [{"": name, "ns": spread([one[name] for one in rounds], digits=0)} for name in rounds[0]]
    print_table("A call, or a look-up: median (least..most)", rows)
    ratios = {
        GOALS[0].name: [one[_SPEC] / one[_DICT] for one in rounds],
        GOALS[1].name: [one[_CHANNEL] / one[_AWAITED_DICT] for one in rounds],
        "a hook of 1 plugin / dict and a method": [
            one[_hook_name(1)] / one[_DICT] for one in rounds
        ],
    }
    is_reached = judge(ratios, GOALS)
    result = {
        "rounds": rounds,
        "ratios": ratios,
        "goals": {goal.name: str(goal) for goal in GOALS},
        "is_reached": is_reached,
        "medians": {name: statistics.median(one[name] for one in rounds) for name in rounds[0]},
    }
    write_json("registry", result, folder=options.folder)
    return is_reached or not options.is_judged


async def _rounds(count: int, times: int) -> list[dict[str, float]]:
    # Nobody else is on the loop, so that it is found to be held up.
    with capture_logs():
        return await _measure(count, times)


async def _measure(count: int, times: int) -> list[dict[str, float]]:
    async with ProviderRegistry([PLUGIN], {}) as registry:
        guarded = await registry.channel(_NAME)
        variants = {
            **_at_once(registry),
            **_awaited(registry),
            _DIRECT: _sending(Nobody()),
            _GUARDED: _sending(guarded),
            **dict(_hooks()),
        }
        return [await _round(variants, times, first=number) for number in range(count)]


async def _round(variants: Mapping[str, Loop], times: int, *, first: int) -> dict[str, float]:
    """Measure each variant in turns, beginning with another one in each round; in nanoseconds."""
    best = dict.fromkeys(variants, float("inf"))
    names = list(variants)
    order = [names[(first + number) % len(names)] for number in range(len(names))]
    for _ in range(_TRIES):
        for name in order:
            begun = time.perf_counter()
            await variants[name](times)
            best[name] = min(best[name], (time.perf_counter() - begun) / times * 1e9)
    return best


def _at_once(registry: ProviderRegistry) -> dict[str, Loop]:
    table = {_NAME: Nobody()}

    async def by_dict(times: int) -> None:
        for _ in range(times):
            table[_NAME].name()

    async def by_spec(times: int) -> None:
        for _ in range(times):
            registry.spec(_NAME)

    return {_DICT: by_dict, _SPEC: by_spec}


def _awaited(registry: ProviderRegistry) -> dict[str, Loop]:
    table = {_NAME: Nobody()}

    async def by_awaited_dict(times: int) -> None:
        for _ in range(times):
            await table[_NAME].verify()

    async def by_channel(times: int) -> None:
        for _ in range(times):
            await registry.channel(_NAME)

    return {_AWAITED_DICT: by_awaited_dict, _CHANNEL: by_channel}


def _sending(channel: ChannelProvider) -> Loop:
    async def send(times: int) -> None:
        for _ in range(times):
            await channel.send(_MESSAGE)

    return send


def _hooks() -> Iterator[tuple[str, Loop]]:
    for count in _HOOKS:
        manager = pluggy.PluginManager("bench")
        manager.add_hookspecs(_Spec)
        for _ in range(count):
            manager.register(_Impl())
        yield _hook_name(count), _calling(manager.hook.send)


def _hook_name(count: int) -> str:
    return f"a hook of {count} plugin{'s' if count > 1 else ''}"


def _calling(hook: Callable[..., Any]) -> Loop:
    async def call(times: int) -> None:
        for _ in range(times):
            hook(message=_MESSAGE)

    return call
