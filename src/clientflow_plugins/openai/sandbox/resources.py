"""OpenAI's resources as JSON, after its document ``openapi.json``.

The tests hold them against it.
"""

import base64
import hashlib
import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

from clientflow_plugins.openai.prices import PRICES
from clientflow_plugins.openai.sandbox.drafting import FLAGGED_WORDS, Draft, count_tokens
from clientflow_plugins.openai.sandbox.questions import Question
from clientflow_plugins.openai.settings import MODERATION_MODEL

EMBEDDING_MODELS: Final = ("text-embedding-3-small", "text-embedding-3-large")
MODELS: Final = frozenset({*PRICES, "gpt-4.1-mini"})
"""Those that answer; one of them has no price in our table."""

ALL_MODELS: Final = (*sorted(MODELS), *EMBEDDING_MODELS, MODERATION_MODEL)
_BORN: Final = 1_790_000_000
_DIMENSIONS: Final = 8
_CATEGORIES: Final = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/instructions",
    "self-harm/intent",
    "sexual",
    "sexual/minors",
    "violence",
    "violence/graphic",
)


def model_resource(model: str) -> dict[str, Any]:
    """Give a model."""
    return {"id": model, "object": "model", "created": _BORN, "owned_by": "system"}


def response_resource(
    id_: str, body: Mapping[str, Any], question: Question, *, at: int, draft: Draft | None
) -> dict[str, Any]:
    """Give a response; one without *draft* has only begun.

    Args:
        id_: of the response.
        body: of the call.
        question: what that asks.
        at: Unix seconds.
        draft: the answer.
    """
    status = "in_progress" if draft is None else "incomplete" if draft.is_cut else "completed"
    is_cut = status == "incomplete"
    resource = {
        "id": id_,
        "object": "response",
        "created_at": at,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
        "instructions": question.instructions,
        "max_output_tokens": question.most_tokens,
        "metadata": {},
        "model": question.model,
        "output": [] if draft is None else [message_resource(id_, draft)],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": question.effort, "summary": None},
        "temperature": 1.0,
        "text": body.get("text", {"format": {"type": "text"}}),
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
    }
    kept = ("prompt_cache_key", "safety_identifier")
    resource |= {name: body[name] for name in kept if name in body}
    return resource if draft is None else resource | {"usage": _response_usage(question, draft)}


def message_resource(id_: str, draft: Draft) -> dict[str, Any]:
    """Give the message that a response holds."""
    return {
        "id": message_id(id_),
        "type": "message",
        "role": "assistant",
        "status": "incomplete" if draft.is_cut else "completed",
        "content": [content_part(draft.text, is_refusal=draft.is_refused)],
    }


def message_id(id_: str) -> str:
    """Name the message of the response *id_*."""
    return f"msg_{id_.removeprefix('resp_')}"


def content_part(text: str, *, is_refusal: bool) -> dict[str, Any]:
    """Give what was said, or why not."""
    if is_refusal:
        return {"type": "refusal", "refusal": text}
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def completion_resource(id_: str, question: Question, draft: Draft, *, at: int) -> dict[str, Any]:
    """Give a chat completion."""
    said: dict[str, Any] = {
        "role": "assistant",
        "content": None if draft.is_refused else draft.text,
        "refusal": draft.text if draft.is_refused else None,
        "annotations": [],
    }
    choice = {
        "index": 0,
        "message": said,
        "logprobs": None,
        "finish_reason": finish_reason(draft),
    }
    return {
        "id": id_,
        "object": "chat.completion",
        "created": at,
        "model": question.model,
        "choices": [choice],
        "usage": chat_usage(question, draft),
    }


def finish_reason(draft: Draft) -> str:
    """Say why a completion has ended."""
    return "length" if draft.is_cut else "stop"


def chat_usage(question: Question, draft: Draft) -> dict[str, Any]:
    """Count what a completion took."""
    taken, given = count_input(question), len(draft.pieces)
    return {
        "prompt_tokens": taken,
        "completion_tokens": given,
        "total_tokens": taken + given,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def count_input(question: Question) -> int:
    """Count the tokens of a question."""
    return count_tokens(question.instructions, *(text for _, text in question.said))


def _response_usage(question: Question, draft: Draft) -> dict[str, Any]:
    taken, given = count_input(question), len(draft.pieces)
    return {
        "input_tokens": taken,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": given,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": taken + given,
    }


def embeddings_resource(texts: Sequence[str], *, model: str, is_base64: bool) -> dict[str, Any]:
    """Give a vector for each text; texts that share their words have vectors near each other."""
    vectors = [_vector_of(text) for text in texts]
    data = [
        {"object": "embedding", "index": place, "embedding": _packed(one) if is_base64 else one}
        for place, one in enumerate(vectors)
    ]
    taken = count_tokens(*texts)
    # The order is not promised, and so it is another one.
    return {
        "object": "list",
        "model": model,
        "data": data[::-1],
        "usage": {"prompt_tokens": taken, "total_tokens": taken},
    }


def moderation_resource(id_: str, texts: Sequence[str]) -> dict[str, Any]:
    """Give a verdict on each text."""
    return {"id": id_, "model": MODERATION_MODEL, "results": [_verdict(text) for text in texts]}


def _vector_of(text: str) -> list[float]:
    total = [0.0] * _DIMENSIONS
    for word in text.lower().split():
        digest = hashlib.sha256(word.encode()).digest()
        total = [held + byte - 127.5 for held, byte in zip(total, digest, strict=False)]
    length = sum(one * one for one in total) ** 0.5 or 1.0
    return [struct.unpack("<f", struct.pack("<f", one / length))[0] for one in total]


def _packed(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _verdict(text: str) -> dict[str, Any]:
    flagged = {"harassment"} if FLAGGED_WORDS in text else set()
    return {
        "flagged": bool(flagged),
        "categories": {name: name in flagged for name in _CATEGORIES},
        "category_scores": {name: 0.9 if name in flagged else 0.01 for name in _CATEGORIES},
        "category_applied_input_types": {name: ["text"] for name in _CATEGORIES},
    }
