"""Answers that come part by part, as server-sent events.

https://developers.openai.com/api/docs/guides/streaming-responses
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from aiohttp import web
from typing_extensions import override

from clientflow_plugins.openai.sandbox.drafting import Draft
from clientflow_plugins.openai.sandbox.questions import Question
from clientflow_plugins.openai.sandbox.resources import (
    chat_usage,
    content_part,
    finish_reason,
    message_id,
    message_resource,
)

Event = dict[str, Any]


class EventStream(web.StreamResponse):
    """Answers with one event after another, until there are no more, or nobody reads them.

    Args:
        events: the events; each is named by its ``type``, if it has one.
        step_seconds: how long it thinks before each.
        end: what comes after the last.
    """

    def __init__(self, events: Iterator[Event], *, step_seconds: float, end: str = "") -> None:
        super().__init__(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        self._events, self._step_seconds, self._end = events, step_seconds, end

    @override
    async def write_eof(self, data: bytes = b"") -> None:
        """Write the events; the handler has ended, so that nothing has been written before."""
        async for event in self._slowly():
            name = f"event: {event['type']}\n" if "type" in event else ""
            await self.write(f"{name}data: {json.dumps(event)}\n\n".encode())
        await super().write_eof(self._end.encode())

    async def _slowly(self) -> AsyncIterator[Event]:
        for event in self._events:
            yield event
            await asyncio.sleep(self._step_seconds)


def response_events(
    begun: Mapping[str, Any], ended: Mapping[str, Any], draft: Draft
) -> Iterator[Event]:
    """Give the events of a response, from where it has *begun* to where it has *ended*."""
    numbers = itertools.count()
    item, kind = message_id(begun["id"]), "refusal" if draft.is_refused else "output_text"
    place = {"item_id": item, "output_index": 0, "content_index": 0}

    def event(type_: str, **fields: Any) -> Event:
        return {"type": f"response.{type_}", "sequence_number": next(numbers), **fields}

    empty = {**message_resource(begun["id"], draft), "status": "in_progress", "content": []}
    part = content_part(draft.text, is_refusal=draft.is_refused)
    more: dict[str, Any] = {} if draft.is_refused else {"logprobs": []}
    said = {"refusal": draft.text} if draft.is_refused else {"text": draft.text}
    yield event("created", response=begun)
    yield event("in_progress", response=begun)
    yield event("output_item.added", output_index=0, item=empty)
    blank = content_part("", is_refusal=draft.is_refused)
    yield event("content_part.added", **place, part=blank)
    for piece in draft.pieces:
        yield event(f"{kind}.delta", **place, delta=piece, **more)
    yield event(f"{kind}.done", **place, **said, **more)
    yield event("content_part.done", **place, part=part)
    yield event("output_item.done", output_index=0, item=message_resource(begun["id"], draft))
    yield event(ended["status"], response=ended)


def completion_chunks(id_: str, question: Question, draft: Draft, *, at: int) -> Iterator[Event]:
    """Give the chunks of a chat completion."""
    frame = {"id": id_, "object": "chat.completion.chunk", "created": at, "model": question.model}

    def chunk(delta: Mapping[str, Any], ended: str | None = None) -> Event:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": ended}
        return {**frame, "choices": [choice]}

    yield chunk({"role": "assistant", "content": ""})
    for piece in draft.pieces:
        yield chunk({"refusal" if draft.is_refused else "content": piece})
    yield chunk({}, finish_reason(draft))
    if question.wants_usage:
        yield {**frame, "choices": [], "usage": chat_usage(question, draft)}
