"""What an operator sets for OpenAI, or for a server that speaks as it does."""

from collections.abc import Iterator
from typing import Final

import attrs

from clientflow_core.errors import SettingProblem
from clientflow_core.secret import Secret
from clientflow_core.settings import setting
from clientflow_plugins.openai.prices import price_of

API_URL: Final = "https://api.openai.com/v1"
MODEL: Final = "gpt-6-luna"
EMBEDDING_MODEL: Final = "text-embedding-3-small"
# https://developers.openai.com/api/docs/guides/moderation: free, and not counted.
MODERATION_MODEL: Final = "omni-moderation-latest"
OWN_EFFORT: Final = "model"
"""The effort that the model has by itself: nothing is said about it."""

_BUDGET_ENV: Final = "OPENAI_MONTHLY_BUDGET"
_CONSOLE: Final = "https://platform.openai.com/api-keys"
_MODEL: Final = r"[A-Za-z0-9][A-Za-z0-9._:/-]*"


@attrs.frozen(kw_only=True)
class OpenAISettings:
    """The account that pays, and who answers."""

    api_key: Secret = setting(
        env="OPENAI_API_KEY",
        help="the key of a project that the API is called with",
        pattern=r"[!-~]+",
        example="sk-proj- and many letters",
        console_url=_CONSOLE,
        per_organization=True,
    )
    model: str = setting(
        env="OPENAI_MODEL",
        help="which model answers",
        default=MODEL,
        pattern=_MODEL,
        example=MODEL,
    )
    reasoning_effort: str = setting(
        env="OPENAI_REASONING_EFFORT",
        help="how long the model thinks before it answers, which is paid for as an answer is; "
        f"{OWN_EFFORT} says nothing about it, as models that do not reason want it",
        default="low",
        pattern=f"none|minimal|low|medium|high|xhigh|max|{OWN_EFFORT}",
        example="low",
    )
    embedding_model: str = setting(
        env="OPENAI_EMBEDDING_MODEL",
        help="which model turns texts into vectors; vectors of two models cannot be compared",
        default=EMBEDDING_MODEL,
        pattern=_MODEL,
        example=EMBEDDING_MODEL,
    )
    monthly_budget: int | None = setting(
        env=_BUDGET_ENV,
        help="what each organization may spend on drafts in a month, in whole US dollars; one that "
        "sets a key of its own sets its own",
        default=None,
        example="20",
        per_organization=True,
    )
    base_url: str | None = setting(
        env="OPENAI_BASE_URL",
        help="where the API is, instead of OpenAI; it is sent the key",
        default=None,
        pattern=r"https?://[^\s/?#@]+(/[^\s?#]*)?",
        example="http://localhost:11434/v1",
    )
    chat_completions: bool = setting(
        env="OPENAI_CHAT_COMPLETIONS",
        help="ask at /chat/completions, for servers that have no /responses",
        default=False,
        example="true",
    )

    def check(self) -> Iterator[SettingProblem]:
        """Give a problem for a budget that nothing could be counted against."""
        if self.monthly_budget is None:
            return
        if self.monthly_budget < 1:
            yield SettingProblem(_BUDGET_ENV, "must be at least 1")
        if price_of(self.model) is None:
            problem = f"is set, and the price of {self.model} is not known"
            hint = "choose another model, or set a limit at the provider"
            yield SettingProblem(_BUDGET_ENV, problem, hint)

    @property
    def api_url(self) -> str:
        """Where the API is, without a slash at the end."""
        return (self.base_url or API_URL).rstrip("/")
