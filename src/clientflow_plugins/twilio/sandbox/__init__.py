"""A stand-in for Twilio's messaging API, strict where Twilio is lenient.

Resources and list pages as in Twilio's OpenAPI document ``twilio_api_v2010.json`` (held against it
by the tests); errors: https://www.twilio.com/docs/api/errors; webhooks: see webhooks.py. STOP,
START and HELP are answered as Twilio does by default, https://help.twilio.com/articles/223134027.
Not there: media, scheduling, Advanced Opt-Out, and the repetition of webhooks.
"""

from clientflow_plugins.twilio.sandbox.acceptance import (
    BLOCKED_NUMBER,
    INVALID_NUMBER,
    LANDLINE_NUMBER,
    LONGEST_BODY,
    UNREACHABLE_NUMBER,
)
from clientflow_plugins.twilio.sandbox.resources import API_VERSION
from clientflow_plugins.twilio.sandbox.server import TwilioSandbox

__all__ = [
    "API_VERSION",
    "BLOCKED_NUMBER",
    "INVALID_NUMBER",
    "LANDLINE_NUMBER",
    "LONGEST_BODY",
    "UNREACHABLE_NUMBER",
    "TwilioSandbox",
]
