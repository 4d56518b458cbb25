"""A stand-in for a mail server and the clients behind it, strict where mail servers are lenient.

It speaks SMTP on a port of its own (aiosmtpd), beside the control surface that every sandbox has.
Only the account's own address may send, signed in; a mail must have the headers of RFC 5322 once
each, and be free of what its own parser would have to mend. Not there: STARTTLS, queues.
"""

from clientflow_plugins.smtp.sandbox.server import (
    BOUNCING_ADDRESS,
    FULL_ADDRESS,
    UNKNOWN_ADDRESS,
    SmtpSandbox,
)

__all__ = ["BOUNCING_ADDRESS", "FULL_ADDRESS", "UNKNOWN_ADDRESS", "SmtpSandbox"]
