"""Answers that come part by part, and listeners who leave."""

import asyncio
from typing import Any, Final

from clientflow_core.domain.assistance import TextDelta
from clientflow_core.errors import ProviderUnavailable
from clientflow_core.testing.checks import Tier, check
from clientflow_core.testing.groups.assistant import AssistantChecks, done, error_of, listen
from clientflow_core.testing.stage import Stage

# As many words as no sandbox says while a check waits.
_ENDLESS: Final = 100_000
_PATIENCE_SECONDS: Final = 5.0


class AssistantStreamChecks(AssistantChecks):
    """A stream."""

    @check("stream.joins-to-the-answer", Tier.BRONZE)
    async def test_joins_to_the_answer(self, stage: Stage) -> None:
        """The parts of a stream, joined, are the text of the answer at its end."""
        async with stage.provider() as provider:
            parts, whole = await done("stream", listen(provider, self.request()))
        assert parts, "the stream gives the whole answer and no part of it"
        joined = "".join(parts)
        assert joined == whole.text, f"its parts say {joined!r}, and its end says {whole.text!r}"

    @check("stream.comes-as-it-is-given", Tier.SILVER)
    async def test_comes_as_it_is_given(self, stage: Stage) -> None:
        """The first words are there long before the last ones."""
        async with stage.provider() as provider:
            stream = await self._begun(provider, stage)
            await stream.aclose()

    @check("stream.stops-with-its-listener", Tier.SILVER, is_outside=True)
    async def test_stops_with_its_listener(self, stage: Stage) -> None:
        """Who stops to listen ends the call, so that no more words are given, and paid for."""
        async with stage.provider() as provider:
            stream = await self._begun(provider, stage)
            open_before = stage.server.connections()
            await self._in_time(stream.aclose(), "to end it")
            is_ended = await stage.wait_for(lambda: stage.server.connections() < open_before)
        assert is_ended, "nobody listens any more, and the connection is still open"

    @check("stream.stops-when-cancelled", Tier.SILVER, is_outside=True)
    async def test_stops_when_cancelled(self, stage: Stage) -> None:
        """A task that is cancelled while it listens ends the call, too."""
        async with stage.provider() as provider:
            began = asyncio.Event()
            task = asyncio.create_task(self._listen_on(provider, began))
            await asyncio.wait(
                {task, asyncio.create_task(began.wait())},
                timeout=_PATIENCE_SECONDS,
                return_when=asyncio.FIRST_COMPLETED,
            )
            open_before = stage.server.connections()
            task.cancel()
            await asyncio.wait({task}, timeout=_PATIENCE_SECONDS)
            assert task.cancelled(), (
                "cancelled while it listens, it goes on, or raises another error"
            )
            is_ended = await stage.wait_for(lambda: stage.server.connections() < open_before)
        assert is_ended, "the task has ended, and the connection is still open"

    @check("stream.cut-one-is-unavailable", Tier.BRONZE, is_outside=True)
    async def test_cut_stream_is_unavailable(self, stage: Stage) -> None:
        """A stream that breaks off raises ``ProviderUnavailable``: half an answer is none."""
        async with stage.provider() as provider:
            stream = await self._begun(provider, stage)
            stage.server.cut()
            error = await error_of(self._in_time(_drain(stream), "after its connection was cut"))
        assert error is not None, "a stream whose connection was cut ends as if it were whole"
        is_right = isinstance(error, ProviderUnavailable)
        assert is_right, f"a cut stream raises {type(error).__name__}, not ProviderUnavailable"

    async def _begun(self, provider: Any, stage: Stage) -> Any:
        """Give a stream that has begun, and does not end by itself."""
        del stage
        request = self.request(self.endless_words, most_output_tokens=_ENDLESS)
        stream = provider.stream(request)
        first = await self._in_time(anext(stream), "for the first words of a long answer")
        assert isinstance(first, TextDelta), f"a long answer begins with {first!r}"
        assert hasattr(stream, "aclose"), "the stream has no aclose(): write it with yield"
        return stream

    async def _listen_on(self, provider: Any, began: asyncio.Event) -> None:
        request = self.request(self.endless_words, most_output_tokens=_ENDLESS)
        async for _ in provider.stream(request):
            began.set()

    async def _in_time(self, work: Any, what: str) -> Any:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return await work
        except TimeoutError as error:
            msg = f"the stream takes more than {_PATIENCE_SECONDS:g} s {what}"
            raise AssertionError(msg) from error


async def _drain(stream: Any) -> None:
    async for _ in stream:
        pass
