"""A stand-in for Sentry's ingest server, as far as the plugin uses it, and for its alert rules."""

from clientflow_plugins.sentry.sandbox.server import SentrySandbox

__all__ = ["SentrySandbox"]
