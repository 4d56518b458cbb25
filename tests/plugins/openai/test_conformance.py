"""OpenAI's assistant proves what every assistant has to."""

from clientflow_core.testing import AssistantConformance
from clientflow_plugins.openai.spec import OPENAI


class TestOpenAI(AssistantConformance):
    spec = OPENAI
