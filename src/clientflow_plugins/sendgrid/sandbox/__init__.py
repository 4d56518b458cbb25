"""A stand-in for SendGrid's Web API v3, strict where SendGrid is lenient.

Sending and the look-ups as in SendGrid's OpenAPI documents ``tsg_*_v3.json`` (held against them by
the tests); webhooks: see events.py and inbound.py of the plugin. Not there: templates, copies,
unsubscribe groups, batches, times of sending, and the repetition of webhooks.
"""

from clientflow_plugins.sendgrid.sandbox.mailbox import BOUNCING_ADDRESS, UNSUBSCRIBED_ADDRESS
from clientflow_plugins.sendgrid.sandbox.server import SendgridSandbox

__all__ = ["BOUNCING_ADDRESS", "UNSUBSCRIBED_ADDRESS", "SendgridSandbox"]
