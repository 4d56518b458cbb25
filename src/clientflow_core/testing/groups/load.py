"""Many calls at a time: all are answered, and one that goes wrong is in nobody's way."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from clientflow_core.errors import ProviderUnavailable
from clientflow_core.registry.guard import HELD_TOO_LONG_SECONDS
from clientflow_core.registry.steps import Held, timed
from clientflow_core.sandbox import Answer
from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.conformance import Conformance
from clientflow_core.testing.holdings import Holdings
from clientflow_core.testing.stage import Stage
from clientflow_core.testing.watching import counting_sessions

Ask = Callable[[Any], Awaitable[Any]]

_MANY: Final = 50
_SICK: Final = 5
_TRIES: Final = 3
_TURNS: Final = 12
_PATIENCE_SECONDS: Final = 10.0
_STANDSTILL_SECONDS: Final = 2.0
_ILLNESSES: Final = {
    Answer.TIMEOUT: "says nothing",
    Answer.DRIP: "answers without an end",
    Answer.CUT_WITHIN: "breaks off its answer",
}


class LoadChecks(Conformance):
    """What only reads, such as ``verify``, asked fifty times at once."""

    @check("load.all-are-answered", Tier.GOLD)
    async def test_all_are_answered(self, stage: Stage) -> None:
        """Fifty calls at the same time are all answered."""
        async with stage.provider() as provider:
            outcomes = await _at_once(provider, await self._reading(provider, stage))
        errors = [one for one in outcomes if isinstance(one, BaseException)]
        if errors:
            msg = f"of {_MANY} calls at once {len(errors)} raise, such as {_said(errors[0])}"
            raise AssertionError(msg) from errors[0]

    @check("load.shares-the-session", Tier.GOLD)
    async def test_shares_the_session(self, stage: Stage) -> None:
        """Under load it uses the HTTP session that all share, and opens none of its own."""
        _ = await stage.context()
        async with stage.provider() as provider:
            asked = await self._reading(provider, stage)
            with counting_sessions() as made:
                _ = await _at_once(provider, asked)
        assert not made, f"{_MANY} calls open {len(made)} sessions: use that of the context"

    @check("load.holds-no-loop", Tier.GOLD)
    async def test_holds_no_loop(self, stage: Stage) -> None:
        """No step of any of the calls holds the event loop for as long as the guard would tell."""
        async with stage.provider() as provider:
            asked = await self._reading(provider, stage)
            found = []
            # The best of some: who else uses the machine must not decide it.
            for _ in range(_TRIES):
                found.append(await _longest_step(provider, asked))
                if found[-1] < HELD_TOO_LONG_SECONDS:
                    return
        msg = f"one of {_MANY} calls at once holds the event loop for {min(found):.2f} s"
        raise AssertionError(msg)

    @check("load.leaves-nothing-behind", Tier.GOLD)
    async def test_load_leaves_nothing_behind(self, stage: Stage) -> None:
        """After fifty calls it has no more tasks, threads or connections than before them."""
        async with stage.provider() as provider:
            asked = await self._reading(provider, stage)
            # So many connections may stay open for the next ones.
            _ = await _at_once(provider, asked)
            await _have_turns()
            # Now and then more of them are open at once; what is left behind grows each time.
            left = ""
            for _ in range(_TRIES):
                before = Holdings()
                _ = await _at_once(provider, asked)
                await _have_turns()
                left = Holdings().more_than(before)
                if not left:
                    return
        msg = f"after {_MANY} calls at once there are more {left}"
        raise AssertionError(msg)

    @check("load.sick-call-is-in-nobodys-way", Tier.SILVER, is_outside=True)
    async def test_sick_call_is_in_nobodys_way(self, stage: Stage) -> None:
        """While some calls hang, drip or break off, the others are answered; they end in time."""
        async with stage.provider() as provider:
            # A token that it needs first is not what this is about.
            await provider.verify()
            for answer, words in _ILLNESSES.items():
                await self._fall_sick(stage, provider, answer, words)

    async def _fall_sick(self, stage: Stage, provider: Any, answer: Answer, words: str) -> None:
        fault = stage.go_wrong(answer, calls=_SICK)
        sick = [asyncio.create_task(_ended(provider.verify())) for _ in range(_SICK)]
        assert await stage.wait_for(lambda: fault.calls <= 0, seconds=_PATIENCE_SECONDS), (
            f"while the provider {words}, {_SICK} calls at once do not reach it"
        )
        stage.behave()
        well = [asyncio.create_task(_ended(provider.verify())) for _ in range(_MANY)]
        are_well = await _go_on(stage, well)
        await _end_in_time(stage, sick, well)
        assert are_well, f"while the provider {words} to some calls, others wait for them"
        failed = [error for one in well if (error := one.result()) is not None]
        assert not failed, f"while it {words} to some calls, others raise {_said(failed[0])}"
        for one in sick:
            _require_unavailable(one, words)

    async def _reading(self, provider: Any, stage: Stage) -> Sequence[Ask]:
        """Give what it is asked that changes nothing, each asked once: it may fetch a token."""

        def verify(asked: Any) -> Awaitable[Any]:
            given: Awaitable[Any] = asked.verify()
            return given

        calls = await self.calls(provider, stage)
        reading: list[Ask] = [verify, *(call.ask for call in calls if not call.is_change)]
        for ask in reading:
            await ask(provider)
        return reading


async def _at_once(provider: Any, asked: Sequence[Ask]) -> Sequence[Any]:
    calls = [asked[number % len(asked)](provider) for number in range(_MANY)]
    return await asyncio.gather(*calls, return_exceptions=True)


async def _longest_step(provider: Any, asked: Sequence[Ask]) -> float:
    held = Held()
    calls = [timed(asked[number % len(asked)](provider), held) for number in range(_MANY)]
    _ = await asyncio.gather(*map(_awaited, calls), return_exceptions=True)
    return held.seconds


async def _awaited(call: Awaitable[Any]) -> Any:
    return await call


async def _ended(call: Awaitable[Any]) -> Exception | None:
    try:
        await call
    except Exception as error:  # noqa: BLE001 - which one it is, is the question
        return error
    return None


async def _have_turns() -> None:
    # What was told to end has its turn.
    for _ in range(_TURNS):
        await asyncio.sleep(0)


async def _go_on(stage: Stage, tasks: Sequence["asyncio.Task[Any]"]) -> bool:
    """Wait for *tasks* while at least one of them ends every now and then; tell whether all do."""

    def count_left() -> int:
        return sum(not task.done() for task in tasks)

    while before := count_left():
        if not await stage.wait_for(lambda: count_left() < before, seconds=_STANDSTILL_SECONDS):
            return False
    return True


async def _end_in_time(
    stage: Stage, sick: Sequence["asyncio.Task[Any]"], well: Sequence["asyncio.Task[Any]"]
) -> None:
    """Let the spec's deadline go by, and cancel what has not ended by then."""
    deadline = stage.spec.deadline_seconds
    await stage.loop.skip(deadline + 0.1)
    if not await _go_on(stage, sick):
        # One that counts its seconds on a thread of its own cannot be told that they are over.
        await stage.wait_for(lambda: all(one.done() for one in sick), seconds=deadline)
    for one in (*sick, *well):
        one.cancel()
    await asyncio.wait([*sick, *well], timeout=_PATIENCE_SECONDS)


def _require_unavailable(task: "asyncio.Task[Any]", words: str) -> None:
    assert not task.cancelled(), f"where the provider {words}, a call outlasts the spec's deadline"
    error = task.result()
    assert error is not None, f"where the provider {words}, verify is satisfied"
    if not isinstance(error, ProviderUnavailable):
        msg = f"where the provider {words}, verify raises {_said(error)}, not ProviderUnavailable"
        raise AssertionError(msg) from error


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
