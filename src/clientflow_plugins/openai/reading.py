"""What an answer is taken for, however it was asked for.

The SDK checks nothing: it gives an object whose fields hold whatever was sent.
"""

import json
from typing import Any

import jsonschema_rs

from clientflow_core.domain.assistance import Assistance, AssistanceRequest, TokenUsage
from clientflow_core.errors import ProviderRefused, ProviderUnavailable
from clientflow_plugins.openai.prices import TokenCounts, cost_usd


def read_words(value: object) -> str:
    """Give *value*, which must be a text.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(value, str):
        msg = f"{type(value).__name__} where a text is due"
        raise TypeError(msg)
    return value


def read_count(value: object) -> int:
    """Give *value*, which must be a whole number and not negative.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        msg = f"{type(value).__name__} where a count is due"
        raise TypeError(msg)
    return value


def read_usage(model: str, counts: TokenCounts) -> TokenUsage:
    """Give what an answer took, and what it has cost."""
    return TokenUsage(
        input_tokens=counts.input,
        output_tokens=counts.output,
        cached_input_tokens=min(counts.cached, counts.input),
        cost_usd=cost_usd(model, counts),
    )


def make_assistance(
    text: str, request: AssistanceRequest, *, is_whole: bool, model: str, counts: TokenCounts
) -> Assistance:
    """Give the answer to *request*.

    Raises:
        ProviderUnavailable: it does not fit the schema, or there is none.
    """
    if is_whole and not text:
        msg = "OpenAI has answered without a word"
        raise ProviderUnavailable(msg, provider_code="empty_answer")
    return Assistance(
        text=text,
        usage=read_usage(model, counts),
        model=model,
        data=_read_data(text, request.schema) if is_whole and request.schema else None,
        is_whole=is_whole,
    )


def refusal(words: str) -> ProviderRefused:
    """Give the error that says that the model refuses to answer."""
    return ProviderRefused(f"OpenAI refuses to answer: {words[:300]}", provider_code="refusal")


def _read_data(text: str, schema: Any) -> Any:
    try:
        data = json.loads(text)
        is_fit = jsonschema_rs.is_valid(dict(schema), data)
    except (ValueError, RecursionError):
        is_fit, data = False, None
    if not is_fit:
        msg = "OpenAI has answered with what does not fit the schema"
        raise ProviderUnavailable(msg, provider_code="unfit_answer")
    return data
