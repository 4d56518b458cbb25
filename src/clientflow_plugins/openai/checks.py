"""What can be told of the account at OpenAI, for the checklist.

One model of an account: https://developers.openai.com/api/reference/resources/models.
"""

from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import aiohttp

from clientflow_core.contributions.checks import (
    CheckContext,
    CheckResult,
    CheckSpec,
    failed,
    passed,
    skipped,
)
from clientflow_core.errors import AuthFailed, ProviderUnavailable
from clientflow_plugins.openai.prices import AS_OF, price_of
from clientflow_plugins.openai.settings import OpenAISettings

_TIMEOUT: Final = aiohttp.ClientTimeout(total=8, connect=4)


async def check_account(context: CheckContext) -> CheckResult:
    """List the models, which costs no tokens, and look for those that are set."""
    settings = context.settings(OpenAISettings)
    wanted = (settings.model, settings.embedding_model)
    expected = f"a key that works, and the models {' and '.join(wanted)}"
    assistant = await context.providers.assistant("openai")
    try:
        name = await assistant.verify()
    except AuthFailed as error:
        hint = "correct OPENAI_API_KEY; see https://platform.openai.com/api-keys"
        return failed(str(error), expected=expected, hint=hint)
    missing = [model for model in wanted if not await _has_model(context, model)]
    if missing:
        hint = (
            "set OPENAI_MODEL and OPENAI_EMBEDDING_MODEL to models of the account, which"
            " https://platform.openai.com/settings/organization/limits lists"
        )
        found = f"{name} has no model {' and '.join(missing)}"
        return failed(found, expected=expected, hint=hint)
    found = f"{name} answers, and has both; {_budget_words(settings)}"
    return passed(found, expected=expected)


async def check_price(context: CheckContext) -> CheckResult:
    """Tell whether the cost of answers is known."""
    model = context.settings(OpenAISettings).model
    expected = f"a price of {model} in the table of {AS_OF}"
    if price_of(model) is not None:
        return passed("there is one", expected=expected)
    hint = "answers are counted in tokens, and their cost is not told"
    return skipped("there is none", expected=expected, hint=hint)


CHECKS: Final = (
    CheckSpec(id="EA8", title="OpenAI answers, and has the models", run=check_account),
    CheckSpec(id="openai-price", title="The cost of answers is known", run=check_price),
)


def _budget_words(settings: OpenAISettings) -> str:
    if settings.monthly_budget is None:
        return "no organization has a budget: set OPENAI_MONTHLY_BUDGET"
    return f"each organization may spend {settings.monthly_budget} US dollars a month"


async def _has_model(context: CheckContext, model: str) -> bool:
    settings = context.settings(OpenAISettings)
    url = f"{settings.api_url}/models/{quote(model, safe='')}"
    headers = {"Authorization": f"Bearer {settings.api_key.reveal()}"}
    try:
        # Nobody else is to be sent the key.
        async with context.http.get(
            url, headers=headers, timeout=_TIMEOUT, allow_redirects=False
        ) as response:
            status = response.status
    except (aiohttp.ClientError, OSError) as error:
        msg = f"OpenAI did not tell of the model {model}: {type(error).__name__}"
        raise ProviderUnavailable(msg) from error
    if status not in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}:
        msg = f"OpenAI did not tell of the model {model}: HTTP {status}"
        raise ProviderUnavailable(msg)
    return status == HTTPStatus.OK
