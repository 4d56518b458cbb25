"""The conformance of webhooks alone, of a provider of whatever kind."""

from clientflow_core.testing.groups.sandbox import SandboxChecks
from clientflow_core.testing.groups.webhooks import WebhookChecks


class WebhookConformance(WebhookChecks, SandboxChecks):
    """That nobody else is taken for the provider; see :class:`Conformance` for what to name."""
