"""An observer is in nobody's way, whatever has become of its backend."""

import asyncio
import contextlib
import time
import tracemalloc
from collections.abc import Iterator, Mapping
from typing import Any, Final

from clientflow_core.sandbox import Answer
from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.groups.observer import SPAN, DidNotWork, ObserverChecks, error_of
from clientflow_core.testing.sandbox_thread import abandoned
from clientflow_core.testing.stage import RETRY_AFTER_SECONDS, Stage

_PATIENCE_SECONDS: Final = 5.0
# Enough that whoever waits a moment for each is found out on any machine.
_MANY: Final = 100
# More than any queue of this kind holds, and their size.
_FLOOD: Final = 2500
_FIELD: Final = 1000


class ObserverRestraintChecks(ObserverChecks):
    """What does not happen."""

    @check("observer.broken-backend-raises-nothing", Tier.BRONZE)
    async def test_broken_backend_raises_nothing(self, stage: Stage) -> None:
        """Whatever the backend answers, reporting, timing and handing over raise nothing."""
        async with stage.provider() as provider:
            for answer in Answer:
                # What never ends is as silence, which others of these checks are about.
                if answer not in {Answer.TIMEOUT, Answer.DRIP}:
                    stage.go_wrong(answer)
                    await self._use_quietly(provider, stage, answer.value)
                    stage.behave()
            # One that was told to wait does.
            await stage.loop.skip(RETRY_AFTER_SECONDS + 1)
            provider.report_error(error_of("after"), fields={"request_id": "req-after-all"})
            await provider.flush()
            await self.arrives(stage, "req-after-all")

    @check("observer.absent-backend-raises-nothing", Tier.BRONZE)
    async def test_absent_backend_raises_nothing(self, stage: Stage) -> None:
        """Where nobody listens nothing is raised either, from opening to closing."""
        try:
            with abandoned(self.sandbox_class()) as values:
                async with stage.provider(values) as provider:
                    await self._use_quietly(provider, stage, "nobody there")
        except AssertionError:
            raise
        except Exception as error:
            msg = f"opening or closing without a backend raises {type(error).__name__}"
            raise AssertionError(msg) from error

    @check("observer.block-ends-as-it-does", Tier.BRONZE)
    async def test_block_ends_as_it_does(self, stage: Stage) -> None:
        """An error that leaves a span is the same as without it."""
        async with stage.provider() as provider:
            error, seen = error_of("inside"), None
            try:
                with provider.span(SPAN, fields={}):
                    raise error
            except DidNotWork as raised:
                seen = raised
            assert seen is error, "an error that is raised inside a span does not leave it"

    @check("observer.never-waits", Tier.BRONZE)
    async def test_never_waits(self, stage: Stage) -> None:
        """While its backend says nothing, whoever tells it something goes on at once."""
        async with stage.provider() as provider:
            with _silence(stage):
                began = time.perf_counter()
                for count in range(_MANY):
                    self._tell(provider, f"req-{count}")
                took = time.perf_counter() - began
        assert took < _PATIENCE_SECONDS, f"{_MANY} reports to a silent backend take {took:.1f} s"

    @check("observer.flush-ends-in-time", Tier.BRONZE)
    async def test_flush_ends_in_time(self, stage: Stage) -> None:
        """``flush`` returns within the spec's deadline, though the backend says nothing."""
        async with stage.provider() as provider:
            with _silence(stage):
                self._tell(provider, "req-nobody-takes")
                await self._flush_in_time(provider, stage)

    @check("observer.memory-is-bounded", Tier.SILVER)
    async def test_memory_is_bounded(self, stage: Stage) -> None:
        """While nobody takes what it is told, it drops something rather than keep everything."""
        with abandoned(self.sandbox_class()) as values:
            grown = await self._grown_by_a_flood(stage, values)
        limit = _FLOOD * _FIELD // 2
        assert grown < limit, (
            f"{_FLOOD} spans that nobody takes make it grow by {grown // 1000} kB, each time anew"
        )

    async def _grown_by_a_flood(self, stage: Stage, values: Mapping[str, str]) -> int:
        async with stage.provider(values) as provider:
            tracemalloc.start()
            try:
                await self._flood(provider)
                before, _ = tracemalloc.get_traced_memory()
                await self._flood(provider)
                after, _ = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
        return after - before

    async def _flood(self, provider: Any) -> None:
        for count in range(_FLOOD):
            with provider.span(SPAN, fields={"job_id": f"{count:0{_FIELD}d}"}):
                pass
            if count % 100 == 0:
                await asyncio.sleep(0)

    def _tell(self, provider: Any, name: str) -> None:
        provider.report_error(error_of("it did not work"), fields={"request_id": name})
        with provider.span(SPAN, fields={"request_id": name}):
            pass

    async def _use_quietly(self, provider: Any, stage: Stage, what: str) -> None:
        try:
            await self.use(provider, stage)
        except Exception as error:
            msg = f"with a backend that is broken ({what}), {type(error).__name__} is raised"
            raise AssertionError(msg) from error

    async def _flush_in_time(self, provider: Any, stage: Stage) -> None:
        task = asyncio.create_task(provider.flush())
        await asyncio.wait({task}, timeout=0)
        await stage.wait_for(task.done, seconds=0.1)
        await stage.loop.skip(stage.spec.deadline_seconds + 0.1)
        is_done = await stage.wait_for(task.done, seconds=_PATIENCE_SECONDS)
        if not is_done:
            # One that counts its seconds on a thread of its own cannot be told that they are over.
            is_done = await stage.wait_for(task.done, seconds=stage.spec.deadline_seconds)
        if not is_done:
            task.cancel()
            await asyncio.wait({task}, timeout=_PATIENCE_SECONDS)
        assert is_done, f"flush takes more than the {stage.spec.deadline_seconds:g} s of the spec"
        error = None if task.cancelled() else task.exception()
        assert error is None, f"flush to a silent backend raises {type(error).__name__}"


@contextlib.contextmanager
def _silence(stage: Stage) -> Iterator[None]:
    """Let the backend say nothing, and let go of what waits for it in the end."""
    stage.go_wrong(Answer.TIMEOUT)
    try:
        yield
    finally:
        stage.behave()
        stage.server.finish(stage.sandbox.reset)
