"""What a bad answer, or none, means: a wrong class here is work that is lost, or done twice."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from clientflow_core.errors import (
    OutcomeUnknown,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
)
from clientflow_core.sandbox import Answer, CallFault
from clientflow_core.testing.calls import OrdinaryCall
from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.conformance import Conformance
from clientflow_core.testing.sandbox_thread import abandoned
from clientflow_core.testing.stage import RETRY_AFTER_SECONDS, Stage

Kinds = tuple[type[ProviderError], ...]

_UNKNOWN: Final[Kinds] = (OutcomeUnknown,)
_UNAVAILABLE: Final[Kinds] = (ProviderUnavailable,)
_PATIENCE_SECONDS: Final = 1.0


class ErrorChecks(Conformance):
    """Any call while the provider is not well."""

    @check("errors.too-fast-is-rate-limited", Tier.BRONZE, is_outside=True)
    async def test_too_fast_is_rate_limited(self, stage: Stage) -> None:
        """429 is ``RateLimited``, with the seconds of ``Retry-After``."""
        async with stage.provider() as provider:
            for call in await ready_calls(self, provider, stage):
                error = await _error(stage, call, provider, Answer.RATE_LIMITED)
                _require(error, (RateLimited,), f"{call.name} and 429")
                assert isinstance(error, RateLimited)
                assert error.retry_after_seconds == RETRY_AFTER_SECONDS, (
                    f"Retry-After: {RETRY_AFTER_SECONDS} becomes {error.retry_after_seconds} "
                    f"seconds ({call.name})"
                )

    @check("errors.nobody-there-is-unavailable", Tier.SILVER, is_outside=True)
    async def test_nobody_there_is_unavailable(self, stage: Stage) -> None:
        """Where nobody listens nothing was sent: ``ProviderUnavailable``, to be tried again."""
        with abandoned(self.sandbox_class()) as values:
            async with stage.provider() as provider, stage.provider(values) as nobody:
                for call in await self.calls(provider, stage):
                    error = await _error_of(call.ask(nobody))
                    _require(error, _UNAVAILABLE, f"{call.name} and a refused connection")

    @check("errors.verify-says-unavailable", Tier.BRONZE, is_outside=True)
    async def test_verify_says_unavailable(self, stage: Stage) -> None:
        """``verify`` raises ``ProviderUnavailable`` for whatever is not a no."""
        async with stage.provider() as provider:
            for answer in Answer:
                error = await _ended(stage, provider.verify(), stage.go_wrong(answer))
                _require(error, _UNAVAILABLE, f"verify and {answer.value}")
                stage.behave()


class ChangeErrorChecks(Conformance):
    """A call that makes or changes something, for a kind that has one."""

    @check("errors.server-error-is-unknown", Tier.BRONZE, is_outside=True)
    async def test_server_error_is_unknown(self, stage: Stage) -> None:
        """500 is ``OutcomeUnknown``: it may have been taken before."""
        await self._changes_raise(stage, Answer.INTERNAL_ERROR, _UNKNOWN)

    @check("errors.busy-is-unavailable-or-unknown", Tier.BRONZE, is_outside=True)
    async def test_busy_is_unavailable_or_unknown(self, stage: Stage) -> None:
        """503 is ``ProviderUnavailable`` where it is surely not taken, else ``OutcomeUnknown``."""
        await self._changes_raise(stage, Answer.UNAVAILABLE, _UNAVAILABLE + _UNKNOWN)

    @check("errors.proxy-page-is-unknown", Tier.BRONZE, is_outside=True)
    async def test_proxy_page_is_unknown(self, stage: Stage) -> None:
        """A page of some proxy instead of an answer (502, HTML) is ``OutcomeUnknown``."""
        await self._changes_raise(stage, Answer.HTML, _UNKNOWN)

    @check("errors.unreadable-answer-is-unknown", Tier.BRONZE, is_outside=True)
    async def test_unreadable_answer_is_unknown(self, stage: Stage) -> None:
        """An answer that says yes and breaks off is ``OutcomeUnknown``."""
        await self._changes_raise(stage, Answer.BAD_JSON, _UNKNOWN)

    @check("errors.cut-connection-is-unknown", Tier.BRONZE, is_outside=True)
    async def test_cut_connection_is_unknown(self, stage: Stage) -> None:
        """A connection that ends without a whole answer is ``OutcomeUnknown``, taken or not."""
        for answer in (Answer.CUT_BEFORE, Answer.CUT_AFTER_ACCEPTANCE, Answer.CUT_WITHIN):
            await self._changes_raise(stage, answer, _UNKNOWN)

    @check("errors.silence-is-unknown-in-time", Tier.BRONZE, is_outside=True)
    async def test_silence_is_unknown_in_time(self, stage: Stage) -> None:
        """A provider that says nothing, or never ends, is given up in the spec's deadline."""
        for answer in (Answer.TIMEOUT, Answer.DRIP):
            await self._changes_raise(stage, answer, _UNKNOWN)

    async def _changes_raise(self, stage: Stage, answer: Answer, kinds: Kinds) -> None:
        async with stage.provider() as provider:
            for call in await ready_calls(self, provider, stage):
                if call.is_change:
                    error = await _error(stage, call, provider, answer)
                    _require(error, kinds, f"{call.name} and {_WORDS[answer]}")


