"""What a bad answer, or none, means; a wrong class here is a text that is lost, or sent twice."""

import asyncio
from typing import Any, Final

from clientflow_core.errors import (
    OutcomeUnknown,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
)
from clientflow_core.sandbox import Answer
from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.groups.channel import ChannelChecks
from clientflow_core.testing.sandbox_thread import SandboxThread
from clientflow_core.testing.stage import RETRY_AFTER_SECONDS, Stage

Kinds = tuple[type[ProviderError], ...]

_UNKNOWN: Final[Kinds] = (OutcomeUnknown,)
_UNAVAILABLE: Final[Kinds] = (ProviderUnavailable,)
_PATIENCE_SECONDS: Final = 3.0


class ChannelErrorChecks(ChannelChecks):
    """``send`` while the provider is not well."""

    @check("errors.too-fast-is-rate-limited", Tier.BRONZE)
    async def test_too_fast_is_rate_limited(self, stage: Stage) -> None:
        """429 is ``RateLimited``, with the seconds of ``Retry-After``."""
        error = await self._error(stage, Answer.RATE_LIMITED)
        _require(error, (RateLimited,), "429")
        assert isinstance(error, RateLimited)
        assert error.retry_after_seconds == RETRY_AFTER_SECONDS, (
            f"Retry-After: {RETRY_AFTER_SECONDS} becomes {error.retry_after_seconds} seconds"
        )

    @check("errors.server-error-is-unknown", Tier.BRONZE)
    async def test_server_error_is_unknown(self, stage: Stage) -> None:
        """500 is ``OutcomeUnknown``: it may have been taken before."""
        _require(await self._error(stage, Answer.INTERNAL_ERROR), _UNKNOWN, "500")

    @check("errors.busy-is-unavailable-or-unknown", Tier.BRONZE)
    async def test_busy_is_unavailable_or_unknown(self, stage: Stage) -> None:
        """503 is ``ProviderUnavailable`` where it is surely not taken, else ``OutcomeUnknown``."""
        _require(await self._error(stage, Answer.UNAVAILABLE), _UNAVAILABLE + _UNKNOWN, "503")

    @check("errors.proxy-page-is-unknown", Tier.BRONZE)
    async def test_proxy_page_is_unknown(self, stage: Stage) -> None:
        """A page of some proxy instead of an answer (502, HTML) is ``OutcomeUnknown``."""
        _require(await self._error(stage, Answer.HTML), _UNKNOWN, "a proxy's page")

    @check("errors.unreadable-answer-is-unknown", Tier.BRONZE)
    async def test_unreadable_answer_is_unknown(self, stage: Stage) -> None:
        """An answer that says yes and breaks off is ``OutcomeUnknown``."""
        _require(await self._error(stage, Answer.BAD_JSON), _UNKNOWN, "half an answer")

    @check("errors.cut-connection-is-unknown", Tier.BRONZE)
    async def test_cut_connection_is_unknown(self, stage: Stage) -> None:
        """A connection that ends without an answer is ``OutcomeUnknown``, taken or not."""
        for answer in (Answer.CUT_BEFORE, Answer.CUT_AFTER_ACCEPTANCE):
            _require(await self._error(stage, answer), _UNKNOWN, answer.value)

    @check("errors.silence-is-unknown-in-time", Tier.BRONZE)
    async def test_silence_is_unknown_in_time(self, stage: Stage) -> None:
        """A provider that says nothing is given up within the spec's deadline, as unknown."""
        async with stage.provider() as provider:
            await provider.verify()
            stage.go_wrong(Answer.TIMEOUT)
            error = await _in_time(stage, provider.send(self.message(stage)))
        _require(error, _UNKNOWN, "silence")

    @check("errors.nobody-there-is-unavailable", Tier.SILVER)
    async def test_nobody_there_is_unavailable(self, stage: Stage) -> None:
        """Where nobody listens nothing was sent: ``ProviderUnavailable``, to be tried again."""
        with SandboxThread(self.sandbox_class()) as gone:
            values = gone.sandbox.settings()
        async with stage.provider(values) as provider:
            error = await _error_of(provider.send(self.message(stage)))
        _require(error, _UNAVAILABLE, "a refused connection")

    @check("errors.verify-says-unavailable", Tier.BRONZE)
    async def test_verify_says_unavailable(self, stage: Stage) -> None:
        """``verify`` raises ``ProviderUnavailable`` for whatever is not a no."""
        async with stage.provider() as provider:
            for answer in Answer:
                stage.go_wrong(answer)
                call = provider.verify()
                is_silent = answer is Answer.TIMEOUT
                error = await (_in_time(stage, call) if is_silent else _error_of(call))
                _require(error, _UNAVAILABLE, f"verify and {answer.value}")
                stage.behave()

    async def _error(self, stage: Stage, answer: Answer) -> Exception | None:
        async with stage.provider() as provider:
            # A token that it needs first is not what this is about.
            await provider.verify()
            await self.send(provider, self.message(stage))
            stage.go_wrong(answer)
            error = await _error_of(provider.send(self.message(stage)))
            stage.behave()
        return error


def _require(error: Exception | None, kinds: Kinds, what: str) -> None:
    wanted = " or ".join(kind.__name__ for kind in kinds)
    assert error is not None, f"{what}: no error is raised; it must be {wanted}"
    if not isinstance(error, kinds):
        msg = f"{what}: {type(error).__name__} is raised, and must be {wanted}"
        raise AssertionError(msg) from error


async def _error_of(call: Any) -> Exception | None:
    try:
        await call
    except Exception as error:  # noqa: BLE001 - which one it is, is the question
        return error
    return None


async def _in_time(stage: Stage, call: Any) -> Exception | None:
    """Let the spec's deadline go by at once, and give how *call* has ended."""
    seen, deadline = stage.sandbox.calls_seen, stage.spec.deadline_seconds
    task = asyncio.create_task(_error_of(call))
    await stage.wait_for(lambda: stage.sandbox.calls_seen > seen or task.done())
    stage.loop.skip(deadline + 0.1)
    is_done = await stage.wait_for(task.done, seconds=_PATIENCE_SECONDS)
    if not is_done:
        # One that counts its seconds on a thread of its own cannot be told that they are over.
        is_done = await stage.wait_for(task.done, seconds=deadline)
    if not is_done:
        task.cancel()
        await asyncio.wait({task}, timeout=_PATIENCE_SECONDS)
    assert is_done, f"it still waits after the {deadline:g} s that the spec gives it"
    return task.result()
