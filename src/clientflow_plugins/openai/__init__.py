"""Words by OpenAI, or a server that speaks as it does. Importing this imports no SDK."""

from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from clientflow_core.contributions.checks import CheckSpec
from clientflow_core.hookspecs import Hooks, hookimpl
from clientflow_core.providers.assistant import AssistantProvider
from clientflow_core.providers.spec import ProviderSpec
from clientflow_plugins.openai.checks import CHECKS
from clientflow_plugins.openai.spec import OPENAI


class OpenAIPlugin(Hooks):
    """Brings the assistant ``openai``."""

    @hookimpl
    @override
    def clientflow_assistants(self) -> Iterable[ProviderSpec[Any, AssistantProvider]]:
        """Give the one assistant of this plugin."""
        return (OPENAI,)

    @hookimpl
    @override
    def clientflow_checks(self) -> Iterable[CheckSpec]:
        """Give what can be told of the account."""
        return CHECKS


plugin = OpenAIPlugin()
