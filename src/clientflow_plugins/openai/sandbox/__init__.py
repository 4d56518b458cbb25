"""A stand-in for OpenAI's API, strict where OpenAI is lenient. It cannot think: it has rules.

Requests and answers as in OpenAI's own document ``openapi.json`` (held against it by the tests);
errors: https://developers.openai.com/api/docs/guides/error-codes. Not there: tools, images, files,
stored responses, and everything else that the plugin does not use.
"""

from clientflow_plugins.openai.sandbox.drafting import (
    ENDLESS_WORDS,
    FLAGGED_WORDS,
    REFUSED_WORDS,
    UNFIT_WORDS,
)
from clientflow_plugins.openai.sandbox.server import OpenAISandbox

__all__ = [
    "ENDLESS_WORDS",
    "FLAGGED_WORDS",
    "REFUSED_WORDS",
    "UNFIT_WORDS",
    "OpenAISandbox",
]
