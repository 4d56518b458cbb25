"""The local assistant proves what every assistant has to."""

from collections.abc import Mapping
from typing import ClassVar

from clientflow_core.testing import AssistantConformance, NotSupported, Skip
from clientflow_plugins.local_assistant.spec import LOCAL_ASSISTANT


class TestLocalAssistant(AssistantConformance):
    spec = LOCAL_ASSISTANT
    refused_words = "My lawyer will sue you."
    skips: ClassVar[Mapping[str, Skip]] = {
        "assistant.unfit-answer-is-unavailable": NotSupported("its rules only make what fits"),
    }