class ReadErrorChecks(Conformance):
    """A call that changes nothing, for a kind that has one beside ``verify``."""

    @check("errors.reading-says-unavailable", Tier.BRONZE, is_outside=True)
    async def test_reading_says_unavailable(self, stage: Stage) -> None:
        """A call that only reads raises ``ProviderUnavailable`` for whatever is not a no."""
        async with stage.provider() as provider:
            calls = await ready_calls(self, provider, stage)
            for call in (one for one in calls if not one.is_change):
                for answer in Answer:
                    error = await _error(stage, call, provider, answer)
                    _require(error, _UNAVAILABLE, f"{call.name} and {_WORDS[answer]}")


_WORDS: Final = {
    Answer.RATE_LIMITED: "429",
    Answer.INTERNAL_ERROR: "500",
    Answer.UNAVAILABLE: "503",
    Answer.TIMEOUT: "silence",
    Answer.CUT_BEFORE: "a connection cut before the work",
    Answer.CUT_AFTER_ACCEPTANCE: "a connection cut after the work",
    Answer.CUT_WITHIN: "a connection cut within the answer",
    Answer.DRIP: "an answer without an end",
    Answer.BAD_JSON: "half an answer",
    Answer.HTML: "a proxy's page",
}


async def require_unavailable(
    stage: Stage, ask: Callable[[], Awaitable[object]], *, what: str
) -> None:
    """Require ``ProviderUnavailable`` of *ask* where no answer can be read, and never a result."""
    for answer in (Answer.INTERNAL_ERROR, Answer.BAD_JSON, Answer.HTML, Answer.CUT_BEFORE):
        stage.go_wrong(answer)
        try:
            found = await ask()
        except ProviderUnavailable:
            continue
        except Exception as error:
            msg = f"{answer.value}: {type(error).__name__}, not ProviderUnavailable"
            raise AssertionError(msg) from error
        finally:
            stage.behave()
        msg = f"{answer.value}: {what} gives {found!r} instead of an error"
        raise AssertionError(msg)


async def ready_calls(suite: Conformance, provider: Any, stage: Stage) -> Sequence[OrdinaryCall]:
    """Give the calls of *suite*, each of which has been asked and answered once."""
    # A token that it needs first is not what this is about.
    await provider.verify()
    calls = await suite.calls(provider, stage)
    for call in calls:
        try:
            await call.ask(provider)
        except Exception as error:
            msg = f"{call.name} raises {type(error).__name__}: {error}"
            raise AssertionError(msg) from error
    return calls


async def _error(
    stage: Stage, call: OrdinaryCall, provider: Any, answer: Answer
) -> Exception | None:
    """Give what *call* raises where it is answered by *answer*."""
    # A change may read something first, and is then surely not done. What matters is its end.
    fault = stage.go_wrong(answer, spares_reading=call.is_change)
    before = fault.calls
    try:
        error = await _ended(stage, call.ask(provider), fault)
        if error is None and fault.calls == before:
            # One that changes something by a method that is meant for reading.
            error = await _ended(stage, call.ask(provider), stage.go_wrong(answer))
    finally:
        stage.behave()
    return error


async def _ended(stage: Stage, asked: Awaitable[Any], fault: CallFault) -> Exception | None:
    is_silent = fault.answer in {Answer.TIMEOUT, Answer.DRIP}
    return await (_in_time(stage, asked, fault) if is_silent else _error_of(asked))


def _require(error: Exception | None, kinds: Kinds, what: str) -> None:
    wanted = " or ".join(kind.__name__ for kind in kinds)
    assert error is not None, f"{what}: no error is raised; it must be {wanted}"
    if not isinstance(error, kinds):
        msg = f"{what}: {type(error).__name__} is raised, and must be {wanted}"
        raise AssertionError(msg) from error


async def _error_of(call: Awaitable[Any]) -> Exception | None:
    try:
        await call
    except Exception as error:  # noqa: BLE001 - which one it is, is the question
        return error
    return None


async def _in_time(stage: Stage, call: Awaitable[Any], fault: CallFault) -> Exception | None:
    """Let the spec's deadline go by at once, and give how *call*, met by *fault*, has ended."""
    left, deadline = fault.calls, stage.spec.deadline_seconds
    task = asyncio.create_task(_error_of(call))
    await stage.wait_for(lambda: fault.calls < left or task.done())
    await stage.loop.skip(deadline + 0.1)
    is_done = await stage.wait_for(task.done, seconds=_PATIENCE_SECONDS)
    if not is_done:
        # One that counts its seconds on a thread of its own cannot be told that they are over.
        is_done = await stage.wait_for(task.done, seconds=deadline)
    if not is_done:
        task.cancel()
        await asyncio.wait({task}, timeout=_PATIENCE_SECONDS)
    assert is_done, f"it still waits after the {deadline:g} s that the spec gives it"
    return task.result()
