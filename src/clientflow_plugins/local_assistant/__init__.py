"""Words by rules, on this machine alone: no key, and the same answer to the same question."""

from collections.abc import Iterable
from typing import Any

from typing_extensions import override

from clientflow_core.hookspecs import Hooks, hookimpl
from clientflow_core.providers.assistant import AssistantProvider
from clientflow_core.providers.spec import ProviderSpec
from clientflow_plugins.local_assistant.spec import LOCAL_ASSISTANT


class LocalAssistantPlugin(Hooks):
    """Brings the assistant ``local_assistant``."""

    @hookimpl
    @override
    def clientflow_assistants(self) -> Iterable[ProviderSpec[Any, AssistantProvider]]:
        """Give the one assistant of this plugin."""
        return (LOCAL_ASSISTANT,)


plugin = LocalAssistantPlugin()
